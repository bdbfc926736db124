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
        groups: config
            .groups
            .keys()
            // With what the group leaves open taken from the entry for all.
            .filter_map(|id| config.group(id).map(|group| (id, group)))
            .map(|(id, group)| GroupRule {
                id: id.clone(),
                require_mention: group.requires_mention(),
                enabled: group.is_enabled(),
                policy: group.group_policy.map(group_policy),
                allow_from: group.allow_from,
            })
            .collect(),
    }
}

fn group_policy(policy: config::GroupPolicy) -> GroupPolicy {
    match policy {
        config::GroupPolicy::Open => GroupPolicy::Open,
        config::GroupPolicy::Allowlist => GroupPolicy::Allowlist,
        config::GroupPolicy::Disabled => GroupPolicy::Disabled,
    }
}
