//! `agents`: the agents and what they share.

use std::path::PathBuf;

use super::HeartbeatConfig;
use crate::choice::choice;
use crate::doc::Section;

/// The agent that there is when none is configured.
pub const MAIN_AGENT: &str = "main";

/// `agents`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentsConfig {
    /// `defaults`.
    pub defaults: AgentDefaults,
    /// `entries` by name, or the older `list`, in the order of the file.
    pub list: Vec<AgentConfig>,
}

/// A model and what to try when it fails, each as `provider/model` or by a short name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelChoice {
    /// `primary`.
    pub primary: Option<String>,
    /// `fallbacks`, in order; none is not the same as nothing said.
    pub fallbacks: Option<Vec<String>>,
}

/// `agents.defaults`.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentDefaults {
    /// `model`.
    pub model: ModelChoice,
    /// `workspace`; see [`crate::Paths::workspace`].
    pub workspace: Option<PathBuf>,
    /// `timeoutSeconds`: longest turn, in seconds, two days by default; 0 means no limit of its own.
    pub timeout_seconds: u64,
    /// `contextTokens`: caps the context window, in tokens.
    pub context_tokens: Option<u64>,
    /// `userTimezone`: an IANA name.
    pub user_timezone: Option<String>,
    /// `maxConcurrent`: most turns at once over all sessions; see [`AgentDefaults::max_concurrent`].
    pub max_concurrent: Option<usize>,
    /// `compaction`.
    pub compaction: CompactionConfig,
    /// `heartbeat`; see [`AgentsConfig::heartbeats`].
    pub heartbeat: HeartbeatConfig,
    /// `models.<provider/model>.alias`: a model and what it is called for short.
    pub aliases: Vec<(String, String)>,
    /// `blockStreamingDefault`: on; answers come as messages of at most so many characters (`blockStreamingCoalesce.maxChars`, else
    /// `blockStreamingChunk.maxChars`, else 1200), each once it is complete, wherever a channel says nothing of its own.
    pub block_chars: Option<usize>,
}

/// `agents.defaults.compaction`: shortening a transcript before the window is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactionConfig {
    /// `enabled`, true by default.
    pub enabled: bool,
    /// `reserveTokens` (also `reserveTokensFloor`): tokens kept free for the answer.
    pub reserve_tokens: Option<u64>,
    /// `keepRecentTokens`: tokens of the newest messages that stay word for word.
    pub keep_recent_tokens: Option<u64>,
}

/// `agents.entries.<id>`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentConfig {
    /// The id: the name of the entry.
    pub id: String,
    /// `default`: gets what is addressed to nobody.
    pub default: bool,
    /// `name`.
    pub name: Option<String>,
    /// `workspace`.
    pub workspace: Option<PathBuf>,
    /// `model`, instead of that in the defaults.
    pub model: Option<ModelChoice>,
    /// `identity`.
    pub identity: AgentIdentity,
    /// `heartbeat`, where it has one of its own.
    pub heartbeat: Option<HeartbeatConfig>,
    /// `groupChat.mentionPatterns`, instead of those in `messages`.
    pub mention_patterns: Option<Vec<String>>,
}

/// `agents.entries.<id>.identity`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentIdentity {
    /// `name`.
    pub name: Option<String>,
    /// `emoji`.
    pub emoji: Option<String>,
    /// `theme`: how it speaks.
    pub theme: Option<String>,
    /// `avatar`: a picture; a path within the workspace or an address.
    pub avatar: Option<String>,
}

impl Default for AgentDefaults {
    fn default() -> Self {
        Self {
            model: ModelChoice::default(),
            workspace: None,
            timeout_seconds: 172_800,
            context_tokens: None,
            user_timezone: None,
            max_concurrent: None,
            compaction: CompactionConfig::default(),
            heartbeat: HeartbeatConfig::default(),
            aliases: Vec::new(),
            block_chars: None,
        }
    }
}

impl Default for CompactionConfig {
    fn default() -> Self {
        Self { enabled: true, reserve_tokens: None, keep_recent_tokens: None }
    }
}

impl AgentsConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.raw("ownership");
        let mut list = s.entries("entries", |id, agent| AgentConfig::read(id.to_owned(), agent));
        list.extend(s.items("list", |agent| {
            let id = agent.text("id").unwrap_or_default();
            AgentConfig::read(id, agent)
        }));
        for (index, agent) in list.iter().enumerate() {
            if list.iter().take(index).any(|earlier| earlier.id == agent.id) {
                s.error(
                    "list",
                    format!("the agent id {:?} is given twice; each agent needs its own", agent.id),
                );
            }
        }
        Self { defaults: s.section("defaults", AgentDefaults::read), list }
    }

    /// The id of the agent that gets what is addressed to nobody: the one marked `default`, else the first, else `main`.
    pub fn default_id(&self) -> &str {
        let marked = self.list.iter().find(|agent| agent.default);
        marked.or(self.list.first()).map_or(MAIN_AGENT, |agent| agent.id.as_str())
    }

    /// The entry of one agent.
    pub fn get(&self, id: &str) -> Option<&AgentConfig> {
        self.list.iter().find(|agent| agent.id == id)
    }

    /// The agents that have a heartbeat, each with its own: those whose entries have one, or else the default agent.
    pub fn heartbeats(&self) -> Vec<(String, HeartbeatConfig)> {
        let defaults = &self.defaults.heartbeat;
        let own = self
            .list
            .iter()
            .filter_map(|agent| Some((agent.id.clone(), agent.heartbeat.as_ref()?.over(defaults))));
        let own: Vec<_> = own.collect();
        if own.is_empty() { vec![(self.default_id().to_owned(), defaults.clone())] } else { own }
    }

    /// What is tried when the model of one agent fails: what it says itself; else that of the defaults, unless it has a model of
    /// its own, which is then the only one.
    pub fn fallbacks(&self, id: &str) -> &[String] {
        let own = self.get(id).and_then(|agent| agent.model.as_ref());
        let chosen = match own {
            Some(ModelChoice { fallbacks: Some(own), .. }) => Some(own),
            Some(ModelChoice { primary: Some(_), fallbacks: None }) => None,
            _ => self.defaults.model.fallbacks.as_ref(),
        };
        chosen.map_or(&[], Vec::as_slice)
    }

    /// The model of one agent: its own, else that of the defaults.
    pub fn model(&self, id: &str) -> &ModelChoice {
        let own = self.get(id).and_then(|agent| agent.model.as_ref());
        own.filter(|model| model.primary.is_some()).unwrap_or(&self.defaults.model)
    }
}

