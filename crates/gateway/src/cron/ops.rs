//! What people and agents do with jobs.

use super::begin::{self, Why};
use super::{MAX_JOBS, agent_of, input, wire};
use crate::shared::Shared;
use model::SessionKey;
use model::cron::{Job, Payload};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{AddedJob, JobRow, StoreError};

/// Why nothing was done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no such job.
    NotFound(String),
    /// What was asked for is wrong: which part, and why.
    Wrong(String),
    /// It is the gateway's own job.
    Managed(String),
    /// It is not any more what whoever asks has seen.
    Changed {
        /// The revision that they have seen.
        expected: String,
        /// The one that there is.
        actual: String,
    },
    /// The store cannot be used.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Refusal::Store(error)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::NotFound(id) => write!(f, "there is no scheduled job {id}"),
            Refusal::Wrong(why) | Refusal::Managed(why) => f.write_str(why),
            Refusal::Changed { .. } => f.write_str(
                "the scheduled job was changed meanwhile; look at it (openclaw cron get ID) and try again",
            ),
            Refusal::Store(error) => write!(f, "{error}"),
        }
    }
}

/// Who asks. An agent has its own jobs alone: another's are not to be seen, and so are not there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By<'a> {
    /// An operator, whose scopes were checked.
    Operator,
    /// The agent of this name.
    Agent(&'a str),
}

impl By<'_> {
    fn owns(self, shared: &Shared, job: &Job) -> bool {
        match self {
            By::Operator => true,
            By::Agent(agent) => agent_of(shared, job) == agent,
        }
    }
}

/// What became of a job that was declared.
pub(crate) struct Declared {
    pub(crate) job: Job,
    pub(crate) created: bool,
    pub(crate) updated: bool,
}

/// Adds a job; one with a declaration key that is there already is changed to what is declared.
pub(crate) async fn add(
    shared: &Shared,
    by: By<'_>,
    params: &Map<String, Value>,
) -> Result<Declared, Refusal> {
    if params.get("payload").is_some_and(|p| p["kind"] == "heartbeat") {
        return Err(Refusal::Wrong(
            "at /payload/kind: heartbeats are set in agents.defaults.heartbeat".into(),
        ));
    }
    let job = input::new_job(shared, params).map_err(Refusal::Wrong)?;
    match shared.store.add_cron_job(job, MAX_JOBS).await? {
        AddedJob::Yes(row) => {
            wire::event(shared, "added", &row.job, json!({}));
            shared.cron.wake();
            Ok(Declared { job: row.job, created: true, updated: false })
        }
        AddedJob::Full => Err(Refusal::Wrong(format!(
            "there are {MAX_JOBS} scheduled jobs already; remove some (openclaw cron list --all, openclaw cron rm ID)"
        ))),
        AddedJob::Declared => {
            let key = params.get("declarationKey").and_then(Value::as_str).unwrap_or_default();
            let row =
                shared.store.cron_declared(key).await?.ok_or_else(|| Refusal::NotFound(key.to_owned()))?;
            if !by.owns(shared, &row.job) {
                return Err(Refusal::Wrong(
                    "at /declarationKey: another agent's job has this key; choose another".into(),
                ));
            }
            let before = wire::revision(&row.job);
            let job = update(shared, by, &row.job.id, params).await?;
            let updated = wire::revision(&job) != before;
            Ok(Declared { job, created: false, updated })
        }
    }
}

/// Changes what a patch names.
pub(crate) async fn update(
    shared: &Shared,
    by: By<'_>,
    id: &str,
    patch: &Map<String, Value>,
) -> Result<Job, Refusal> {
    update_seen(shared, by, id, patch, None).await
}

