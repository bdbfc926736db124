//! The host's document: `exec-approvals.json`, in OpenClaw's form.

use super::{Ask, Security};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Agents that a rule for all of them stands under.
const EVERY_AGENT: &str = "*";
/// Rules for so many agents.
const MAX_AGENTS: usize = 256;
/// Entries of one agent's list: each is looked at for each program of a command.
const MAX_ENTRIES: usize = 1000;
/// Characters of each text.
const MAX_TEXT: usize = 4096;

/// The document. What this program does not know of it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// 1.
    pub version: Version,
    /// OpenClaw's desktop app listens here; kept for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<Socket>,
    /// What holds where an agent says nothing.
    #[serde(default)]
    pub defaults: Levels,
    /// By agent; `*` holds for all.
    #[serde(default)]
    pub agents: BTreeMap<String, AgentRules>,
    /// What is not known here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The form of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "u8")]
pub struct Version;

impl TryFrom<f64> for Version {
    type Error = String;

    fn try_from(version: f64) -> Result<Self, String> {
        // Written as 1 or 1.0.
        if version == 1.0 {
            Ok(Self)
        } else {
            Err(format!("version is {version}; 1 is the only one there is"))
        }
    }
}

impl From<Version> for u8 {
    fn from(_: Version) -> u8 {
        1
    }
}

/// Where OpenClaw's desktop app listens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// The socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Levels; those that are not there say nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Levels {
    /// How much may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<Security>,
    /// When somebody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    /// What runs when nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_fallback: Option<Security>,
    /// Whether programs of skills are allowed; kept, and without effect here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_allow_skills: Option<bool>,
    /// What is not known here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What holds for an agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentRules {
    /// Its levels, and what is not known here.
    #[serde(flatten)]
    pub levels: Levels,
    /// What needs no asking.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowlist: Vec<AllowEntry>,
    /// Tools of MCP servers that need no asking; kept, and without effect here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mcp_tools: Vec<Value>,
}

/// What needs no asking.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AllowEntry {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A path or a name, with `*`, `**` and `?`.
    pub pattern: String,
    /// `allow-always` where an approval wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// A regular expression for the arguments, or the hash of exact ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arg_pattern: Option<String>,
    /// When it was used last, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<f64>,
    /// For what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_command: Option<String>,
    /// Where the program was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_resolved_path: Option<String>,
    /// What is not known here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl AllowEntry {
    /// An entry that somebody writes by hand.
    pub fn of(pattern: impl Into<String>) -> Self {
        Self { pattern: pattern.into(), ..Self::default() }
    }

    /// Whether an approval wrote it.
    pub fn is_generated(&self) -> bool {
        self.source.as_deref() == Some("allow-always")
    }

    /// Whether it allows the same.
    pub fn same_as(&self, other: &Self) -> bool {
        self.pattern.trim() == other.pattern.trim() && self.arg_pattern == other.arg_pattern
    }
}

/// What holds where an agent says nothing, nothing left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedDefaults {
    /// How much may run.
    pub security: Security,
    /// When somebody is asked.
    pub ask: Ask,
    /// What runs when nobody answers.
    pub ask_fallback: Security,
    /// Whether programs of skills are allowed.
    pub auto_allow_skills: bool,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            version: Version,
            socket: None,
            defaults: Levels::default(),
            agents: BTreeMap::new(),
            other: Map::new(),
        }
    }
}

impl Document {
    /// Levels of an agent: its own, those for all agents, the defaults, in this order.
    pub(super) fn levels(&self, agent: &str) -> (Option<Security>, Option<Ask>, Option<Security>) {
        let agents = [self.agents.get(agent), self.agents.get(EVERY_AGENT)];
        let ranked = || agents.into_iter().flatten().map(|rules| &rules.levels).chain([&self.defaults]);
        (
            ranked().find_map(|levels| levels.security),
            ranked().find_map(|levels| levels.ask),
            ranked().find_map(|levels| levels.ask_fallback),
        )
    }

