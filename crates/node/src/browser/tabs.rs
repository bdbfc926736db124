//! The browser's tabs: how they are called, and what is known of each.

use super::dialogs::Dialogs;
use super::downloads::Downloads;
use super::error::Refusal;
use super::log::Log;
use super::trace::Trace;
use super::uploads::Armed;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Parts of pages that are remembered to belong to them: frames from other sites, workers.
const MAX_PARTS: usize = 1000;

/// A tab.
#[derive(Debug, Clone, Default)]
pub(super) struct Tab {
    /// The browser's own name for it.
    pub(super) target: String,
    /// The session over which it is spoken with.
    pub(super) session: String,
    /// It is called `t` and this.
    pub(super) number: u32,
    /// A name that somebody gave it.
    pub(super) label: Option<String>,
    pub(super) title: String,
    pub(super) url: String,
    /// Elements by the names that the last snapshot gave them.
    pub(super) refs: HashMap<String, i64>,
    /// Role and name of each of them.
    pub(super) about: Map<String, Value>,
    /// How many documents it has begun to show.
    pub(super) loads: u64,
    /// How many documents have taken the place of others.
    pub(super) documents: u64,
    /// What the page asks.
    pub(super) dialogs: Dialogs,
    /// Files that the next field is given which asks for some.
    pub(super) armed: Option<Armed>,
    /// What is recorded of it.
    pub(super) trace: Option<Trace>,
    /// What the mouse has picked up.
    pub(super) dragged: Option<Value>,
    /// The browser's own name for the tab that opened it.
    pub(super) opener: Option<String>,
    used: u64,
}

/// All tabs, in the order in which they were opened.
#[derive(Debug, Default)]
pub(super) struct Tabs {
    all: Vec<Tab>,
    last_number: u32,
    uses: u64,
    /// What each has told of itself, by the browser's own name for it.
    logs: HashMap<String, Log>,
    /// Sessions and frames of parts, with the browser's own name for the tab that they are in.
    parts: Vec<Part>,
    /// The files that came.
    pub(super) downloads: Downloads,
}

/// A part of a page that is spoken with by itself.
#[derive(Debug)]
struct Part {
    session: String,
    frame: String,
    tab: String,
}

impl Tab {
    /// What it is called first of all.
    pub(super) fn name(&self) -> String {
        self.label.clone().unwrap_or_else(|| format!("t{}", self.number))
    }

    /// As clients read it.
    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({
            "targetId": self.target, "suggestedTargetId": self.name(), "tabId": format!("t{}", self.number),
            "title": self.title, "url": self.url, "type": "page",
        });
        if let Some(label) = &self.label {
            shown["label"] = json!(label);
        }
        shown
    }
}

impl Tabs {
    /// Takes in a tab that is there now.
    pub(super) fn add(&mut self, target: &str, session: &str, (title, url): (&str, &str)) {
        self.all.retain(|tab| tab.target != target);
        self.forget_what_belonged();
        self.last_number += 1;
        self.uses += 1;
        self.logs.insert(target.to_owned(), Log::default());
        self.all.push(Tab {
            target: target.to_owned(),
            session: session.to_owned(),
            number: self.last_number,
            title: title.to_owned(),
            url: url.to_owned(),
            used: self.uses,
            ..Tab::default()
        });
    }

    /// Forgets tabs that are gone. Gives the browser's names of files that are nobody's any more.
    pub(super) fn remove(&mut self, gone: impl Fn(&Tab) -> bool) -> Vec<String> {
        let gone: Vec<Tab> = self.all.extract_if(.., |tab| gone(tab)).collect();
        self.forget_what_belonged();
        let mut files = Vec::new();
        for tab in gone {
            let opener = tab.opener.filter(|opener| self.all.iter().any(|tab| tab.target == *opener));
            files.extend(self.downloads.tab_gone(&tab.target, opener.as_deref()));
        }
        files
    }

    fn forget_what_belonged(&mut self) {
        let there = |target: &str| self.all.iter().any(|tab| tab.target == target);
        self.logs.retain(|target, _| there(target));
        self.parts.retain(|part| there(&part.tab));
    }

    /// Takes in a part of the page that is spoken with over the session `above`.
    pub(super) fn add_part(&mut self, above: &str, session: &str, frame: &str) {
        let Some(tab) = self.owner(above) else { return };
        if self.parts.len() < MAX_PARTS {
            self.parts.push(Part { session: session.to_owned(), frame: frame.to_owned(), tab });
        }
    }

    /// Forgets a part that is gone.
    pub(super) fn remove_part(&mut self, session: &str) {
        self.parts.retain(|part| part.session != session);
    }

