//! By which words an agent is spoken to in a group, beside the bot's own name.

use config::Config;
use regex_lite::{Regex, escape};
use std::collections::BTreeMap;

/// Patterns of an agent; more would be looked for in every message of every group.
const MOST: usize = 100;

/// The patterns of each agent: its own, else those of `messages`, else its name and its emoji.
#[derive(Default)]
pub(crate) struct Mentions {
    of: BTreeMap<String, Vec<Regex>>,
    /// For an agent of which the configuration says nothing.
    of_others: Vec<Regex>,
}

impl Mentions {
    pub(super) fn read(config: &Config) -> Self {
        let of_all = config.messages.mention_patterns.as_ref();
        let of = |agent: &config::AgentConfig| {
            let identity = || own_words(agent.identity.name.as_deref(), agent.identity.emoji.as_deref());
            let patterns = agent.mention_patterns.as_ref().or(of_all).cloned().unwrap_or_else(identity);
            (agent.id.clone(), all(&agent.id, &patterns))
        };
        let of_others = of_all.map(|patterns| all("any", patterns)).unwrap_or_default();
        Self { of: config.agents.list.iter().map(of).collect(), of_others }
    }

    /// Whether a text speaks to an agent.
    pub(crate) fn speaks_to(&self, agent_id: &str, text: &str) -> bool {
        self.patterns(agent_id).iter().any(|pattern| pattern.is_match(text))
    }

    /// Whether there are words by which an agent is spoken to.
    pub(crate) fn has_any(&self, agent_id: &str) -> bool {
        !self.patterns(agent_id).is_empty()
    }

    fn patterns(&self, agent_id: &str) -> &[Regex] {
        self.of.get(agent_id).unwrap_or(&self.of_others)
    }
}

fn all(agent_id: &str, patterns: &[String]) -> Vec<Regex> {
    patterns.iter().take(MOST).filter_map(|pattern| compiled(agent_id, pattern)).collect()
}

/// What is none is told of and left out: nobody would be heard by it.
fn compiled(agent_id: &str, pattern: &str) -> Option<Regex> {
    let compiled = Regex::new(&format!("(?i){pattern}"));
    compiled
        .inspect_err(|error| {
            tracing::warn!(agent = agent_id, pattern, %error, "groupChat.mentionPatterns: no regular expression, and left out");
        })
        .ok()
}

fn own_words(name: Option<&str>, emoji: Option<&str>) -> Vec<String> {
    let filled = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(escape);
    let name = filled(name).map(|name| format!(r"(?:^|\W)@?{name}(?:\W|$)"));
    name.into_iter().chain(filled(emoji)).collect()
}

#[cfg(test)]
mod tests {
    use super::{compiled, own_words};

    #[test]
    fn an_agent_is_known_by_its_name_as_a_word_and_by_its_emoji() {
        let words = own_words(Some("Kit (2)"), Some("🦊"));
        let speaks = |text: &str| words.iter().any(|word| compiled("main", word).unwrap().is_match(text));
        for (text, expected) in [
            ("Hey kit (2), are you there?", true),
            ("@Kit (2)", true),
            ("the 🦊 knows", true),
            ("kit 2", false),
            ("kitten (2)", false),
            ("", false),
        ] {
            assert_eq!(speaks(text), expected, "{text}");
        }
        assert!(own_words(None, Some(" ")).is_empty());
        assert!(compiled("main", "(").is_none());
    }
}
