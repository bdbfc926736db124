//! `channels.telegram.actions`: what may be done on Telegram beside answering.

use std::collections::BTreeMap;

use crate::doc::Section;

/// All of them, and whether each may be done where nothing is said.
const ACTIONS: [(&str, bool); 8] = [
    ("sendMessage", true),
    ("poll", true),
    ("reactions", true),
    ("editMessage", true),
    ("deleteMessage", true),
    ("sticker", false),
    ("createForumTopic", true),
    ("editForumTopic", true),
];

/// `channels.telegram.actions`, by name. Answers in chats are none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actions(BTreeMap<&'static str, bool>);

impl Actions {
    pub(super) fn read(s: &Section<'_>) -> Self {
        Self(ACTIONS.iter().filter_map(|(name, _)| Some((*name, s.boolean(name)?))).collect())
    }

    /// These, and what they leave open from others.
    pub(super) fn over(mut self, others: &Self) -> Self {
        for (name, allowed) in &others.0 {
            self.0.entry(name).or_insert(*allowed);
        }
        self
    }

    /// Whether something may be done; what has no name here may.
    pub fn allows(&self, action: &str) -> bool {
        let usual = || ACTIONS.iter().find(|(name, _)| *name == action).is_none_or(|(_, usual)| *usual);
        self.0.get(action).copied().unwrap_or_else(usual)
    }
}
