//! `commands`: what people may do by writing a command into a chat.

use crate::doc::Section;

/// `commands`, but for `ownerAllowFrom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommandsConfig {
    /// `config`: whether those in `ownerAllowFrom` read and write the configuration with `/config`, false by default.
    pub config: bool,
    /// `mcp`: whether they do so with `/mcp` for servers of tools, false by default.
    pub mcp: bool,
}

impl CommandsConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        Self { config: s.boolean("config").unwrap_or(false), mcp: s.boolean("mcp").unwrap_or(false) }
    }
}
