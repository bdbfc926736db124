//! `agents.list`: the agents.

use crate::methods::{Answer, Call};
use serde_json::{Value, json};

pub(super) async fn handle(call: Call) -> Answer {
    let shared = &call.shared;
    let agents: Vec<Value> = shared
        .settings
        .agents
        .iter()
        .map(|a| {
            let mut agent = json!({"id": a.id, "workspace": a.workspace.display().to_string()});
            if let Some(name) = &a.name {
                agent["name"] = json!(name);
            }
            if let Some(model) = shared.models.name_for(&a.id) {
                agent["model"] = json!({"primary": model});
            }
            agent
        })
        .collect();
    Ok(json!({
        "defaultId": shared.settings.default_agent, "mainKey": "main", "scope": "per-sender", "agents": agents,
    })
    .into())
}
