//! `tools.catalog` and `tools.effective`: the tools that there are, and those that an agent has.

use crate::methods::{Answer, Call, submit};
use crate::node_tools::NodeTool;
use llm::ToolSpec;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Groups and what is in them, as clients show them.
const GROUPS: &[(&str, &str, &[&str])] = &[
    ("fs", "Files", &["ls", "read", "write", "edit"]),
    ("runtime", "Runtime", &["exec", "process"]),
    ("ui", "UI", &["browser"]),
    ("web", "Web", &["web_fetch"]),
    ("sessions", "Sessions", &["sessions_list", "sessions_history", "session_status"]),
    ("messaging", "Messaging", &["message"]),
    ("nodes", "Nodes", &["nodes", "file_fetch", "dir_list", "dir_fetch", "file_write"]),
];

/// Tools that are in no group stand here.
const OTHER: (&str, &str) = ("other", "Other");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CatalogParams {
    agent_id: Option<String>,
}

pub(super) async fn catalog(mut call: Call) -> Answer {
    let p: CatalogParams = call.params()?;
    let current = call.shared.current();
    let settings = &current.settings;
    let agent = match p.agent_id {
        Some(agent) if !settings.has_agent(&agent) => {
            return Err(ErrorShape::invalid(format!(
                "unknown agent id {agent:?}; agents.list names those that there are"
            )));
        }
        agent => agent.unwrap_or_else(|| settings.default_agent.clone()),
    };
    let specs = call.shared.all_tools(&current, &agent);
    let entry = |spec: &ToolSpec| {
        json!({
            "id": spec.name, "label": spec.name, "description": spec.description, "source": "core",
            "defaultProfiles": ["full"],
        })
    };
    let mut groups: Vec<Value> = Vec::new();
    let grouped = |name: &str| GROUPS.iter().any(|(_, _, tools)| tools.contains(&name));
    for (id, label, names) in GROUPS {
        let tools: Vec<Value> =
            specs.iter().filter(|s| names.contains(&s.name.as_str())).map(entry).collect();
        push_group(&mut groups, id, label, tools);
    }
    let rest: Vec<Value> = specs.iter().filter(|s| !grouped(&s.name)).map(entry).collect();
    push_group(&mut groups, OTHER.0, OTHER.1, rest);
    push_lent(&mut groups, &call.shared.node_tools(&current, &agent));
    // There are no smaller sets of tools than the whole one.
    Ok(json!({"agentId": agent, "profiles": [{"id": "full", "label": "Full"}], "groups": groups}).into())
}

fn push_group(groups: &mut Vec<Value>, id: &str, label: &str, tools: Vec<Value>) {
    if !tools.is_empty() {
        groups.push(json!({"id": id, "label": label, "source": "core", "tools": tools}));
    }
}

/// What nodes lend: a group for each plugin.
fn push_lent(groups: &mut Vec<Value>, lent: &[NodeTool]) {
    let mut plugins: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for tool in lent {
        let (spec, plugin) = (&tool.hosted.spec, tool.plugin_id.as_str());
        plugins.entry(plugin).or_default().push(json!({
            "id": spec.name, "label": spec.name, "description": spec.description, "source": "plugin",
            "pluginId": plugin, "defaultProfiles": ["full"],
        }));
    }
    groups.extend(plugins.into_iter().map(|(plugin, tools)| {
        json!({
            "id": format!("plugin:{plugin}"), "label": plugin, "source": "plugin", "pluginId": plugin, "tools": tools,
        })
    }));
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EffectiveParams {
    session_key: String,
    agent_id: Option<String>,
}

pub(super) async fn effective(mut call: Call) -> Answer {
    let p: EffectiveParams = call.params()?;
    let key = submit::session_key(&call, Some(&p.session_key), p.agent_id.as_deref())?;
    let current = call.shared.current();
    let lent = call.shared.node_tools(&current, key.agent_id());
    let is_lent = |name: &str| lent.iter().any(|tool| tool.hosted.spec.name == name);
    let tools: Vec<Value> = call
        .shared
        .tools_for(&current, key.agent_id())
        .iter()
        .filter(|tool| !is_lent(&tool.spec().name))
        .map(|tool| effective_entry(tool.spec(), "core"))
        .collect();
    let mut groups = vec![json!({"id": "core", "label": "Built-in tools", "source": "core", "tools": tools})];
    for (source, label) in [("mcp", "Tools of servers"), ("plugin", "Tools of nodes")] {
        let tools: Vec<Value> = lent.iter().filter(|tool| tool.source() == source).map(lent_entry).collect();
        if !tools.is_empty() {
            groups.push(json!({"id": source, "label": label, "source": source, "tools": tools}));
        }
    }
    Ok(json!({"agentId": key.agent_id(), "profile": "full", "groups": groups}).into())
}

fn effective_entry(spec: &ToolSpec, source: &str) -> Value {
    json!({
        "id": spec.name, "label": spec.name, "description": spec.description, "rawDescription": spec.description,
        "source": source,
    })
}

fn lent_entry(tool: &NodeTool) -> Value {
    let mut out = effective_entry(&tool.hosted.spec, tool.source());
    out["pluginId"] = json!(tool.plugin_id);
    if let Some((server, name)) = &tool.hosted.mcp {
        out["mcpServer"] = json!(server);
        out["mcpToolName"] = json!(name);
    }
    out
}
