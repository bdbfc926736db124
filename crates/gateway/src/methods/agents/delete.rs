//! `agents.delete`: the agent leaves the configuration, with what names it there; its jobs go, and its sessions are deleted as by
//! `sessions.delete`; its folders go to the trash, or with `deleteFiles: false` stay where they are, as does a workspace that somebody
//! chose outside of the gateway's state.

use super::edit::workspace;
use super::trash::{self, Kept};
use crate::cron::ops;
use crate::methods::config::change::{gate, plan};
use crate::methods::sessions::delete::remove;
use crate::methods::{Answer, Call, store_error};
use crate::reload;
use crate::shared::Shared;
use config::{AgentChange, Change, MAIN_AGENT};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{Archived, SessionFilter, SessionGuard};

/// All turns of the agent have ended by then, or what is left is said.
const PURGE_WITHIN: Duration = Duration::from_secs(20);
/// Sessions that are looked at together.
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    agent_id: String,
    delete_files: Option<bool>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = call.shared.clone();
    let id = p.agent_id.trim().to_owned();
    let not_found =
        || ErrorShape::invalid(format!("agent {:?} not found", id.chars().take(80).collect::<String>()));
    // What is no id could lead out of the folders that ids name.
    if config::agent_id(&id).as_deref() != Some(id.as_str()) {
        return Err(not_found());
    }
    if id == MAIN_AGENT {
        return Err(ErrorShape::invalid(format!("\"{MAIN_AGENT}\" cannot be deleted")));
    }
    // Until the end: an agent of the same id that is made meanwhile would lose its sessions.
    let _gate = gate(&shared).await?;
    let loaded = reload::read(&shared).await.map_err(ErrorShape::unavailable)?;
    let (place, removed_bindings) = match workspace(&shared, &loaded, &id) {
        Some(place) => {
            let change = Change::Agent(AgentChange::Delete { id: id.clone() });
            let (edited, _) = plan(&shared, change, None).await?.write(&shared).await?;
            (place, config::agent_bindings(&edited.before, &id))
        }
        // A deletion that was cut short is brought to its end.
        None if has_left(&shared, &id).await? => (shared.paths.state_dir.join(format!("workspace-{id}")), 0),
        None => return Err(not_found()),
    };
    let with_files = p.delete_files.unwrap_or(true);
    // Before its sessions: what a job begins would be one more of them.
    let jobs = ops::remove_of(&shared, &id).await.map_err(store_error)?;
    let purge = purge(&shared, &id, with_files);
    let purged = tokio::time::timeout(PURGE_WITHIN, purge).await.unwrap_or(Ok(false))?;
    let mut answer = json!({"ok": true, "agentId": id, "removedBindings": removed_bindings});
    if !purged {
        answer["purgeFailed"] = json!(true);
    }
    if with_files {
        remove_files(&shared, &id, place, &mut answer).await;
    }
    tracing::info!(agent = %id, by = %call.conn.id(), purged, with_files, jobs, "the agent is deleted");
    Ok(answer.into())
}

/// Whether something of an agent that is in no configuration is still there.
async fn has_left(shared: &Shared, id: &str) -> Result<bool, ErrorShape> {
    let all = shared.store.sessions(of_agent(id, 1, 0)).await.map_err(store_error)?;
    let jobs = shared.store.cron_jobs().await.map_err(store_error)?;
    Ok(!all.is_empty() || jobs.iter().any(|row| row.job.agent_id.as_deref() == Some(id)))
}

fn of_agent(id: &str, limit: usize, offset: usize) -> SessionFilter {
    SessionFilter {
        agent_id: Some(id.to_owned()),
        limit,
        offset,
        archived: Archived::All,
        ..SessionFilter::default()
    }
}

/// Deletes the agent's sessions; with `forget` the words that were said leave the search. False where one stays.
async fn purge(shared: &Arc<Shared>, id: &str, forget: bool) -> Result<bool, ErrorShape> {
    let mut stuck = 0;
    loop {
        let page = shared.store.sessions(of_agent(id, PAGE, stuck)).await.map_err(store_error)?;
        if page.is_empty() {
            return Ok(stuck == 0);
        }
        for session in page {
            if let Err(error) = remove(shared, &session.key, SessionGuard::default(), forget).await {
                tracing::warn!(session = %session.key, error = %error.message, "a session of a deleted agent stays");
                stuck += 1;
            }
        }
    }
}

/// Moves the agent's folders away, and says what became of each.
async fn remove_files(shared: &Arc<Shared>, id: &str, workspace: PathBuf, answer: &mut Value) {
    let settings = shared.settings();
    let kept: Vec<Kept> = settings
        .agents
        .iter()
        .filter(|agent| agent.id != id)
        .map(|agent| Kept {
            path: agent.workspace.clone(),
            why: format!("the workspace of agent {:?}", agent.id),
        })
        .collect();
    let home = shared.base.env.home().map(|path| Kept { path, why: "the home directory".into() });
    let config = shared.paths.config_file.parent().map(PathBuf::from);
    let config = config.map(|path| Kept { path, why: "the folder of the configuration".into() });
    let state = Kept { path: shared.paths.state_dir.clone(), why: "the gateway's state".into() };
    let around: Vec<Kept> = home.into_iter().chain(config).chain([state]).collect();
    let prefix = format!("{}-{id}", shared.clock.now_ms());
    let ours = shared.paths.state_dir.clone();
    let trash = ours.join("trash");
    let agent_dir = shared.paths.agent_dir(id);
    let moving = tokio::task::spawn_blocking(move || {
        let [in_workspace, in_agent] = trash::PARTS;
        [(workspace, in_workspace), (agent_dir, in_agent)].map(|(path, what)| {
            let into = trash.join(format!("{prefix}-{what}"));
            let moved = trash::discard(&path, (&ours, &into), &kept, &around);
            (path.display().to_string(), moved)
        })
    });
    let mut removed: Vec<Value> = Vec::new();
    let mut failed: Vec<Value> = Vec::new();
    match tokio::time::timeout(reload::READ_WITHIN, moving).await {
        Ok(Ok(moves)) => {
            for (path, moved) in moves {
                match moved {
                    Ok(method) => removed.push(json!({"path": path, "method": method.as_str()})),
                    Err(reason) => failed.push(json!({"path": path, "reason": reason})),
                }
            }
        }
        other => {
            tracing::error!(agent = %id, ?other, "the folders of a deleted agent were not moved in time");
            let path = shared.paths.agent_dir(id).display().to_string();
            failed.push(json!({"path": path, "reason": "the disk does not answer; see the log"}));
        }
    }
    answer["removed"] = json!(removed);
    answer["failed"] = json!(failed);
}