/// As [`update`], and only if the job is still the one of this revision.
pub(crate) async fn update_seen(
    shared: &Shared,
    by: By<'_>,
    id: &str,
    patch: &Map<String, Value>,
    expected: Option<&str>,
) -> Result<Job, Refusal> {
    loop {
        let row = found(shared, by, id).await?;
        managed(&row.job)?;
        let actual = wire::revision(&row.job);
        if let Some(expected) = expected.filter(|expected| *expected != actual) {
            return Err(Refusal::Changed { expected: expected.to_owned(), actual });
        }
        let changed = input::patched(shared, &row.job, patch).map_err(Refusal::Wrong)?;
        // Changed or ended meanwhile: the patch goes over what there is now.
        if let Some(row) = shared.store.change_cron_job(changed, row.revision).await? {
            wire::event(shared, "updated", &row.job, json!({}));
            shared.cron.wake();
            return Ok(row.job);
        }
    }
}

/// Removes a job; `false` where there is none.
pub(crate) async fn remove(shared: &Shared, by: By<'_>, id: &str) -> Result<bool, Refusal> {
    match shared.store.cron_job(id).await?.filter(|row| by.owns(shared, &row.job)) {
        Some(row) => managed(&row.job)?,
        None => return Ok(false),
    }
    let Some(row) = shared.store.remove_cron_job(id).await? else { return Ok(false) };
    wire::event(shared, "removed", &row.job, json!({}));
    Ok(true)
}

/// Removes the jobs of an agent that is gone, and gives how many there were; its heartbeat goes with the configuration.
pub(crate) async fn remove_of(shared: &Shared, agent: &str) -> Result<usize, StoreError> {
    let mut removed = 0;
    for row in shared.store.cron_jobs().await? {
        let is_own = row.job.agent_id.as_deref() == Some(agent) || keyed(&row.job) == Some(agent.to_owned());
        if !is_own || matches!(row.job.payload, Payload::Heartbeat {}) {
            continue;
        }
        if let Some(row) = shared.store.remove_cron_job(&row.job.id).await? {
            wire::event(shared, "removed", &row.job, json!({}));
            removed += 1;
        }
    }
    Ok(removed)
}

/// The agent of the session that a job was made in, where it names no other.
fn keyed(job: &Job) -> Option<String> {
    let key = job.session_key.as_deref().filter(|_| job.agent_id.is_none())?;
    Some(SessionKey::parse(key).ok()?.agent_id().to_owned())
}

/// Whether a run was begun, or why not.
pub(crate) enum Asked {
    /// It was, under this id.
    Begun(String),
    /// It was not.
    Not(&'static str),
}

/// When a job that somebody names is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Now.
    Force,
    /// If its time has come.
    Due,
    /// Now, unless it is switched off.
    IfEnabled,
}

/// Runs a job now.
pub(crate) async fn run_now(
    shared: &Arc<Shared>,
    by: By<'_>,
    id: &str,
    when: When,
) -> Result<Asked, Refusal> {
    loop {
        let row = found(shared, by, id).await?;
        let now = shared.clock.now_ms();
        let due = row.job.enabled && row.job.state.next_run_at_ms.is_some_and(|next| next <= now);
        let refused = match when {
            _ if row.running.is_some() => Some("already-running"),
            When::Due if !due => Some("not-due"),
            When::IfEnabled if !row.job.enabled => Some("disabled"),
            _ => None,
        };
        if let Some(reason) = refused {
            return Ok(Asked::Not(reason));
        }
        let run_id = format!("manual:{}:{now}:{}", row.job.id, shared.cron.next_asked());
        if begin::run(shared, row, Why::Asked, run_id.clone()).await? {
            shared.cron.wake();
            return Ok(Asked::Begun(run_id));
        }
    }
}

/// A job that whoever asks may see.
pub(crate) async fn found(shared: &Shared, by: By<'_>, id: &str) -> Result<JobRow, Refusal> {
    let row = shared.store.cron_job(id).await?.filter(|row| by.owns(shared, &row.job));
    row.ok_or_else(|| Refusal::NotFound(id.chars().take(200).collect()))
}

fn managed(job: &Job) -> Result<(), Refusal> {
    if matches!(job.payload, Payload::Heartbeat {}) {
        return Err(Refusal::Managed(
            "this is the agent's heartbeat; change agents.defaults.heartbeat in openclaw.json instead".into(),
        ));
    }
    Ok(())
}
