//! Who may write to the agent, and what that lets them do.

use super::finding::Mend;
use super::{Check, Finding, Kind, Looked, Scene, Severity, UNUSABLE, UsedBy, change, now};
use crate::checks::commands::runs_unasked;
use config::{Change, DmPolicy, DmScope, GroupPolicy, GroupScope, TelegramConfig};
use serde_json::json;

pub(super) const CHECK: Check = Check {
    id: "senders",
    title: "Who can write to the agent",
    kinds: &[&DM_OPEN, &GROUP_OPEN, &ANY_SENDER, &SHARED, &GROUPS_MAIN, &EXEC],
    used_by: UsedBy::Audit,
    look: |scene| now(look(scene)),
};

static DM_OPEN: Kind = Kind {
    id: "channels.telegram.dm.open",
    severity: Severity::Critical,
    title: "everybody on Telegram can write to the agent",
    remedy: "set channels.telegram.dmPolicy to \"pairing\" and take \"*\" out of allowFrom: you are asked about strangers then",
    mends: false,
};
static GROUP_OPEN: Kind = Kind {
    id: "channels.telegram.groups.open",
    severity: Severity::Critical,
    title: "everybody in a Telegram group with the bot can write to the agent",
    remedy: "set groupPolicy to \"allowlist\", and name who may in groupAllowFrom",
    mends: true,
};
static ANY_SENDER: Kind = Kind {
    id: "channels.telegram.allowFrom.wildcard",
    severity: Severity::Critical,
    title: "a list of those who may write to the agent has everybody in it",
    remedy: "name the people's ids instead of \"*\"",
    mends: false,
};
static SHARED: Kind = Kind {
    id: "channels.telegram.dm.scope_main_multiuser",
    severity: Severity::Warn,
    title: "several people share one conversation with the agent, and can have it tell what others said",
    remedy: "set session.dmScope to \"per-channel-peer\"",
    mends: false,
};
static GROUPS_MAIN: Kind = Kind {
    id: "security.trust_model.group_scope_main",
    severity: Severity::Warn,
    title: "groups share the agent's main conversation",
    remedy: "set session.groupScope to \"per-group\"",
    mends: false,
};
static EXEC: Kind = Kind {
    id: "security.exposure.open_channels_with_exec",
    severity: Severity::Critical,
    title: "strangers can have the agent run commands on this host, and nobody is asked",
    remedy: "close the channel (above), or ask about commands: `openclaw config set tools.exec.mode ask`",
    mends: false,
};

fn look(scene: &Scene<'_>) -> Looked {
    let Some(config) = scene.config() else { return Looked::skipped(UNUSABLE) };
    let Some(telegram) = config.channels.telegram.as_ref().filter(|telegram| telegram.enabled) else {
        return Looked::default();
    };
    let mut findings = open_to_all(scene, telegram);
    if !findings.is_empty() && runs_unasked(scene) {
        findings.push(Finding::new(&EXEC, "channels.telegram", "is open, and commands run without asking"));
    }
    let several = telegram.dm_policy == DmPolicy::Open || telegram.allow_from.len() > 1;
    if several && config.session.dm_scope == DmScope::Main && telegram.dm_policy != DmPolicy::Disabled {
        let detail = "is \"main\", and more than one person may write";
        findings.push(Finding::new(&SHARED, "session.dmScope", detail));
    }
    if config.session.group_scope == GroupScope::Main && telegram.group_policy != GroupPolicy::Disabled {
        findings.push(Finding::new(&GROUPS_MAIN, "session.groupScope", "is \"main\""));
    }
    findings.into()
}

fn open_to_all(scene: &Scene<'_>, telegram: &TelegramConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    let any = |list: &[String]| list.iter().any(|sender| sender == "*");
    if telegram.dm_policy == DmPolicy::Open {
        findings.push(Finding::new(&DM_OPEN, "channels.telegram.dmPolicy", "is \"open\""));
    } else if telegram.dm_policy != DmPolicy::Disabled && any(&telegram.allow_from) {
        findings.push(Finding::new(&ANY_SENDER, "channels.telegram.allowFrom", "has \"*\""));
    }
    let groups = telegram.groups.iter();
    let own = groups.filter(|(_, group)| group.group_policy == Some(GroupPolicy::Open) && group.is_enabled());
    let mut open: Vec<String> =
        own.map(|(id, _)| format!("channels.telegram.groups.{id}.groupPolicy")).collect();
    if telegram.group_policy == GroupPolicy::Open {
        open.push("channels.telegram.groupPolicy".to_owned());
    }
    findings.extend(open.into_iter().map(|key| {
        let close = close(scene, key.clone());
        Finding::new(&GROUP_OPEN, key, "is \"open\"").mend(close)
    }));
    let listed = telegram.group_policy == GroupPolicy::Allowlist;
    if listed && telegram.group_allow_from.as_deref().is_some_and(any) {
        findings.push(Finding::new(&ANY_SENDER, "channels.telegram.groupAllowFrom", "has \"*\""));
    }
    findings
}

/// Groups that are listed are heard, and in them those who are listed.
fn close(scene: &Scene<'_>, key: String) -> Mend {
    let done = format!("{key} is \"allowlist\" now");
    let set = move |_: &str| Ok(Change::Set { steps: config::path_steps(&key)?, value: json!("allowlist") });
    change::config(scene, set, done)
}
