//! `agent.identity.get`: an agent's name and face.

use crate::methods::{Answer, Call, submit};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    agent_id: Option<String>,
    session_key: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let key = submit::session_key(&call, p.session_key.as_deref(), p.agent_id.as_deref())?;
    let settings = call.shared.settings();
    let agent = settings.agent(key.agent_id());
    let source = if agent.name.is_some() { "config" } else { "default" };
    let name = agent.name.clone().unwrap_or_else(|| "Assistant".into());
    let avatar = agent.emoji.clone().unwrap_or_else(|| name.chars().take(1).collect());
    Ok(json!({"agentId": agent.id, "name": name, "nameSource": source, "avatar": avatar}).into())
}
