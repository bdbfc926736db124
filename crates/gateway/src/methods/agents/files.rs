//! `agents.files.list`, `agents.files.get`, `agents.files.set`: the files that make an agent its own. Known names alone, so
//! that none leads out of the workspace.

use crate::methods::{Answer, Call};
use agent::workspace::{Workspace, WorkspaceError, WorkspaceFile};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    agent_id: String,
    name: Option<String>,
    content: Option<String>,
}

pub(super) async fn list(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let workspace = workspace(&call, &p.agent_id)?;
    let files = workspace.files().await.map_err(failed)?;
    let files: Vec<Value> = files.iter().map(entry).collect();
    Ok(json!({"agentId": p.agent_id, "workspace": workspace.root().display().to_string(), "files": files})
        .into())
}

pub(super) async fn get(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let workspace = workspace(&call, &p.agent_id)?;
    let name = p.name.unwrap_or_default();
    let (file, text) = workspace.file(&name).await.map_err(failed)?.ok_or_else(|| unknown(&name))?;
    let mut entry = entry(&file);
    if let Some(text) = text {
        entry["content"] = json!(text);
    }
    Ok(json!({"agentId": p.agent_id, "workspace": workspace.root().display().to_string(), "file": entry})
        .into())
}

pub(super) async fn set(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let workspace = workspace(&call, &p.agent_id)?;
    let name = p.name.unwrap_or_default();
    let text = p.content.unwrap_or_default();
    let file =
        workspace.set_file(&name, text.clone()).await.map_err(failed)?.ok_or_else(|| unknown(&name))?;
    let mut entry = entry(&file);
    entry["content"] = json!(text);
    let root = workspace.root().display().to_string();
    Ok(json!({"ok": true, "agentId": p.agent_id, "workspace": root, "file": entry}).into())
}

fn workspace(call: &Call, agent_id: &str) -> Result<Workspace, ErrorShape> {
    let settings = call.shared.settings();
    if !settings.has_agent(agent_id) {
        let agent_id: String = agent_id.chars().take(80).collect();
        return Err(ErrorShape::invalid(format!("unknown agent id \"{agent_id}\"")));
    }
    Ok(Workspace::new(settings.agent(agent_id).workspace.clone()))
}

fn entry(file: &WorkspaceFile) -> Value {
    let mut entry =
        json!({"name": file.name, "path": file.path.display().to_string(), "missing": file.there.is_none()});
    if let Some((size, changed)) = file.there {
        entry["size"] = json!(size);
        entry["updatedAtMs"] = json!(changed.max(0));
    }
    entry
}

fn unknown(name: &str) -> ErrorShape {
    let name: String = name.chars().take(80).collect();
    ErrorShape::invalid(format!(
        "unsupported file \"{name}\"; agents.files.list names those that there can be"
    ))
}

fn failed(error: WorkspaceError) -> ErrorShape {
    ErrorShape::unavailable(error.to_string())
}
