//! The tools that a node lends to agents. It says so itself, after it has connected, all of them at once; they go with its
//! connection.

use super::{NodeConn, Nodes};
use crate::connection::outbound::ConnHandle;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Tools of one node. Every one is paid for at every call of a model.
pub(crate) const MAX_TOOLS: usize = 128;
/// Bytes of the schema of a tool's arguments, which models read too.
const MAX_PARAMETERS: usize = 16 * 1024;
/// The command that asks a server of tools on the node.
pub(crate) const MCP_COMMAND: &str = "mcp.tools.call.v1";

/// A tool, as the node describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PluginTool {
    pub(crate) plugin_id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// JSON Schema of its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameters: Option<Map<String, Value>>,
    /// What is called for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mcp: Option<McpTool>,
}

/// Which tool of which server on the node it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct McpTool {
    pub(crate) server: String,
    pub(crate) tool: String,
}

impl PluginTool {
    /// What is wrong with it.
    pub(crate) fn problem(&self) -> Option<String> {
        let filled = [("pluginId", &self.plugin_id), ("description", &self.description)];
        let mcp = self.mcp.iter().flat_map(|mcp| [("mcp/server", &mcp.server), ("mcp/tool", &mcp.tool)]);
        let command = self.command.iter().map(|command| ("command", command));
        let mut texts = filled.into_iter().chain(mcp).chain(command);
        if let Some((name, _)) = texts.find(|(_, text)| text.is_empty()) {
            return Some(format!("{name}: must not have fewer than 1 characters"));
        }
        let parameters = self.parameters.as_ref().and_then(|map| serde_json::to_string(map).ok());
        if parameters.is_some_and(|text| text.len() > MAX_PARAMETERS) {
            return Some(format!("parameters: must not have more than {MAX_PARAMETERS} bytes"));
        }
        (!is_name(&self.name)).then(|| "name: must match pattern \"^[A-Za-z][A-Za-z0-9_-]{0,63}$\"".into())
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

impl NodeConn {
    /// The tools that may be called now: those whose command may be. Commands of the system's own are asked about in
    /// another way, and no tool goes around that.
    pub(crate) fn tools(&self) -> Vec<PluginTool> {
        let commands = self.commands();
        let callable = |c: &String| !c.starts_with("system.") && commands.contains(c);
        self.published.iter().filter(|tool| tool.command.as_ref().is_some_and(callable)).cloned().collect()
    }
}

impl Nodes {
    /// Takes what a node lends instead of what it lent before; gives what may be called of it. `None` where this is not the
    /// node's connection any more.
    pub(crate) fn publish(&self, conn: &ConnHandle, tools: Vec<PluginTool>) -> Option<Vec<PluginTool>> {
        let mut connected = self.connected();
        let node = connected.get_mut(conn.principal().device_id.as_deref()?)?;
        if node.handle.id() != conn.id() {
            return None;
        }
        node.published = Arc::from(tools);
        Some(node.tools())
    }
}
