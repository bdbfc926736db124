//! `agents.create` and `agents.update`: what the configuration says of an agent. The workspace is made before the agent is
//! written, so that no agent is without one.

use crate::methods::config::change::{gate, plan};
use crate::methods::{Answer, Call, given};
use crate::settings;
use crate::shared::Shared;
use agent::workspace::Workspace;
use config::{AgentChange, AgentValues, Change, Loaded};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A disk that takes longer does not answer.
const SEED_WITHIN: Duration = Duration::from_secs(10);
/// Characters of an emoji: some are written with a dozen.
const MAX_EMOJI: usize = 32;
/// Characters of an avatar: a path or an address, or a small picture itself.
const MAX_AVATAR: usize = 32 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    agent_id: Option<String>,
    name: Option<String>,
    workspace: Option<String>,
    #[serde(default, deserialize_with = "given")]
    model: Option<Option<String>>,
    emoji: Option<String>,
    avatar: Option<String>,
}

pub(super) async fn create(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let name = one_line(p.name.as_deref().unwrap_or_default());
    let id = config::agent_id(&name).ok_or_else(|| {
        ErrorShape::invalid(format!(
            "the name {name:?} makes no id; its letters have to be from a to z, and one of them or a digit is needed"
        ))
    })?;
    let values = values(&call.shared, p)?;
    let model = values.model.clone().flatten();
    let change = AgentChange::Create { id: id.clone(), values };
    let workspace = write(&call, &id, change).await?;
    tracing::info!(agent = %id, by = %call.conn.id(), "the agent is made");
    let mut answer =
        json!({"ok": true, "agentId": id, "name": name, "workspace": workspace.display().to_string()});
    if let Some(model) = model {
        answer["model"] = json!(model);
    }
    Ok(answer.into())
}

pub(super) async fn update(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let id = p.agent_id.as_deref().unwrap_or_default().trim().to_owned();
    let change = AgentChange::Update { id: id.clone(), values: values(&call.shared, p)? };
    write(&call, &id, change).await?;
    tracing::info!(agent = %id, by = %call.conn.id(), "the agent is changed");
    Ok(json!({"ok": true, "agentId": id}).into())
}

/// What is to be written. A text that is empty says nothing.
fn values(shared: &Shared, p: Params) -> Result<AgentValues, ErrorShape> {
    let filled = |text: Option<String>| text.map(|t| one_line(&t)).filter(|t| !t.is_empty());
    let model = match p.model {
        Some(Some(name)) => Some(Some(shared.models().choose(&name).map_err(ErrorShape::invalid)?)),
        other => other.map(|_| None),
    };
    let values = AgentValues {
        name: filled(p.name),
        workspace: filled(p.workspace),
        model,
        emoji: filled(p.emoji),
        avatar: filled(p.avatar),
    };
    for (what, value, most) in [("emoji", &values.emoji, MAX_EMOJI), ("avatar", &values.avatar, MAX_AVATAR)] {
        if value.as_ref().is_some_and(|value| value.chars().count() > most) {
            return Err(ErrorShape::invalid(format!(
                "at /{what}: must not have more than {most} characters"
            )));
        }
    }
    if let Some(path) = values.workspace.as_deref().filter(|path| !is_whole(path)) {
        return Err(ErrorShape::invalid(format!(
            "at /workspace: {path:?} says not where it begins; write it from / or ~ on"
        )));
    }
    Ok(values)
}

fn is_whole(path: &str) -> bool {
    path == "~" || path.starts_with("~/") || Path::new(path).is_absolute()
}

/// White space of any kind and length is one space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Makes the agent's workspace, writes the change and takes it up. Gives the workspace.
async fn write(call: &Call, id: &str, change: AgentChange) -> Result<PathBuf, ErrorShape> {
    let shared = &call.shared;
    let _gate = gate(shared).await?;
    let planned = plan(shared, Change::Agent(change), None).await?;
    let workspace = workspace(shared, &planned.edited.loaded, id)
        .ok_or_else(|| ErrorShape::invalid(format!("agent \"{id}\" not found")))?;
    match tokio::time::timeout(SEED_WITHIN, Workspace::new(&workspace).seed()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(ErrorShape::invalid(format!("{error}; nothing was written"))),
        Err(_) => {
            return Err(ErrorShape::unavailable(format!(
                "the disk of the workspace {} does not answer; nothing was written",
                workspace.display()
            ))
            .retryable());
        }
    }
    planned.write(shared).await?;
    Ok(workspace)
}

/// Where an agent works, as this configuration says; `None` where it has none of that id.
pub(super) fn workspace(shared: &Arc<Shared>, loaded: &Loaded, id: &str) -> Option<PathBuf> {
    let agents = settings::agents(&loaded.config, &shared.paths);
    agents.into_iter().find(|agent| agent.id == id).map(|agent| agent.workspace)
}
