//! How tools of servers are described to the gateway (`node.pluginTools.update`), under the names that OpenClaw gives them.

use super::offers::Offer;
use super::{COMMAND, names};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Tools that a gateway takes of one node.
const MAX_TOOLS: usize = 128;
/// Bytes of the schema of a tool's arguments that a gateway takes.
const MAX_SCHEMA: usize = 16 * 1024;
/// Characters of a description.
const MAX_DESCRIPTION: usize = 1024;

/// Whose servers they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Whose {
    /// A node's, which lends their tools to a gateway.
    #[default]
    Node,
    /// The gateway's own.
    Gateway,
}

impl Whose {
    /// The plugin that OpenClaw has for them, which lists of tools may name.
    fn plugin(self) -> &'static str {
        match self {
            Self::Node => "node-mcp",
            Self::Gateway => "bundle-mcp",
        }
    }

    /// As what servers are greeted.
    pub(super) fn client(self) -> &'static str {
        match self {
            Self::Node => "openclaw-node-host",
            Self::Gateway => "openclaw",
        }
    }
}

/// A tool, as a server lists it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ListedTool {
    pub(super) name: String,
    pub(super) description: String,
    /// JSON Schema of its arguments.
    pub(super) schema: Value,
    /// What of the server it is where it is none of its tools.
    pub(super) offer: Option<Offer>,
}

impl ListedTool {
    /// Reads one; `None` where it has no name.
    pub(super) fn read(tool: &Value) -> Option<Self> {
        let name = tool["name"].as_str()?.trim();
        let schema = tool["inputSchema"].as_object().cloned();
        let any = || json!({"type": "object", "properties": {}, "additionalProperties": true});
        (!name.is_empty()).then(|| Self {
            name: name.to_owned(),
            description: plain(tool["description"].as_str().unwrap_or_default()),
            schema: schema.map_or_else(any, Value::Object),
            offer: None,
        })
    }
}

/// A text that models read, without what only moves cursors or hides.
fn plain(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    text.trim().chars().take(MAX_DESCRIPTION).collect()
}

/// The tools of all servers, by server and name, each under a name of its own. What a gateway would refuse is left out.
pub(super) fn descriptors<'a>(
    whose: Whose,
    servers: impl Iterator<Item = (&'a str, &'a [ListedTool])>,
) -> Vec<Value> {
    let (mut taken, mut servers_taken) = (HashSet::new(), HashSet::new());
    let mut out = Vec::new();
    for (server, tools) in servers {
        let mut tools: Vec<&ListedTool> = tools.iter().collect();
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        let prefix = names::server(server, &mut servers_taken);
        for tool in tools {
            let too_large = tool.schema.to_string().len() > MAX_SCHEMA;
            if too_large || out.len() >= MAX_TOOLS {
                tracing::warn!(
                    server,
                    tool = tool.name,
                    too_large,
                    "a tool is not lent: there may be {MAX_TOOLS}, with schemas of {MAX_SCHEMA} bytes"
                );
                continue;
            }
            let name = match whose {
                Whose::Node => names::of_node(server, &tool.name, &mut taken),
                Whose::Gateway => names::of_gateway(&prefix, &tool.name, &mut taken),
            };
            out.push(descriptor(whose, server, tool, name));
        }
    }
    out
}

fn descriptor(whose: Whose, server: &str, tool: &ListedTool, name: String) -> Value {
    let about = [&tool.description, &tool.name].into_iter().find(|text| !text.is_empty());
    let mut out = Map::new();
    out.insert("pluginId".into(), json!(whose.plugin()));
    out.insert("name".into(), json!(name));
    out.insert("description".into(), json!(about));
    out.insert("parameters".into(), tool.schema.clone());
    out.insert("command".into(), json!(COMMAND));
    out.insert("mcp".into(), json!({"server": server, "tool": tool.name}));
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> ListedTool {
        ListedTool::read(&json!({"name": name})).unwrap()
    }

    #[test]
    fn names_are_of_server_and_tool_safe_for_providers_and_unique() {
        let long = "x".repeat(80);
        let tools = ["read file", "read/file", "é", "9", &long].map(tool);
        let lent = descriptors(Whose::Node, [("local docs", &tools[..]), ("9", &tools[..1])].into_iter());
        let names: Vec<&str> = lent.iter().map(|t| t["name"].as_str().unwrap()).collect();
        let cut = format!("local_docs_{}", "x".repeat(53));
        assert_eq!(
            names,
            [
                "local_docs_tool_9",
                "local_docs_read_file",
                "local_docs_read_file_2",
                &cut,
                "local_docs_tool",
                "mcp_9_read_file"
            ]
        );
        assert_eq!(lent[1]["mcp"], json!({"server": "local docs", "tool": "read file"}));
        assert_eq!(lent[1]["description"], "read file", "a tool that says nothing of itself has its name");
    }

    #[test]
    fn the_gateways_own_are_told_from_those_of_nodes_by_their_names() {
        let tools = ["read file", "read/file", "9"].map(tool);
        let servers = [("Outlook Graph", &tools[..]), ("Outlook/Graph", &tools[..1]), ("9", &tools[..1])];
        let own = descriptors(Whose::Gateway, servers.into_iter());
        let names: Vec<&str> = own.iter().map(|t| t["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "Outlook-Graph__tool-9",
                "Outlook-Graph__read-file",
                "Outlook-Graph__read-file-2",
                "Outlook-Graph-2__read-file",
                "mcp-9__read-file"
            ]
        );
        assert_eq!(own[0]["pluginId"], "bundle-mcp");
        let long = tool(&"x".repeat(80));
        let own = descriptors(Whose::Gateway, [("y".repeat(80).as_str(), &[long][..])].into_iter());
        assert_eq!(own[0]["name"], format!("{}__{}", "y".repeat(30), "x".repeat(32)));
    }

    #[test]
    fn what_a_gateway_would_refuse_is_left_out_and_the_rest_is_lent() {
        let mut large = tool("large");
        large.schema = json!({"type": "object", "description": "x".repeat(MAX_SCHEMA)});
        let many: Vec<ListedTool> = (0..200).map(|n| tool(&format!("t{n}"))).chain([large]).collect();
        let lent = descriptors(Whose::Node, [("s", &many[..])].into_iter());
        assert_eq!(lent.len(), MAX_TOOLS);
        assert!(lent.iter().all(|tool| tool["mcp"]["tool"] != "large"));
        assert_eq!(ListedTool::read(&json!({"name": " "})), None);
        let told =
            ListedTool::read(&json!({"name": "a", "description": "\u{1b}[2Jhi\u{7}", "inputSchema": []}))
                .unwrap();
        assert_eq!((told.description.as_str(), &told.schema["type"]), ("[2Jhi", &json!("object")));
    }
}
