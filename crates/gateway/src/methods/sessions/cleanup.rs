//! `sessions.cleanup`: puts sessions away that are old or too many, as `session.maintenance` says. Nothing is deleted: whoever wants
//! one back takes it out again, and what was said stays. Nothing is put away by itself, without this.

mod plan;

use super::entry;
use super::list::store_path;
use crate::methods::{Answer, Call, store_error};
use crate::settings::Settings;
use crate::shared::Shared;
use config::{MaintenanceConfig, MaintenanceMode};
use model::SessionKey;
use plan::{Planned, planned};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Archived, Patched, Session, SessionFilter, SessionGuard, SessionPatch, Store, StoreError};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    agent: Option<String>,
    #[serde(default)]
    all_agents: bool,
    #[serde(default)]
    enforce: bool,
    active_key: Option<String>,
    #[serde(default)]
    fix_missing: bool,
    #[serde(default)]
    fix_dm_scope: bool,
    #[serde(default)]
    pub(crate) dry_run: bool,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = call.shared.clone();
    let current = shared.current();
    let maintenance = &current.loaded.config.session.maintenance;
    let asked = Asked::new(&p, &current.settings, maintenance)?;
    let (path, mut summaries) = (store_path(&shared), Vec::new());
    for agent in &asked.agents {
        let sessions = of_agent(&shared.store, agent).await.map_err(store_error)?;
        let busy = |key: &SessionKey| !shared.runs.running(key).is_empty();
        let plan = asked.plan(&sessions, maintenance, shared.clock.now_ms(), &busy);
        let done = if asked.applies { put_away(&shared, plan).await.map_err(store_error)? } else { plan };
        summaries.push(asked.summary(agent, &path, sessions.len(), &done));
    }
    Ok(asked.answer(summaries).into())
}

/// What would be done, for whoever only looks; without a store there is nothing yet.
///
/// # Errors
/// There is no such agent, something is asked for that is not here, or the state cannot be read.
pub(crate) async fn preview(
    p: &Params,
    settings: &Settings,
    maintenance: &MaintenanceConfig,
    (store, path, now_ms): (Option<&Store>, &str, i64),
) -> Result<Value, ErrorShape> {
    let asked = Asked::new(p, settings, maintenance)?;
    let mut summaries = Vec::new();
    for agent in &asked.agents {
        let sessions = match store {
            Some(store) => of_agent(store, agent).await.map_err(store_error)?,
            None => Vec::new(),
        };
        let plan = asked.plan(&sessions, maintenance, now_ms, &|_| false);
        summaries.push(asked.summary(agent, path, sessions.len(), &plan));
    }
    Ok(asked.answer(summaries))
}

/// What somebody wants.
struct Asked {
    agents: Vec<String>,
    mode: MaintenanceMode,
    dry_run: bool,
    /// Whether something is changed.
    applies: bool,
    active_key: Option<String>,
}

impl Asked {
    fn new(p: &Params, settings: &Settings, maintenance: &MaintenanceConfig) -> Result<Self, ErrorShape> {
        let not_here = [
            (
                p.fix_missing,
                "fixMissing",
                "a session and what was said in it are written at once, and neither is without the other",
            ),
            (
                p.fix_dm_scope,
                "fixDmScope",
                "sessions of another session.dmScope are put away by their age, as all are",
            ),
        ];
        if let Some((_, name, why)) = not_here.iter().find(|(given, ..)| *given) {
            return Err(ErrorShape::invalid(format!("{name} is not supported: {why}")));
        }
        let agents = match &p.agent {
            _ if p.all_agents => settings.agents.iter().map(|agent| agent.id.clone()).collect(),
            Some(agent) if settings.has_agent(agent) => vec![agent.clone()],
            Some(agent) => {
                let problem = format!("unknown agent id {agent:?}; agents.list names those that there are");
                return Err(ErrorShape::invalid(problem));
            }
            None => vec![settings.default_agent.clone()],
        };
        let mode = if p.enforce { MaintenanceMode::Enforce } else { maintenance.mode };
        let applies = mode == MaintenanceMode::Enforce && !p.dry_run;
        Ok(Self { agents, mode, dry_run: p.dry_run, applies, active_key: p.active_key.clone() })
    }

