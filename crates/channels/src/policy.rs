//! Who may speak to the agent: one check above all channels, pure, from the account's settings alone.
//!
//! Approvals by pairing code count in direct chats under `pairing` only: they open no group, and they widen neither
//! `allowlist` nor `open`.

use model::{ChatKind, Inbound, Sender};
use std::str::FromStr;

pub use crate::pairing::{new_pairing_code, pairing_reply};

/// Who may write to the bot directly (`dmPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DmPolicy {
    /// Who is listed or was approved by pairing code; others get a code.
    #[default]
    Pairing,
    /// Who is listed.
    Allowlist,
    /// Everybody, provided that `allowFrom` says so with `*`; otherwise who is listed.
    Open,
    /// Nobody.
    Disabled,
}

/// Who may speak to the bot in groups (`groupPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupPolicy {
    /// Every member, in every group unless groups are listed.
    Open,
    /// Listed members in listed groups.
    #[default]
    Allowlist,
    /// Nobody.
    Disabled,
}

/// A policy's name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no {key}; write one of {allowed}")]
pub struct UnknownPolicy {
    /// The configuration key.
    pub key: &'static str,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: &'static str,
}

impl FromStr for DmPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        match text {
            "pairing" => Ok(Self::Pairing),
            "allowlist" => Ok(Self::Allowlist),
            "open" => Ok(Self::Open),
            "disabled" => Ok(Self::Disabled),
            _ => Err(UnknownPolicy {
                key: "dmPolicy",
                found: text.to_owned(),
                allowed: "pairing, allowlist, open, disabled",
            }),
        }
    }
}

impl FromStr for GroupPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        match text {
            "open" => Ok(Self::Open),
            "allowlist" => Ok(Self::Allowlist),
            "disabled" => Ok(Self::Disabled),
            _ => Err(UnknownPolicy {
                key: "groupPolicy",
                found: text.to_owned(),
                allowed: "open, allowlist, disabled",
            }),
        }
    }
}

/// What holds for one group, or for all that are not named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRule {
    /// The group's id (`-100123`), one topic of it (`-100123:topic:7`), or `*`.
    pub id: String,
    /// Whether the bot must be named or replied to.
    pub require_mention: bool,
    /// Whether the bot listens there at all.
    pub enabled: bool,
    /// Who is heard there, where it is not as in the account; an account that is deaf to groups stays so.
    pub policy: Option<GroupPolicy>,
    /// Members that are heard there, instead of the account's; a list that is given holds under every policy.
    pub allow_from: Option<Vec<String>>,
}

/// An account's settings about who may speak.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessPolicy {
    /// Direct chats.
    pub dm: DmPolicy,
    /// Ids or `*`; ids may carry the channel's name in front (`telegram:123`, `tg:123`). An `@name` lets nobody in:
    /// names change hands.
    pub allow_from: Vec<String>,
    /// Groups.
    pub group: GroupPolicy,
    /// Members that are heard in groups; where it is empty, `allow_from` stands for it.
    pub group_allow_from: Vec<String>,
    /// The groups; where there are any, no other group is heard.
    pub groups: Vec<GroupRule>,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The agent hears it.
    Allow,
    /// It is dropped without an answer; the reason is for the log.
    Ignore(&'static str),
    /// It is not processed; the sender gets a pairing code.
    NeedsPairing,
    /// It is not for the agent. Its sender may speak here, so that it is told as what was said before, once somebody asks.
    Overhear,
}

/// Decides about a message. `paired` says whether its sender was approved by pairing code earlier.
pub fn decide(policy: &AccessPolicy, inbound: &Inbound, paired: bool) -> Access {
    match inbound.chat.kind {
        ChatKind::Direct => decide_direct(policy, inbound, paired),
        ChatKind::Group => decide_group(policy, inbound),
    }
}

/// Whether the sender is meant by name and not let in with everybody: listed by id, or approved by pairing code. What is
/// decided in the owner's name takes that.
pub fn is_named(policy: &AccessPolicy, inbound: &Inbound, paired: bool) -> bool {
    let lists = policy.allow_from.iter().chain(&policy.group_allow_from);
    let by_id = |entry: &str| entry != "*" && entry_fits(entry, &inbound.channel, &inbound.sender);
    paired || lists.map(|e| e.trim()).any(by_id)
}