    /// What an agent's commands need no asking for: the entries for all agents, then its own.
    pub fn entries(&self, agent: &str) -> Vec<AllowEntry> {
        let own = self.agents.get(agent).filter(|_| agent != EVERY_AGENT);
        let rules = [self.agents.get(EVERY_AGENT), own].into_iter().flatten();
        rules.flat_map(|rules| rules.allowlist.iter().cloned()).collect()
    }

    /// What holds where an agent says nothing.
    pub fn resolved_defaults(&self) -> ResolvedDefaults {
        ResolvedDefaults {
            security: self.defaults.security.unwrap_or(Security::Full),
            ask: self.defaults.ask.unwrap_or(Ask::Off),
            ask_fallback: self.defaults.ask_fallback.unwrap_or(Security::Deny),
            auto_allow_skills: self.defaults.auto_allow_skills.unwrap_or(false),
        }
    }

    /// Adds entries to an agent's list; those that allow the same as one that is there are left out.
    pub fn allow(&mut self, agent: &str, entries: Vec<AllowEntry>) -> bool {
        let list = &mut self.agents.entry(agent.to_owned()).or_default().allowlist;
        let before = list.len();
        for entry in entries {
            if !list.iter().any(|e| e.same_as(&entry)) {
                list.push(entry);
            }
        }
        list.len() > before
    }

    /// The first property that is not of the published form, as a path.
    pub fn unknown_property(&self) -> Option<String> {
        let first = |at: &str, other: &Map<String, Value>| other.keys().next().map(|k| format!("{at}/{k}"));
        first("", &self.other).or_else(|| first("/defaults", &self.defaults.other)).or_else(|| {
            self.agents.iter().find_map(|(name, rules)| {
                let at = format!("/agents/{name}");
                let entries = rules.allowlist.iter().enumerate();
                first(&at, &rules.levels.other).or_else(|| {
                    // An old property that is dropped on reading.
                    let known = |e: &AllowEntry| e.other.keys().find(|k| *k != "commandText").cloned();
                    entries.into_iter().find_map(|(i, e)| known(e).map(|k| format!("{at}/allowlist/{i}/{k}")))
                })
            })
        })
    }

    /// What of it is too large: the place and the limit. Whatever is written is within it; what people wrote by hand is read.
    pub fn too_large(&self) -> Option<(String, String)> {
        if self.agents.len() > MAX_AGENTS {
            return Some(("/agents".into(), format!("must not have more than {MAX_AGENTS} agents")));
        }
        self.agents.iter().find_map(|(name, rules)| {
            let lists = [("allowlist", rules.allowlist.len()), ("mcpTools", rules.mcp_tools.len())];
            if let Some((list, _)) = lists.iter().find(|(_, len)| *len > MAX_ENTRIES) {
                return Some((
                    format!("/agents/{name}/{list}"),
                    format!("must not have more than {MAX_ENTRIES} items"),
                ));
            }
            let long = |e: &AllowEntry| {
                let texts = [&e.id, &e.source, &e.arg_pattern, &e.last_used_command, &e.last_resolved_path];
                let mut texts = texts.into_iter().flatten().chain([&e.pattern]);
                texts.any(|t| t.chars().count() > MAX_TEXT)
            };
            let i = rules.allowlist.iter().position(long)?;
            let problem = format!("must not have texts of more than {MAX_TEXT} characters");
            Some((format!("/agents/{name}/allowlist/{i}"), problem))
        })
    }

    /// As it is shown: without the socket's secret.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        if let Some(socket) = &mut self.socket {
            socket.token = None;
        }
        self
    }

    /// Gives entries ids, drops what is worth nothing, and keeps the socket that was there before.
    pub(super) fn tidy(&mut self, before: &Self) {
        for rules in self.agents.values_mut() {
            rules.allowlist.retain(|e| !e.pattern.trim().is_empty());
            for entry in &mut rules.allowlist {
                entry.other.remove("commandText");
                entry.id.get_or_insert_with(model::new_id);
            }
        }
        match (&mut self.socket, &before.socket) {
            (Some(socket), Some(before)) => {
                socket.path = socket.path.take().or_else(|| before.path.clone());
                socket.token = socket.token.take().or_else(|| before.token.clone());
            }
            (socket @ None, before) => socket.clone_from(before),
            (Some(_), None) => {}
        }
    }
}
