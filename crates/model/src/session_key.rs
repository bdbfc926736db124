//! Session keys: `agent:<agentId>:<rest>`.

use serde::{Deserialize, Serialize};

/// The name of a session, `agent:<agentId>:<rest>`; always well-formed. Direct messages share `agent:<id>:main`;
/// a group has `agent:<id>:<channel>:group:<chatId>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionKey(String);

/// Why a text is no session key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionKeyError(String);

impl std::fmt::Display for SessionKeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} is not a session key; write agent:<agentId>:<name>, such as agent:main:main", self.0)
    }
}

impl std::error::Error for SessionKeyError {}

/// Longer keys are refused: they end up in logs, indexes and file listings.
const MAX_LEN: usize = 512;

impl SessionKey {
    /// The agent's main session.
    pub fn main(agent_id: &str) -> Self {
        Self(format!("agent:{agent_id}:main"))
    }

    /// The session of one group chat.
    pub fn group(agent_id: &str, channel: &str, chat_id: &str) -> Self {
        Self(format!("agent:{agent_id}:{channel}:group:{chat_id}"))
    }

    /// The session of one person's direct messages, where those do not share the main session. `within` narrows it
    /// to a channel, or to a channel and one of its accounts (`telegram`, `telegram:work`).
    pub fn direct(agent_id: &str, within: Option<&str>, sender_id: &str) -> Self {
        match within {
            Some(within) => Self(format!("agent:{agent_id}:{within}:direct:{sender_id}")),
            None => Self(format!("agent:{agent_id}:direct:{sender_id}")),
        }
    }

    /// The session of a thread in what this session hears.
    pub fn thread(&self, id: &str) -> Self {
        Self(format!("{}:thread:{id}", self.0))
    }

    /// Reads a full key.
    ///
    /// # Errors
    /// Not of the form `agent:<agentId>:<rest>`, empty parts, control characters, or longer than 512 bytes.
    pub fn parse(text: &str) -> Result<Self, SessionKeyError> {
        let err = || SessionKeyError(text.chars().take(80).collect());
        if text.len() > MAX_LEN || text.chars().any(char::is_control) {
            return Err(err());
        }
        let (agent, rest) = text.strip_prefix("agent:").and_then(|t| t.split_once(':')).ok_or_else(err)?;
        if agent.is_empty() || rest.is_empty() {
            return Err(err());
        }
        Ok(Self(text.to_owned()))
    }

    /// Reads a key as people write it: a full key, or a bare name that is taken within `agent_id`.
    ///
    /// # Errors
    /// As [`SessionKey::parse`].
    pub fn resolve(text: &str, agent_id: &str) -> Result<Self, SessionKeyError> {
        if text.starts_with("agent:") {
            Self::parse(text)
        } else {
            Self::parse(&format!("agent:{agent_id}:{text}"))
        }
    }

    /// The agent that the session belongs to.
    pub fn agent_id(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// What stands behind the agent.
    pub fn rest(&self) -> &str {
        self.0.splitn(3, ':').nth(2).unwrap_or_default()
    }

    /// Whether this is the agent's main session.
    pub fn is_main(&self) -> bool {
        self.rest() == "main"
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SessionKey {
    type Error = SessionKeyError;
    fn try_from(text: String) -> Result<Self, SessionKeyError> {
        Self::parse(&text)
    }
}

impl From<SessionKey> for String {
    fn from(key: SessionKey) -> String {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_agent_and_the_rest() {
        let key = SessionKey::parse("agent:main:telegram:group:-100").unwrap();
        assert_eq!((key.agent_id(), key.rest()), ("main", "telegram:group:-100"));
        assert_eq!(SessionKey::resolve("main", "work").unwrap(), SessionKey::main("work"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in ["", "main", "agent:", "agent::x", "agent:a:", "agent:a", "agent:a:\u{7}"] {
            assert!(SessionKey::parse(bad).is_err(), "{bad:?}");
        }
    }
}
