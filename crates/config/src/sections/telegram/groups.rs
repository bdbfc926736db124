//! `channels.telegram.groups`, their topics, and which tools there are in a chat.

use super::{GroupPolicy, senders};
use crate::doc::Section;
use crate::sections::{lists_tool, names_tool};
use std::collections::BTreeMap;

/// `channels.telegram.groups.<id>`, or one of its `topics.<id>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupConfig {
    /// `enabled`.
    pub enabled: Option<bool>,
    /// `requireMention`.
    pub require_mention: Option<bool>,
    /// `allowFrom`: senders in this group, instead of `groupAllowFrom`.
    pub allow_from: Option<Vec<String>>,
    /// `groupPolicy` for this group.
    pub group_policy: Option<GroupPolicy>,
    /// `systemPrompt`: more for the agent to go by in this group.
    pub system_prompt: Option<String>,
    /// `tools`: of the tools that the agent has, those that it has in this group.
    pub tools: Option<ToolBounds>,
    /// `topics` by id or `"*"`, each with what it leaves open taken from the group.
    pub topics: BTreeMap<String, GroupConfig>,
    /// `topics.<id>.agentId`: the agent that hears this topic.
    pub agent_id: Option<String>,
}

/// `tools` of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolBounds {
    /// `allow`: none but these, where there is a list.
    pub allow: Option<Vec<String>>,
    /// `deny`: not these, whatever is allowed.
    pub deny: Vec<String>,
}

impl GroupConfig {
    pub(super) fn read(s: &Section<'_>) -> Self {
        let topics = s.entries("topics", |id, topic| {
            let read = Self { agent_id: topic.text("agentId"), ..Self::own(topic) };
            (id.to_owned(), read)
        });
        Self { topics: topics.into_iter().collect(), ..Self::own(s) }
    }

    fn own(s: &Section<'_>) -> Self {
        s.unsupported("toolsBySender", "every sender has the tools of the group");
        Self {
            enabled: s.boolean("enabled"),
            require_mention: s.boolean("requireMention"),
            allow_from: senders(s, "allowFrom"),
            group_policy: s.choice("groupPolicy"),
            system_prompt: s.text("systemPrompt").filter(|text| !text.trim().is_empty()),
            tools: s.section("tools", ToolBounds::read),
            topics: BTreeMap::new(),
            agent_id: None,
        }
    }

    /// This entry, with what it leaves open taken from another.
    pub fn over(&self, other: &Self) -> Self {
        Self {
            enabled: self.enabled.or(other.enabled),
            require_mention: self.require_mention.or(other.require_mention),
            allow_from: self.allow_from.clone().or_else(|| other.allow_from.clone()),
            group_policy: self.group_policy.or(other.group_policy),
            system_prompt: self.system_prompt.clone().or_else(|| other.system_prompt.clone()),
            tools: self.tools.clone().or_else(|| other.tools.clone()),
            topics: topics_over(&self.topics, &other.topics),
            agent_id: self.agent_id.clone(),
        }
    }

    /// Whether the agent must be mentioned; true unless configured otherwise.
    pub fn requires_mention(&self) -> bool {
        self.require_mention.unwrap_or(true)
    }

    /// Whether the group is heard; true unless configured otherwise.
    pub fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }
}

/// The topics of both; what one leaves open is taken from the other's of the same id.
fn topics_over(
    own: &BTreeMap<String, GroupConfig>,
    other: &BTreeMap<String, GroupConfig>,
) -> BTreeMap<String, GroupConfig> {
    let mut topics = other.clone();
    for (id, topic) in own {
        let topic = other.get(id).map_or_else(|| topic.clone(), |open| topic.over(open));
        topics.insert(id.clone(), topic);
    }
    topics
}

impl ToolBounds {
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        s.unsupported("alsoAllow", "a group has no tools that the agent does not have");
        let (allow, deny) = (s.texts("allow"), s.texts("deny").unwrap_or_default());
        (s.exists() && (allow.is_some() || !deny.is_empty())).then_some(Self { allow, deny })
    }

    /// Whether a tool is among them. Jobs run later and without these bounds, so that `cron` has to be named.
    pub fn has(&self, tool: &str) -> bool {
        let listed = |list: &[String]| lists_tool(list, tool);
        let named = |list: &[String]| names_tool(list, tool);
        self.allow.as_deref().is_none_or(listed)
            && !listed(&self.deny)
            && (tool != "cron" || self.allow.as_deref().is_some_and(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_its_own_topics_and_those_of_all_groups() {
        let said = |text: &str| GroupConfig { system_prompt: Some(text.into()), ..GroupConfig::default() };
        let with = |topics: &[(&str, GroupConfig)]| GroupConfig {
            topics: topics.iter().map(|(id, topic)| ((*id).to_owned(), topic.clone())).collect(),
            ..GroupConfig::default()
        };
        let members = GroupConfig { allow_from: Some(vec!["1".into()]), ..said("all") };
        let all = with(&[("7", members.clone()), ("*", members.clone())]);
        let both = with(&[("7", said("own")), ("8", said("new"))]).over(&all);
        let text = |id: &str| both.topics[id].system_prompt.clone();
        assert_eq!(
            [text("7"), text("8"), text("*")],
            ["own", "new", "all"].map(|text| Some(text.to_owned()))
        );
        assert_eq!(both.topics["7"].allow_from, members.allow_from);
    }
}
