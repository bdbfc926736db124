//! The browser's tabs: how they are called, and what is known of each.

use super::error::Refusal;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Dialogs of a page that are remembered.
const MAX_DIALOGS: usize = 10;

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
    /// How many documents it has begun to show.
    pub(super) loads: u64,
    /// The last questions of the page, which were answered with no.
    pub(super) dialogs: Vec<Value>,
    used: u64,
}

/// All tabs, in the order in which they were opened.
#[derive(Debug, Default)]
pub(super) struct Tabs {
    all: Vec<Tab>,
    last_number: u32,
    uses: u64,
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

    /// Remembers a question of the page.
    pub(super) fn asked(&mut self, dialog: Value) {
        if self.dialogs.len() >= MAX_DIALOGS {
            self.dialogs.remove(0);
        }
        self.dialogs.push(dialog);
    }
}

impl Tabs {
    /// Takes in a tab that is there now.
    pub(super) fn add(&mut self, target: &str, session: &str, (title, url): (&str, &str)) {
        self.remove(|tab| tab.target == target);
        self.last_number += 1;
        self.uses += 1;
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

    /// Forgets tabs that are gone.
    pub(super) fn remove(&mut self, gone: impl Fn(&Tab) -> bool) {
        self.all.retain(|tab| !gone(tab));
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
