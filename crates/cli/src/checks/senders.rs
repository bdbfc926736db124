//! Who may write to the agent, and what that lets them do.

use super::finding::Mend;
use super::{Check, Finding, Kind, Looked, Scene, Severity, UNUSABLE, UsedBy, change, now};
use crate::checks::commands::runs_unasked;
use config::{Change, DmPolicy, DmScope, GroupPolicy, GroupScope, TelegramConfig};
use serde_json::json;
use std::collections::BTreeSet;

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
    let Some(telegram) = &config.channels.telegram else { return Looked::default() };
    let accounts = telegram.enabled_accounts();
    let mut findings = Vec::new();
    for account in &accounts {
        let open = open_to_all(scene, account);
        let unasked = !open.is_empty() && runs_unasked(scene);
        findings.extend(open);
        if unasked {
            findings.push(Finding::new(&EXEC, account.place(), "is open, and commands run without asking"));
        }
    }
    let direct: Vec<_> = accounts.iter().filter(|account| account.dm_policy != DmPolicy::Disabled).collect();
    let people: BTreeSet<&String> = direct.iter().flat_map(|account| &account.allow_from).collect();
    let several = people.len() > 1 || direct.iter().any(|account| account.dm_policy == DmPolicy::Open);
    if several && config.session.dm_scope == DmScope::Main {
        let detail = "is \"main\", and more than one person may write";
        findings.push(Finding::new(&SHARED, "session.dmScope", detail));
    }
    let in_groups = accounts.iter().any(|account| account.group_policy != GroupPolicy::Disabled);
    if config.session.group_scope == GroupScope::Main && in_groups {
        findings.push(Finding::new(&GROUPS_MAIN, "session.groupScope", "is \"main\""));
    }
    findings.into()
}

fn open_to_all(scene: &Scene<'_>, telegram: &TelegramConfig) -> Vec<Finding> {
    let (mut findings, place) = (Vec::new(), telegram.place());
    let any = |list: &[String]| list.iter().any(|sender| sender == "*");
    if telegram.dm_policy == DmPolicy::Open {
        findings.push(Finding::new(&DM_OPEN, format!("{place}.dmPolicy"), "is \"open\""));
    } else if telegram.dm_policy != DmPolicy::Disabled && any(&telegram.allow_from) {
        findings.push(Finding::new(&ANY_SENDER, format!("{place}.allowFrom"), "has \"*\""));
    }
    let groups = telegram.groups.iter();
    let own = groups.filter(|(_, group)| group.group_policy == Some(GroupPolicy::Open) && group.is_enabled());
    let mut open: Vec<String> = own.map(|(id, _)| format!("{place}.groups.{id}.groupPolicy")).collect();
    if telegram.group_policy == GroupPolicy::Open {
        open.push(format!("{place}.groupPolicy"));
    }
    findings.extend(open.into_iter().map(|key| {
        let close = close(scene, key.clone());
        Finding::new(&GROUP_OPEN, key, "is \"open\"").mend(close)
    }));
    let listed = telegram.group_policy == GroupPolicy::Allowlist;
    if listed && telegram.group_allow_from.as_deref().is_some_and(any) {
        findings.push(Finding::new(&ANY_SENDER, format!("{place}.groupAllowFrom"), "has \"*\""));
    }
    findings
}

/// Groups that are listed are heard, and in them those who are listed.
fn close(scene: &Scene<'_>, key: String) -> Mend {
    let done = format!("{key} is \"allowlist\" now");
    let set = move |_: &str| Ok(Change::Set { steps: config::path_steps(&key)?, value: json!("allowlist") });
    change::config(scene, set, done)
}
