//! How tools of servers are described to the gateway (`node.pluginTools.update`), under the names that OpenClaw gives them:
//! `SERVER_TOOL`, safe for providers of models.

use super::COMMAND;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Tools that a gateway takes of one node.
const MAX_TOOLS: usize = 128;
/// Bytes of the schema of a tool's arguments that a gateway takes.
const MAX_SCHEMA: usize = 16 * 1024;
/// Characters of a tool's name.
const MAX_NAME: usize = 64;
/// Characters of the server's name in it.
const MAX_SERVER: usize = 31;
/// Characters of a description.
const MAX_DESCRIPTION: usize = 1024;

/// A tool, as a server lists it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ListedTool {
    pub(super) name: String,
    pub(super) description: String,
    /// JSON Schema of its arguments.
    pub(super) schema: Value,
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
        })
    }
}

/// A text that models read, without what only moves cursors or hides.
fn plain(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    text.trim().chars().take(MAX_DESCRIPTION).collect()
}

/// The tools of all servers, by server and name, each under a name of its own. What a gateway would refuse is left out.
pub(super) fn descriptors<'a>(servers: impl Iterator<Item = (&'a str, &'a [ListedTool])>) -> Vec<Value> {
    let mut taken = HashSet::new();
    let mut out = Vec::new();
    for (server, tools) in servers {
        let mut tools: Vec<&ListedTool> = tools.iter().collect();
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        for tool in tools {
            let too_large = tool.schema.to_string().len() > MAX_SCHEMA;
            if too_large || out.len() >= MAX_TOOLS {
                tracing::warn!(
                    server,
                    tool = tool.name,
                    too_large,
                    "a tool is not lent: a node lends {MAX_TOOLS}, with schemas of {MAX_SCHEMA} bytes"
                );
                continue;
            }
            out.push(descriptor(server, tool, &mut taken));
        }
    }
    out
}

fn descriptor(server: &str, tool: &ListedTool, taken: &mut HashSet<String>) -> Value {
    let about = [&tool.description, &tool.name].into_iter().find(|text| !text.is_empty());
    let mut out = Map::new();
    out.insert("pluginId".into(), json!("node-mcp"));
    out.insert("name".into(), json!(unique(&base_name(server, &tool.name), taken)));
    out.insert("description".into(), json!(about));
    out.insert("parameters".into(), tool.schema.clone());
    out.insert("command".into(), json!(COMMAND));
    out.insert("mcp".into(), json!({"server": server, "tool": tool.name}));
    Value::Object(out)
}

fn base_name(server: &str, tool: &str) -> String {
    let server: String = safe(server, "mcp").chars().take(MAX_SERVER).collect();
    let room = MAX_NAME - server.len() - 1;
    let tool: String = safe(tool, "tool").chars().take(room).collect();
    format!("{server}_{tool}")
}

/// ASCII letters, digits, `_` and `-`, beginning with a letter.
fn safe(text: &str, otherwise: &str) -> String {
    let mut out = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
            out.push(c);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    let out = out.trim_matches(['_', '-']);
    match out.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => out.to_owned(),
        Some(_) => format!("{otherwise}_{out}"),
        None => otherwise.to_owned(),
    }
}

/// The name, or the first of `NAME_2`, `NAME_3` … that is free.
fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut number = 1;
    loop {
        let suffix = if number == 1 { String::new() } else { format!("_{number}") };
        let kept: String = name.chars().take(MAX_NAME - suffix.len()).collect();
        let candidate = format!("{kept}{suffix}");
        if taken.insert(candidate.to_lowercase()) {
            return candidate;
        }
        number += 1;
    }
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
        let lent = descriptors([("local docs", &tools[..]), ("9", &tools[..1])].into_iter());
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
    fn what_a_gateway_would_refuse_is_left_out_and_the_rest_is_lent() {
        let mut large = tool("large");
        large.schema = json!({"type": "object", "description": "x".repeat(MAX_SCHEMA)});
        let many: Vec<ListedTool> = (0..200).map(|n| tool(&format!("t{n}"))).chain([large]).collect();
        let lent = descriptors([("s", &many[..])].into_iter());
        assert_eq!(lent.len(), MAX_TOOLS);
        assert!(lent.iter().all(|tool| tool["mcp"]["tool"] != "large"));
        assert_eq!(ListedTool::read(&json!({"name": " "})), None);
        let told =
            ListedTool::read(&json!({"name": "a", "description": "\u{1b}[2Jhi\u{7}", "inputSchema": []}))
                .unwrap();
        assert_eq!((told.description.as_str(), &told.schema["type"]), ("[2Jhi", &json!("object")));
    }
}