fn decide_direct(policy: &AccessPolicy, inbound: &Inbound, paired: bool) -> Access {
    let listed = is_listed(&policy.allow_from, inbound);
    match policy.dm {
        DmPolicy::Disabled => Access::Ignore("direct messages are switched off: dmPolicy is disabled"),
        DmPolicy::Pairing if listed || paired => Access::Allow,
        DmPolicy::Pairing => Access::NeedsPairing,
        DmPolicy::Allowlist | DmPolicy::Open if listed => Access::Allow,
        DmPolicy::Allowlist => Access::Ignore("the sender is not in allowFrom"),
        DmPolicy::Open => Access::Ignore(
            "dmPolicy is open but allowFrom has no \"*\": add it to let everybody in, or list the sender",
        ),
    }
}

fn decide_group(policy: &AccessPolicy, inbound: &Inbound) -> Access {
    if policy.group == GroupPolicy::Disabled {
        return Access::Ignore("groups are switched off: groupPolicy is disabled");
    }
    let rule = rule_for(&policy.groups, &inbound.chat.id);
    match rule {
        Some(rule) if !rule.enabled => return Access::Ignore("the group is switched off in groups"),
        None if !policy.groups.is_empty() => return Access::Ignore("the group is not listed in groups"),
        None if policy.group == GroupPolicy::Allowlist => {
            return Access::Ignore("no group is listed: add its id, or \"*\", to groups");
        }
        _ => {}
    }
    let own_members = rule.and_then(|r| r.allow_from.as_ref());
    let members =
        if policy.group_allow_from.is_empty() { &policy.allow_from } else { &policy.group_allow_from };
    match rule.and_then(|r| r.policy).unwrap_or(policy.group) {
        GroupPolicy::Disabled => {
            return Access::Ignore("the group is switched off: its groupPolicy is disabled");
        }
        GroupPolicy::Open if own_members.is_none() => {}
        _ if is_listed(own_members.unwrap_or(members), inbound) => {}
        _ => {
            return Access::Ignore(
                "the sender is not in groupAllowFrom (or, where that is empty, allowFrom)",
            );
        }
    }
    if rule.is_none_or(|r| r.require_mention) && !inbound.addressed {
        return Access::Overhear;
    }
    Access::Allow
}

/// The rule that fits best: this topic's, that of all topics of the group, the group's; then the same of all groups.
fn rule_for<'a>(rules: &'a [GroupRule], chat_id: &str) -> Option<&'a GroupRule> {
    candidates(chat_id).into_iter().find_map(|id| rules.iter().find(|rule| rule.id.trim() == id))
}

/// The ids under which there may be something about a chat, the most particular first.
pub fn candidates(chat_id: &str) -> Vec<String> {
    match chat_id.split_once(":topic:") {
        None => vec![chat_id.to_owned(), "*".to_owned()],
        Some((group, topic)) => [group, "*"]
            .into_iter()
            .flat_map(|of| [format!("{of}:topic:{topic}"), format!("{of}:topic:*"), of.to_owned()])
            .collect(),
    }
}

/// Whether there is a rule about this very group, and not about all.
pub fn names_group(policy: &AccessPolicy, chat_id: &str) -> bool {
    rule_for(&policy.groups, chat_id).is_some_and(|rule| !rule.id.trim().starts_with('*'))
}

fn is_listed(list: &[String], inbound: &Inbound) -> bool {
    list.iter().any(|entry| entry_fits(entry.trim(), &inbound.channel, &inbound.sender))
}

fn entry_fits(entry: &str, channel: &str, sender: &Sender) -> bool {
    if entry == "*" {
        return true;
    }
    let bare = without_channel(entry, channel);
    !bare.is_empty() && bare == sender.id
}

/// `telegram:123` and `tg:123` mean `123`, in any case of letters.
fn without_channel<'a>(entry: &'a str, channel: &str) -> &'a str {
    let Some((prefix, rest)) = entry.split_once(':') else { return entry };
    let short = channel == "telegram" && prefix.eq_ignore_ascii_case("tg");
    if short || prefix.eq_ignore_ascii_case(channel) { rest.trim() } else { entry }
}
