//! `agents.list`: the agents.

use crate::current::Current;
use crate::methods::{Answer, Call};
use serde_json::{Map, Value, json};

pub(super) async fn handle(call: Call) -> Answer {
    Ok(agents(&call.shared.current()).into())
}

/// Those that a reading of the configuration names.
pub(crate) fn agents(current: &Current) -> Value {
    let settings = &current.settings;
    let agents: Vec<Value> = settings
        .agents
        .iter()
        .map(|a| {
            let mut agent = json!({"id": a.id, "workspace": a.workspace.display().to_string()});
            if let Some(name) = &a.name {
                agent["name"] = json!(name);
            }
            let identity = [("name", &a.name), ("emoji", &a.emoji), ("avatar", &a.avatar)];
            let identity: Map<String, Value> = identity
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), json!(value.as_ref()?))))
                .collect();
            if !identity.is_empty() {
                agent["identity"] = Value::Object(identity);
            }
            if let Some(model) = current.models.name_for(&a.id) {
                agent["model"] = json!({"primary": model});
            }
            agent
        })
        .collect();
    let mut out = json!({
        "defaultId": settings.default_agent, "selectionRequired": false, "mainKey": "main", "scope": "per-sender",
        "agents": agents,
    });
    if settings.agents.len() == 1 {
        out["ownership"] = json!("sole");
    }
    out
}
