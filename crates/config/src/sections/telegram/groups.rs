//! `channels.telegram.groups`, their topics, and which tools there are in a chat.

use super::{ErrorPolicy, GroupPolicy, senders};
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
    /// `tools` and `toolsBySender`: of the tools that the agent has, those that it has in this group.
    pub tools: ChatTools,
    /// `topics` by id or `"*"`, each with what it leaves open taken from the group.
    pub topics: BTreeMap<String, GroupConfig>,
    /// `topics.<id>.agentId`: the agent that hears this topic.
    pub agent_id: Option<String>,
    /// `skills`: the only skills that the agent is told of there; `None`: all that it has.
    pub skills: Option<Vec<String>>,
    /// `errorPolicy`; `None`: the account's.
    pub error_policy: Option<ErrorPolicy>,
    /// `disableAudioPreflight`: whether voice messages are not listened to for the agent's name, false by default.
    pub disable_audio_preflight: Option<bool>,
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

    /// `channels.telegram.direct.<id>`: who is heard there, the account alone says.
    pub(super) fn of_direct(s: &Section<'_>) -> Self {
        for key in ["dmPolicy", "allowFrom", "enabled", "requireTopic"] {
            s.unsupported(key, "who is heard directly is said by dmPolicy and allowFrom of the account");
        }
        s.unsupported("autoTopicLabel", "a topic keeps the name that its people gave it");
        let topics = s.entries("topics", |id, topic| {
            for key in
                ["enabled", "requireMention", "groupPolicy", "allowFrom", "ingest", "disableAudioPreflight"]
            {
                topic.unsupported(key, "a topic of a direct chat is heard as the chat itself is");
            }
            let read = Self { agent_id: topic.text("agentId"), ..Self::told(topic) };
            (id.to_owned(), read)
        });
        Self { topics: topics.into_iter().collect(), ..Self::told(s) }
    }

    /// What the agent is told and has in a chat.
    fn told(s: &Section<'_>) -> Self {
        Self {
            system_prompt: s.text("systemPrompt").filter(|text| !text.trim().is_empty()),
            tools: ChatTools::read(s),
            skills: s.texts("skills"),
            error_policy: s.choice("errorPolicy"),
            ..Self::default()
        }
    }

    fn own(s: &Section<'_>) -> Self {
        Self {
            enabled: s.boolean("enabled"),
            require_mention: s.boolean("requireMention"),
            allow_from: senders(s, "allowFrom"),
            group_policy: s.choice("groupPolicy"),
            disable_audio_preflight: s.boolean("disableAudioPreflight"),
            ..Self::told(s)
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
            tools: self.tools.over(&other.tools),
            topics: topics_over(&self.topics, &other.topics),
            agent_id: self.agent_id.clone(),
            skills: self.skills.clone().or_else(|| other.skills.clone()),
            error_policy: self.error_policy.or(other.error_policy),
            disable_audio_preflight: self.disable_audio_preflight.or(other.disable_audio_preflight),
        }
    }

    /// What holds in a topic of this, where it is one: what the topic leaves open is taken from the entry for all, then from this.
    pub fn in_topic(&self, topic: Option<&str>) -> Self {
        let Some(topic) = topic else { return self.clone() };
        let (own, every) = (self.topics.get(topic), self.topics.get("*"));
        let of_topic = match (own, every) {
            (Some(own), Some(every)) => own.over(every),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => return self.clone(),
        };
        of_topic.over(self)
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

/// The tools of a chat, by who speaks: what is configured for it, entry by entry, the closest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatTools(Vec<Layer>);

/// What one entry says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Layer {
    /// `toolsBySender` by user id or `*`; `None` bounds nothing.
    by_sender: BTreeMap<String, Option<ToolBounds>>,
    /// `tools`.
    all: Option<ToolBounds>,
}

impl ChatTools {
    pub(super) fn read(s: &Section<'_>) -> Self {
        let by_sender = s.entries("toolsBySender", |key, bounds| {
            let id = sender_id(key);
            if id.is_none() && !bounds.is_described() {
                s.warn(
                    "toolsBySender",
                    format!("{key:?} counts for nobody: use id:123 or \"*\", because names change hands"),
                );
            }
            (id, ToolBounds::read(bounds))
        });
        let by_sender: BTreeMap<_, _> =
            by_sender.into_iter().filter_map(|(id, bounds)| Some((id?, bounds))).collect();
        let layer = Layer { by_sender, all: s.section("tools", ToolBounds::read) };
        Self(if layer == Layer::default() { vec![] } else { vec![layer] })
    }

