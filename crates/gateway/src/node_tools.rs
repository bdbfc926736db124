//! The tools that connected nodes lend, and servers of tools beside the gateway, as agents have them: with names that are unique, and
//! as far as the policy offers them.

use crate::hub::nodes::NodeConn;
use crate::hub::nodes::published::{MAX_TOOLS, MCP_COMMAND, PluginTool};
use crate::shared::Shared;
use llm::ToolSpec;
use serde_json::{Value, json};
use std::collections::HashSet;
use tools::NodeHosted;

/// Characters of a description that a model reads.
const MAX_DESCRIPTION: usize = 1024;
/// Characters of a name.
const MAX_NAME: usize = 64;

/// The plugin that lists of tools name for the servers beside the gateway.
pub(crate) const OWN_PLUGIN: &str = "bundle-mcp";

/// What lists of tools may call one that a server beside the gateway lends.
pub(crate) fn names_of_own(tool: &str) -> [&str; 3] {
    [tool, OWN_PLUGIN, "group:plugins"]
}

/// A tool of a node, or of a server beside the gateway.
#[derive(Debug, Clone)]
pub(crate) struct NodeTool {
    /// As the agent has it.
    pub(crate) hosted: NodeHosted,
    /// The plugin that it is of, by the node's word.
    pub(crate) plugin_id: String,
}

impl NodeTool {
    /// `mcp` or `plugin`.
    pub(crate) fn source(&self) -> &'static str {
        if self.hosted.mcp.is_some() { "mcp" } else { "plugin" }
    }
}

/// The tools that servers beside the gateway, and nodes if `with_nodes`, lend now; none has a name of `taken`.
pub(crate) fn all(
    shared: &Shared,
    taken: impl IntoIterator<Item = String>,
    with_nodes: bool,
) -> Vec<NodeTool> {
    let mut names: HashSet<String> = taken.into_iter().map(|name| name.to_lowercase()).collect();
    let mut out = own(shared);
    // Two underscores are in no name of a tool of the gateway itself.
    out.retain(|tool| names.insert(tool.hosted.spec.name.to_lowercase()));
    let mut nodes = if with_nodes { shared.hub.nodes.all() } else { Vec::new() };
    // The same nodes give the same names.
    nodes.sort_by(|a, b| a.declared.node_id.cmp(&b.declared.node_id));
    for node in &nodes {
        for tool in node.tools() {
            if let Some(name) = unique(&tool.name, &node.declared.node_id, &mut names) {
                out.extend(lent(node, tool, name));
            }
        }
    }
    // Of many nodes, too: every tool is paid for at every call of a model.
    out.truncate(MAX_TOOLS);
    out
}

/// The tools of servers beside the gateway.
fn own(shared: &Shared) -> Vec<NodeTool> {
    let Some(servers) = &shared.own_servers else { return Vec::new() };
    let read = |tool: &Value| serde_json::from_value::<PluginTool>(tool.clone()).ok();
    servers.lent().iter().filter_map(read).filter_map(own_tool).collect()
}

fn own_tool(tool: PluginTool) -> Option<NodeTool> {
    let plugin_id = tool.plugin_id.clone();
    let (mcp, command) = (tool.mcp.as_ref()?, tool.command.clone()?);
    let mcp = Some((mcp.server.clone(), mcp.tool.clone()));
    let spec = spec_of(tool, String::new());
    Some(NodeTool { hosted: NodeHosted { spec, node_id: None, command, mcp }, plugin_id })
}

/// What a model reads of it, with `more` at the end.
fn spec_of(tool: PluginTool, more: String) -> ToolSpec {
    let description: String = tool.description.chars().take(MAX_DESCRIPTION).collect();
    let parameters =
        tool.parameters.map_or_else(|| json!({"type": "object", "properties": {}}), Value::Object);
    ToolSpec { name: tool.name, description: description + &more, parameters }
}

/// Its own name, or, where that is taken, one with the beginning of the node's id.
fn unique(name: &str, node_id: &str, taken: &mut HashSet<String>) -> Option<String> {
    let id: String = node_id.chars().take(8).collect();
    let kept: String = name.chars().take(MAX_NAME - "node__".len() - id.len()).collect();
    let candidates = [name.to_owned(), format!("node_{id}_{kept}")];
    candidates.into_iter().find(|name| taken.insert(name.to_lowercase()))
}

fn lent(node: &NodeConn, tool: PluginTool, name: String) -> Option<NodeTool> {
    let declared = &node.declared;
    let (command, plugin_id) = (tool.command.clone()?, tool.plugin_id.clone());
    let mcp = tool.mcp.clone().filter(|_| command == MCP_COMMAND).map(|mcp| (mcp.server, mcp.tool));
    let label = declared.display_name.as_deref().unwrap_or(&declared.node_id);
    let spec = spec_of(PluginTool { name, ..tool }, format!(" (on node {label})"));
    let hosted = NodeHosted { spec, node_id: Some(declared.node_id.clone()), command, mcp };
    Some(NodeTool { hosted, plugin_id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_gets_the_nodes_id_and_is_taken_once() {
        let mut taken = HashSet::from(["read".to_owned()]);
        let id = "0123456789abcdef";
        assert_eq!(unique("look", id, &mut taken).as_deref(), Some("look"));
        assert_eq!(unique("Look", id, &mut taken).as_deref(), Some("node_01234567_Look"));
        assert_eq!(unique("look", id, &mut taken), None);
        assert_eq!(unique("read", id, &mut taken).as_deref(), Some("node_01234567_read"));
        let long = "x".repeat(64);
        assert_eq!(unique(&long, id, &mut taken).as_deref(), Some(long.as_str()));
        assert_eq!(unique(&long, id, &mut taken).map(|name| name.len()), Some(64));
    }
}
