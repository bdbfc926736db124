//! `security`: what the security audit is told.

use crate::doc::Section;

/// `security`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityConfig {
    /// `audit.suppressions`: findings that are known and meant.
    pub suppressions: Vec<Suppression>,
}

/// `security.audit.suppressions[]`: a finding that is not to be reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suppression {
    /// `checkId`: the finding's id.
    pub check_id: String,
    /// `titleIncludes`: only where its title has this, in whatever case.
    pub title_includes: Option<String>,
    /// `detailIncludes`: only where its detail has this, in whatever case.
    pub detail_includes: Option<String>,
    /// `reason`: for people.
    pub reason: Option<String>,
}

impl SecurityConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        let read = |item: &Section<'_>| {
            let check_id = item.text("checkId").map(|id| id.trim().to_owned()).unwrap_or_default();
            if check_id.is_empty() && !item.is_described() {
                item.error("checkId", "name the finding to leave out, such as \"fs.synced_dir\"");
            }
            Suppression {
                check_id,
                title_includes: item.text("titleIncludes"),
                detail_includes: item.text("detailIncludes"),
                reason: item.text("reason"),
            }
        };
        let suppressions = s.section("audit", |audit| audit.items("suppressions", read));
        Self { suppressions }
    }
}

impl Suppression {
    /// Whether it is about a finding.
    pub fn covers(&self, check_id: &str, title: &str, detail: &str) -> bool {
        let has = |part: &Option<String>, text: &str| {
            part.as_ref().is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
        };
        self.check_id == check_id && has(&self.title_includes, title) && has(&self.detail_includes, detail)
    }
}
