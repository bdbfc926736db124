//! `session`: which conversation belongs to which session.

use super::duration_ms;
use crate::choice::choice;
use crate::doc::Section;
use serde_json::Value;

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

choice! {
    /// What becomes of sessions that are old or too many when somebody cleans up.
    MaintenanceMode {
        /// They are put away.
        Enforce => "enforce",
        /// They are named.
        Warn => "warn",
    }
}

/// `session.maintenance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceConfig {
    /// `mode`, enforce by default.
    pub mode: MaintenanceMode,
    /// `pruneAfter`, 30 days by default: sessions that were active last before so many ms are old.
    pub prune_after_ms: i64,
    /// `maxEntries`, 5000 by default: sessions of one agent that are not put away.
    pub max_entries: usize,
    /// `preserveRecent`: those that were active within so many ms stay, however many there are; `None`: none for that.
    pub preserve_recent_ms: Option<i64>,
}

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Default for MaintenanceConfig {
    fn default() -> Self {
        Self {
            mode: MaintenanceMode::Enforce,
            prune_after_ms: 30 * 24 * 60 * 60 * 1000,
            max_entries: 5000,
            preserve_recent_ms: None,
        }
    }
}

impl MaintenanceConfig {
    fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        let most = s.integer("maxEntries", 1..=1_000_000).and_then(|n| usize::try_from(n).ok());
        Self {
            mode: s.choice("mode").unwrap_or(default.mode),
            prune_after_ms: span(s, "pruneAfter").unwrap_or(default.prune_after_ms),
            max_entries: most.unwrap_or(default.max_entries),
            preserve_recent_ms: span(s, "preserveRecent"),
        }
    }
}

/// How long; a bare number is days, and `false` is as nothing.
fn span(s: &Section<'_>, key: &'static str) -> Option<i64> {
    let ms = match s.raw(key)? {
        Value::Bool(false) => return None,
        Value::String(text) => duration_ms(text, DAY_MS),
        Value::Number(days) => days.as_u64().and_then(|days| days.checked_mul(DAY_MS)),
        _ => None,
    };
    let ms = ms.and_then(|ms| i64::try_from(ms).ok()).filter(|ms| *ms > 0);
    if ms.is_none() {
        s.error(key, "is no duration; write it as \"30d\" or \"12h\"");
    }
    ms
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
    /// `maintenance`: which sessions are put away when somebody cleans up.
    pub maintenance: MaintenanceConfig,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            scope: SessionScope::PerSender,
            dm_scope: DmScope::Main,
            group_scope: GroupScope::PerGroup,
            main_key: "main".to_owned(),
            maintenance: MaintenanceConfig::default(),
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
            maintenance: s.section("maintenance", MaintenanceConfig::read),
        }
    }
}