    fn plan(
        &self,
        sessions: &[Session],
        maintenance: &MaintenanceConfig,
        now_ms: i64,
        busy: &(dyn Fn(&SessionKey) -> bool + Sync),
    ) -> Vec<Planned> {
        let stays = |session: &Session| {
            busy(&session.key) || self.active_key.as_deref().is_some_and(|key| session.key.as_str() == key)
        };
        planned(sessions, maintenance, now_ms, &stays)
    }

    /// What was done, or would be, to the sessions of an agent. What OpenClaw counts beside that is never done here.
    fn summary(&self, agent: &str, path: &str, before: usize, plan: &[Planned]) -> Value {
        let aged = plan.iter().filter(|planned| planned.is_aged).count();
        let mut summary = json!({
            "agentId": agent, "storePath": path, "mode": self.mode.as_str(), "dryRun": self.dry_run,
            "beforeCount": before, "afterCount": before - plan.len(), "archived": aged,
            "capArchived": plan.len() - aged, "pruned": 0, "capped": 0, "missing": 0, "dmScopeRetired": 0,
            "modelRunPruned": 0, "unreferencedArtifacts": {"removedFiles": 0, "freedBytes": 0},
            "diskBudget": null, "wouldMutate": !plan.is_empty(),
            "actions": plan.iter().map(Planned::shown).collect::<Vec<_>>(),
        });
        if self.applies {
            summary["applied"] = true.into();
            summary["appliedCount"] = summary["afterCount"].clone();
        }
        summary
    }

    fn answer(&self, mut summaries: Vec<Value>) -> Value {
        match summaries.len() {
            1 => summaries.remove(0),
            _ => json!({
                "allAgents": true, "mode": self.mode.as_str(), "dryRun": self.dry_run, "stores": summaries,
            }),
        }
    }
}

/// All sessions of an agent that are not put away, as of one moment: a list that is read in pieces leaves out some where another one
/// goes meanwhile.
async fn of_agent(store: &Store, agent: &str) -> Result<Vec<Session>, StoreError> {
    let filter = SessionFilter {
        agent_id: Some(agent.to_owned()),
        limit: usize::MAX,
        archived: Archived::No,
        ..SessionFilter::default()
    };
    store.sessions(filter).await
}

/// Puts them away, and gives those that were: one that has begun to work since, or was changed, stays.
async fn put_away(shared: &Arc<Shared>, plan: Vec<Planned>) -> Result<Vec<Planned>, StoreError> {
    let mut done = Vec::with_capacity(plan.len());
    for planned in plan {
        let Some(hold) = shared.runs.try_hold(shared, &planned.key) else { continue };
        let guard = SessionGuard {
            session_id: Some(planned.session_id.clone()),
            updated_at_ms: Some(planned.updated_at_ms),
            ..SessionGuard::default()
        };
        let patch = SessionPatch { archived: Some(true), ..SessionPatch::default() };
        let patched = shared.store.patch_session(&planned.key, guard, patch).await?;
        drop(hold);
        if let Patched::Done(_) = patched {
            crate::runs::events::session_changed(shared, &planned.key, "cleanup").await;
            done.push(planned);
        }
    }
    Ok(done)
}

impl Planned {
    fn shown(&self) -> Value {
        json!({
            "key": self.key, "action": if self.is_aged { "archive-age" } else { "archive-cap" },
            "updatedAt": self.updated_at_ms, "displayName": self.name,
        })
    }

    fn new(session: &Session, is_aged: bool) -> Self {
        Self {
            key: session.key.clone(),
            session_id: session.session_id.clone(),
            updated_at_ms: session.updated_at_ms,
            name: entry::display_name(session),
            is_aged,
        }
    }
}
