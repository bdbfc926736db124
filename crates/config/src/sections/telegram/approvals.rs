//! `channels.telegram.execApprovals`: who decides about commands, and where they are asked.

use super::senders;
use crate::choice::choice;
use crate::doc::Section;
use serde_json::Value;

choice! {
    /// Where approvers are asked.
    ApprovalTarget {
        /// In their direct chats.
        Dm => "dm",
        /// In the chat whose message led to the question.
        Channel => "channel",
        /// In both.
        Both => "both",
    }
}

/// `channels.telegram.execApprovals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecApprovals {
    /// `enabled`: false leaves the question to the chat that led to it; true and `"auto"`, the default, count where there are
    /// approvers.
    pub enabled: bool,
    /// `approvers`: user ids; `None`: those of `commands.ownerAllowFrom`.
    pub approvers: Option<Vec<String>>,
    /// `target`, dm by default.
    pub target: ApprovalTarget,
    /// `agentFilter`: only questions of these agents.
    pub agents: Option<Vec<String>>,
    /// `sessionFilter`: only questions of sessions whose key has one of these in it.
    pub sessions: Option<Vec<String>>,
}

impl Default for ExecApprovals {
    fn default() -> Self {
        Self { enabled: true, approvers: None, target: ApprovalTarget::Dm, agents: None, sessions: None }
    }
}

impl ExecApprovals {
    /// `None` where there is no such section.
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        let enabled = match s.raw("enabled") {
            None => true,
            Some(Value::Bool(enabled)) => *enabled,
            Some(Value::String(word)) if word == "auto" => true,
            Some(_) => {
                s.error("enabled", "use true, false or \"auto\"");
                true
            }
        };
        let read = Self {
            enabled,
            approvers: senders(s, "approvers"),
            target: s.choice("target").unwrap_or(ApprovalTarget::Dm),
            agents: s.texts("agentFilter"),
            sessions: s.texts("sessionFilter"),
        };
        s.exists().then_some(read)
    }
}
