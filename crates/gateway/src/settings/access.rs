//! Who may speak on a channel, as the configuration says it.

use channels::policy::{AccessPolicy, DmPolicy, GroupPolicy, GroupRule};

/// The policy of the Telegram account.
pub(super) fn policy(config: &config::TelegramConfig) -> AccessPolicy {
    AccessPolicy {
        dm: match config.dm_policy {
            config::DmPolicy::Pairing => DmPolicy::Pairing,
            config::DmPolicy::Allowlist => DmPolicy::Allowlist,
            config::DmPolicy::Open => DmPolicy::Open,
            config::DmPolicy::Disabled => DmPolicy::Disabled,
        },
        allow_from: config.allow_from.clone(),
        group: group_policy(config.group_policy),
        group_allow_from: config.group_allow_from.clone().unwrap_or_default(),
        groups: groups(config).into_iter().map(rule).collect(),
    }
}

/// Every group and topic that the configuration names, with what it leaves open filled in: from the group, and from the entry
/// for all.
pub(super) fn groups(config: &config::TelegramConfig) -> Vec<(String, config::GroupConfig)> {
    let mut out = Vec::new();
    for id in config.groups.keys() {
        let Some(group) = config.group(id) else { continue };
        for (topic, own) in &group.topics {
            let every = group.topics.get("*").filter(|_| topic != "*");
            let topic_config = every.map_or_else(|| own.clone(), |every| own.over(every)).over(&group);
            out.push((format!("{id}:topic:{topic}"), topic_config));
        }
        out.push((id.clone(), group));
    }
    out
}

fn rule((id, group): (String, config::GroupConfig)) -> GroupRule {
    GroupRule {
        id,
        require_mention: group.requires_mention(),
        enabled: group.is_enabled(),
        policy: group.group_policy.map(group_policy),
        allow_from: group.allow_from,
    }
}

fn group_policy(policy: config::GroupPolicy) -> GroupPolicy {
    match policy {
        config::GroupPolicy::Open => GroupPolicy::Open,
        config::GroupPolicy::Allowlist => GroupPolicy::Allowlist,
        config::GroupPolicy::Disabled => GroupPolicy::Disabled,
    }
}