    /// This, and behind it what another entry says.
    fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// Whether a tool is there for a sender; where nobody knows who that is, whether it is for every one. `names` are what
    /// lists may call it, its own first.
    pub fn has(&self, sender: Option<&str>, names: &[&str]) -> bool {
        let has = |bounds: &Option<ToolBounds>| bounds.as_ref().is_none_or(|bounds| bounds.has(names));
        let Some(sender) = sender else {
            return self.0.iter().all(|layer| has(&layer.all) && layer.by_sender.values().all(has));
        };
        for layer in &self.0 {
            if let Some(bounds) = layer.by_sender.get(sender).or_else(|| layer.by_sender.get("*")) {
                return has(bounds);
            }
            if layer.all.is_some() {
                return has(&layer.all);
            }
        }
        true
    }

    /// Whether not all senders have the same.
    pub fn differ_by_sender(&self) -> bool {
        self.0.iter().any(|layer| !layer.by_sender.is_empty())
    }
}

/// The user id that a key of `toolsBySender` means, or `*`.
fn sender_id(key: &str) -> Option<String> {
    let key = key.trim();
    let id = ["channel:telegram:", "id:"].iter().find_map(|prefix| key.strip_prefix(prefix)).unwrap_or(key);
    let is_id =
        id == "*" || (!id.is_empty() && id.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()));
    is_id.then(|| id.to_owned())
}

impl ToolBounds {
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        s.unsupported("alsoAllow", "a group has no tools that the agent does not have");
        let (allow, deny) = (s.texts("allow"), s.texts("deny").unwrap_or_default());
        (s.exists() && (allow.is_some() || !deny.is_empty())).then_some(Self { allow, deny })
    }

    /// Whether a tool is among them. Jobs run later and without these bounds, so that `cron` has to be named.
    pub fn has(&self, names: &[&str]) -> bool {
        let listed = |list: &[String]| names.iter().any(|name| lists_tool(list, name));
        let named = |list: &[String]| names_tool(list, "cron");
        self.allow.as_deref().is_none_or(listed)
            && !listed(&self.deny)
            && (names != ["cron"] || self.allow.as_deref().is_some_and(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_entry_that_says_something_of_a_sender_counts() {
        let deny = |tools: &[&str]| {
            let deny = tools.iter().map(|tool| (*tool).to_owned()).collect();
            Some(ToolBounds { allow: None, deny })
        };
        let layer = |by: &[(&str, Option<ToolBounds>)], all| {
            let by_sender = by.iter().map(|(id, bounds)| ((*id).to_owned(), bounds.clone())).collect();
            ChatTools(vec![Layer { by_sender, all }])
        };
        let own = layer(&[("1", None), ("2", deny(&["exec"]))], None);
        let any = layer(&[("3", None)], deny(&["exec", "read"]));
        let tools = own.over(&any);
        let has = |sender: &str| ["exec", "read"].map(|tool| tools.has(Some(sender), &[tool]));
        assert_eq!(
            ["1", "2", "3", "4"].map(has),
            [[true, true], [false, true], [true, true], [false, false]]
        );
        assert!(!tools.has(None, &["exec"]) && !tools.has(None, &["read"]) && tools.has(None, &["ls"]));
        let lent = ["search__find", "bundle-mcp", "group:plugins"];
        for (listed, is_there) in
            [("bundle-mcp", false), ("group:plugins", false), ("search__*", false), ("exec", true)]
        {
            assert_eq!(layer(&[], deny(&[listed])).has(None, &lent), is_there, "{listed}");
        }
        let closed = layer(&[("*", deny(&["exec"]))], None).over(&layer(&[("4", None)], None));
        assert!(!closed.has(Some("4"), &["exec"]), "the closest entry's * is closer than another's id");
        assert!(tools.differ_by_sender() && !layer(&[], deny(&["exec"])).differ_by_sender());
        for (key, id) in [
            ("id:7", Some("7")),
            ("channel:telegram:7", Some("7")),
            ("7", Some("7")),
            ("*", Some("*")),
            ("username:ada", None),
            ("name:Ada", None),
            ("id:", None),
        ] {
            assert_eq!(sender_id(key).as_deref(), id, "{key}");
        }
    }

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
