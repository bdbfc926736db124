//! `session`: which conversation belongs to which session.

use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// How direct messages are grouped.
    DmScope {
        /// All share the agent's main session.
        Main => "main",
        /// One session per sender, across channels.
        PerPeer => "per-peer",
        /// One per channel and sender.
        PerChannelPeer => "per-channel-peer",
        /// One per account, channel and sender.
        PerAccountChannelPeer => "per-account-channel-peer",
    }
}

choice! {
    /// How group messages are grouped.
    GroupScope {
        /// All share the agent's main session.
        Main => "main",
        /// One session per group.
        PerGroup => "per-group",
    }
}

choice! {
    /// The base of grouping.
    SessionScope {
        /// By sender and group, as the other scopes say.
        PerSender => "per-sender",
        /// One session for everything.
        Global => "global",
    }
}

/// `session`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// `scope`, per-sender by default.
    pub scope: SessionScope,
    /// `dmScope`, main by default.
    pub dm_scope: DmScope,
    /// `groupScope`, per-group by default.
    pub group_scope: GroupScope,
    /// The last part of the main session's key: always `main`; `session.mainKey` is accepted and has no effect.
    pub main_key: String,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            scope: SessionScope::PerSender,
            dm_scope: DmScope::Main,
            group_scope: GroupScope::PerGroup,
            main_key: "main".to_owned(),
        }
    }
}

impl SessionConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        if s.text("mainKey").is_some_and(|key| key != default.main_key) {
            s.warn("mainKey", "has no effect; the main session's key always ends in \"main\"");
        }
        Self {
            scope: s.choice("scope").unwrap_or(default.scope),
            dm_scope: s.choice("dmScope").unwrap_or(default.dm_scope),
            group_scope: s.choice("groupScope").unwrap_or(default.group_scope),
            main_key: default.main_key,
        }
    }
}
