//! `tools.catalog` and `tools.effective`: the tools that there are, and those that an agent has.

use crate::methods::{Answer, Call, submit};
use llm::ToolSpec;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};

/// Groups and what is in them, as clients show them.
const GROUPS: &[(&str, &str, &[&str])] = &[
    ("fs", "Files", &["ls", "read", "write", "edit"]),
    ("runtime", "Runtime", &["exec", "process"]),
    ("web", "Web", &["web_fetch"]),
    ("sessions", "Sessions", &["sessions_list", "sessions_history", "session_status"]),
    ("messaging", "Messaging", &["message"]),
    ("nodes", "Nodes", &["nodes"]),
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
    // There are no smaller sets of tools than the whole one.
    Ok(json!({"agentId": agent, "profiles": [{"id": "full", "label": "Full"}], "groups": groups}).into())
}

fn push_group(groups: &mut Vec<Value>, id: &str, label: &str, tools: Vec<Value>) {
    if !tools.is_empty() {
        groups.push(json!({"id": id, "label": label, "source": "core", "tools": tools}));
    }
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
    let tools: Vec<Value> = call
        .shared
        .tools_for(&call.shared.current(), key.agent_id())
        .iter()
        .map(|tool| {
            let spec = tool.spec();
            json!({
                "id": spec.name, "label": spec.name, "description": spec.description,
                "rawDescription": spec.description, "source": "core",
            })
        })
        .collect();
    let groups = json!([{"id": "core", "label": "Built-in tools", "source": "core", "tools": tools}]);
    Ok(json!({"agentId": key.agent_id(), "profile": "full", "groups": groups}).into())
}