choice! {
    /// On or off.
    OnOff {
        /// On.
        On => "on",
        /// Off.
        Off => "off",
    }
}

/// Characters of a message where answers come in several and nothing is said of it.
const BLOCK: u64 = 1200;

/// `blockStreamingDefault`: how long the messages are in which answers come where a channel says nothing of its own; `None`: each comes as
/// one.
fn block_chars(s: &Section<'_>) -> Option<usize> {
    let is_on = s.choice::<OnOff>("blockStreamingDefault") == Some(OnOff::On);
    let of = |key| s.section(key, |section| section.integer("maxChars", 1..=4096));
    let chars = of("blockStreamingCoalesce").or(of("blockStreamingChunk")).unwrap_or(BLOCK);
    is_on.then(|| usize::try_from(chars).unwrap_or(usize::MAX))
}

impl AgentDefaults {
    fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        s.unsupported_mode("sandbox", "commands run without a sandbox");
        let concurrent = s.integer("maxConcurrent", 1..=10_000).and_then(|n| usize::try_from(n).ok());
        Self {
            model: model_choice(s).unwrap_or_default(),
            workspace: s.path("workspace"),
            timeout_seconds: s.integer("timeoutSeconds", 0..=u64::MAX).unwrap_or(default.timeout_seconds),
            context_tokens: s.integer("contextTokens", 1..=u64::MAX),
            user_timezone: s.text("userTimezone"),
            max_concurrent: concurrent,
            compaction: s.section("compaction", CompactionConfig::read),
            block_chars: block_chars(s),
            heartbeat: s.section("heartbeat", HeartbeatConfig::read),
            aliases: s
                .entries("models", |model, entry| Some((model.to_owned(), entry.text("alias")?)))
                .into_iter()
                .flatten()
                .filter(|(_, alias)| !alias.trim().is_empty())
                .collect(),
        }
    }

    /// The model that is called so for short, whatever the letters' case.
    pub fn aliased(&self, alias: &str) -> Option<&str> {
        let is_it = |(_, held): &&(String, String)| held.eq_ignore_ascii_case(alias.trim());
        self.aliases.iter().find(is_it).map(|(model, _)| model.as_str())
    }

    /// Most turns at once: as configured, else four per processor and at least 8.
    pub fn max_concurrent(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        self.max_concurrent.unwrap_or_else(|| (processors * 4).max(8))
    }
}

impl CompactionConfig {
    fn read(s: &Section<'_>) -> Self {
        s.unsupported("enabled", "a transcript is always compacted before the window is full");
        s.unsupported("keepRecentTokens", "about a quarter of the window stays word for word");
        let floor = s.integer("reserveTokensFloor", 0..=u64::MAX);
        Self {
            enabled: s.boolean("enabled").unwrap_or(true),
            reserve_tokens: s.integer("reserveTokens", 0..=u64::MAX).or(floor),
            keep_recent_tokens: s.integer("keepRecentTokens", 0..=u64::MAX),
        }
    }
}

impl AgentConfig {
    fn read(id: String, s: &Section<'_>) -> Self {
        if !valid_id(&id) && s.exists() {
            s.error(
                "id",
                format!("the agent id {id:?} is not allowed; use small letters, digits, - and _, 64 at most"),
            );
        }
        s.unsupported_mode("sandbox", "its commands run without a sandbox");
        s.unsupported("tools", "it has the tools that all agents have");
        Self {
            id,
            default: s.boolean("default").unwrap_or(false),
            name: s.text("name"),
            workspace: s.path("workspace"),
            model: model_choice(s),
            identity: s.section("identity", |identity| {
                identity.unsupported("theme", "SOUL.md in the workspace says how the agent speaks");
                AgentIdentity {
                    name: identity.text("name"),
                    emoji: identity.text("emoji"),
                    theme: identity.text("theme"),
                    avatar: identity.text("avatar"),
                }
            }),
            heartbeat: s.section("heartbeat", |h| h.exists().then(|| HeartbeatConfig::read(h))),
            mention_patterns: s.section("groupChat", |group| group.texts("mentionPatterns")),
        }
    }
}

/// `model` is a string or an object with `primary` and `fallbacks`.
fn model_choice(s: &Section<'_>) -> Option<ModelChoice> {
    s.text_or(
        "model",
        |primary| ModelChoice { primary: Some(primary), fallbacks: None },
        |model| ModelChoice { primary: model.text("primary"), fallbacks: model.texts("fallbacks") },
    )
}

fn valid_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    id.starts_with(plain) && id.len() <= 64 && id.chars().all(|c| plain(c) || c == '-')
}