    /// The tab that is spoken with over this session, or that the part is in which is.
    pub(super) fn owner(&self, session: &str) -> Option<String> {
        let tab = self.all.iter().find(|tab| tab.session == session).map(|tab| &tab.target);
        tab.or_else(|| self.parts.iter().find(|part| part.session == session).map(|part| &part.tab)).cloned()
    }

    /// The tab that a frame is in. Of a frame that is not spoken with by itself nobody says so: the tab that was used last.
    pub(super) fn of_frame(&self, frame: &str) -> Option<String> {
        let tab = self.all.iter().find(|tab| tab.target == frame).map(|tab| &tab.target);
        let tab = tab.or_else(|| self.parts.iter().find(|part| part.frame == frame).map(|part| &part.tab));
        tab.or_else(|| self.last_used().map(|tab| &tab.target)).cloned()
    }

    /// What a tab has told of itself.
    pub(super) fn log(&mut self, target: &str) -> Option<&mut Log> {
        self.logs.get_mut(target)
    }

    /// Gives a tab another name of its own.
    pub(super) fn label(&mut self, target: &str, label: &str) -> Result<Value, Refusal> {
        if self.all.iter().any(|tab| tab.label.as_deref() == Some(label) && tab.target != target) {
            return Err(Refusal::invalid(format!("{label:?} is the label of another tab")));
        }
        let tab = self.by_target(target).ok_or_else(|| Refusal::missing("the tab was closed meanwhile"))?;
        tab.label = Some(label.to_owned());
        Ok(tab.shown())
    }

    pub(super) fn all(&self) -> &[Tab] {
        &self.all
    }

    /// The tab with this name of the browser's own.
    pub(super) fn by_target(&mut self, target: &str) -> Option<&mut Tab> {
        self.all.iter_mut().find(|tab| tab.target == target)
    }

    /// The tab that is spoken with over this session.
    pub(super) fn by_session(&mut self, session: &str) -> Option<&mut Tab> {
        self.all.iter_mut().find(|tab| tab.session == session)
    }

    /// Notes that a tab is used now: it is the one that is meant when none is named.
    pub(super) fn touch(&mut self, target: &str) {
        self.uses += 1;
        let uses = self.uses;
        if let Some(tab) = self.by_target(target) {
            tab.used = uses;
        }
    }

    /// The tab that was used last.
    pub(super) fn last_used(&self) -> Option<&Tab> {
        self.all.iter().max_by_key(|tab| tab.used)
    }

    /// The tab that has not been used for the longest time.
    pub(super) fn first_used(&self) -> Option<&Tab> {
        self.all.iter().min_by_key(|tab| tab.used)
    }

    /// The tab that is called so: by label, by `tN`, by the browser's own name or a beginning of it that only one has.
    pub(super) fn named(&self, name: &str) -> Result<&Tab, Refusal> {
        let numbered = |tab: &&Tab| name.eq_ignore_ascii_case(&format!("t{}", tab.number));
        let exact = self.all.iter().find(|tab| tab.label.as_deref() == Some(name));
        let exact = exact.or_else(|| self.all.iter().find(numbered));
        if let Some(tab) = exact.or_else(|| self.all.iter().find(|tab| tab.target == name)) {
            return Ok(tab);
        }
        let begins: Vec<&Tab> = self.all.iter().filter(|tab| tab.target.starts_with(name)).collect();
        match begins.as_slice() {
            [one] => Ok(one),
            [] => {
                let names: Vec<String> = self.all.iter().map(Tab::name).collect();
                Err(Refusal::missing(format!("there is no tab {name:?}; there are: {}", names.join(", "))))
            }
            _ => Err(Refusal::invalid(format!("{name:?} fits several tabs; use the name that tabs gives"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_is_named_by_label_number_and_beginning() {
        let mut tabs = Tabs::default();
        for target in ["AA11", "AA22", "BB33"] {
            tabs.add(target, "s", ("", "about:blank"));
        }
        tabs.by_target("AA22").unwrap().label = Some("docs".into());
        for (name, target) in
            [("t1", "AA11"), ("T3", "BB33"), ("docs", "AA22"), ("AA11", "AA11"), ("B", "BB33")]
        {
            assert_eq!(tabs.named(name).unwrap().target, target, "{name}");
        }
        assert_eq!((tabs.named("AA").unwrap_err().status, tabs.named("x").unwrap_err().status), (400, 404));
        tabs.touch("AA11");
        let used = |tab: Option<&Tab>| tab.unwrap().target.clone();
        assert_eq!((used(tabs.last_used()), used(tabs.first_used())), ("AA11".into(), "AA22".into()));
    }
}
