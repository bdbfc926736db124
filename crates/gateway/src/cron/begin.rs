//! The beginning of a run.

use super::{agent_of, next_of, target, wire};
use crate::runs::dispatch::{self, Dispatched, RPC};
use crate::shared::Shared;
use model::cron::{Job, Payload, RunOutcome, WakeMode};
use model::{Chat, ChatKind, Directives, Inbound, Sender, SessionKey};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{JobRow, StartCronRun, StoreError, Wake};

/// The longest turn of a job that names no time.
const DEFAULT_TURN_MS: u64 = 60 * 60 * 1000;

/// Why a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// Its time has come.
    Due,
    /// Somebody asked for it.
    Asked,
    /// Something has happened in a session.
    Woken(Wake),
}

/// Begins a run; `false` where the job was changed, removed or begun meanwhile.
pub(super) async fn run(
    shared: &Arc<Shared>,
    row: JobRow,
    why: Why,
    run_id: String,
) -> Result<bool, StoreError> {
    let now = shared.clock.now_ms();
    let agent = agent_of(shared, &row.job);
    let mut start = StartCronRun {
        run_id,
        revision: row.revision,
        session_key: None,
        started_at_ms: now,
        inbound: None,
        event: None,
        wakes: false,
        woken_by: if let Why::Woken(wake) = &why { Some(wake.id) } else { None },
        end: None,
        remove_job: false,
        job: row.job,
        agent_id: agent,
    };
    take_off_the_calendar(&mut start.job, &why, now);
    if !shared.settings().has_agent(&start.agent_id) {
        let problem =
            format!("there is no agent {:?} any more; choose another: cron edit --agent", start.agent_id);
        at_once(&mut start, RunOutcome::Error, json!({"error": problem}), now);
    } else {
        match start.job.payload.clone() {
            Payload::SystemEvent { text } => system_event(shared, &mut start, text, now).await?,
            Payload::AgentTurn { .. } => agent_turn(shared, &mut start, now).await?,
            Payload::Heartbeat {} => heartbeat(shared, &mut start, &why, now).await?,
        }
    }
    commit(shared, start, now).await
}

/// The job's next time, before anything happens: it is not begun twice for the same one.
fn take_off_the_calendar(job: &mut Job, why: &Why, now: i64) {
    job.state.running_at_ms = Some(now);
    let is_due = job.state.next_run_at_ms.is_some_and(|next| next <= now);
    // A run that was asked for leaves the calendar as it is.
    if *why == Why::Due || is_due {
        job.state.next_run_at_ms = next_of(job, now).filter(|_| job.enabled);
    }
}

/// A look at what needs attention, or the reason why there is none now.
async fn heartbeat(shared: &Shared, start: &mut StartCronRun, why: &Why, now: i64) -> Result<(), StoreError> {
    let woken = match why {
        Why::Woken(wake) => Some(wake.key.clone()),
        Why::Asked => Some(SessionKey::main(&start.agent_id)),
        Why::Due => None,
    };
    match crate::heartbeat::message(shared, &start.job, &start.run_id, woken.as_ref(), now).await? {
        Ok(message) => {
            start.session_key = SessionKey::parse(&message.chat.id).ok();
            start.inbound = Some(message);
        }
        Err(reason) => at_once(start, RunOutcome::Skipped, json!({"error": reason}), now),
    }
    Ok(())
}

/// A line for the main session. That is all: the run is over with the commit that leaves the line.
async fn system_event(
    shared: &Shared,
    start: &mut StartCronRun,
    text: String,
    now: i64,
) -> Result<(), StoreError> {
    let key = SessionKey::main(&start.agent_id);
    let full = shared.store.system_events(&key).await?.len() >= store::MAX_SYSTEM_EVENTS;
    if full {
        let error = format!("too many system events wait in {key} for a turn that reads them");
        at_once(start, RunOutcome::Error, json!({"error": error}), now);
        return Ok(());
    }
    at_once(start, RunOutcome::Ok, json!({"summary": text, "sessionKey": key}), now);
    (start.session_key, start.event) = (Some(key), Some(text));
    start.wakes = start.job.wake_mode == WakeMode::Now;
    Ok(())
}

/// Ends a run with its beginning.
fn at_once(start: &mut StartCronRun, status: RunOutcome, more: Value, now: i64) {
    let error = more["error"].as_str().map(str::to_owned);
    let over = super::end::Over { status, error: error.clone(), retryable: false, started_at_ms: now };
    let after = super::end::after(&mut start.job, &over, now);
    start.remove_job = after.remove;
    let mut entry = super::end::entry_head(&start.job, &start.run_id, &over, now);
    if let (Value::Object(entry), Value::Object(more)) = (&mut entry, more) {
        entry.extend(more);
    }
    start.end = Some((status, entry));
}

/// A message for the agent, answered as any other.
async fn agent_turn(shared: &Shared, start: &mut StartCronRun, now: i64) -> Result<(), StoreError> {
    let job = &start.job;
    let Payload::AgentTurn { message, model, timeout_seconds, light_context, tools_allow } = &job.payload
    else {
        return Ok(());
    };
    let key = session_of(job, &start.agent_id);
    let timeout_ms = match timeout_seconds {
        // Whole turns have a deadline of their own.
        Some(seconds) if *seconds <= 0.0 => None,
        Some(seconds) => Some((seconds * 1000.0).clamp(1.0, 9e15) as u64),
        None => Some(DEFAULT_TURN_MS),
    };
    let directives = Directives {
        queue_mode: Some("followup".into()),
        timeout_ms,
        deliver_to: target::of(shared, job).await?.and_then(Result::ok),
        model: model.clone(),
        tools_allow: tools_allow.clone().filter(|names| !names.iter().any(|n| n == "*")),
        light_context: light_context.unwrap_or(false),
        unattended: true,
        ..Directives::default()
    };
    let text = format!("[cron:{} {}] {message}", job.id, job.name);
    start.inbound = Some(message_of(&start.run_id, &key, "cron", text, directives, now));
    start.session_key = Some(key);
    Ok(())
}

/// A message of the gateway's own; its run has the id of the job's run.
pub(crate) fn message_of(
    run_id: &str,
    key: &SessionKey,
    sender: &str,
    text: String,
    directives: Directives,
    now: i64,
) -> Inbound {
    Inbound {
        channel: RPC.into(),
        account: String::new(),
        message_id: run_id.to_owned(),
        chat: Chat { id: key.to_string(), kind: ChatKind::Direct, title: None },
        sender: Sender { id: sender.into(), name: None, username: None },
        context: None,
        event: None,
        album: None,
        said: None,
        sticker: None,
        coming: vec![],
        text,
        images: vec![],
        forwarded: false,
        addressed: true,
        sent_at_ms: now,
        directives: Some(directives),
    }
}

/// A transcript of its own for each run, or the session that the job names.
fn session_of(job: &Job, agent: &str) -> SessionKey {
    let named = job.session_target.strip_prefix("session:");
    let key = match named {
        Some(name) => SessionKey::resolve(name, agent),
        None => SessionKey::parse(&format!("agent:{agent}:cron:{}:run:{}", job.id, model::new_id())),
    };
    // What the job names was checked when it was set.
    key.unwrap_or_else(|_| SessionKey::main(agent))
}

async fn commit(shared: &Arc<Shared>, start: StartCronRun, now: i64) -> Result<bool, StoreError> {
    let (job, run_id, end) = (start.job.clone(), start.run_id.clone(), start.end.clone());
    let (removed, wakes) = (start.remove_job, start.wakes);
    let Some(row) = shared.store.start_cron_run(start).await? else { return Ok(false) };
    wire::event(shared, "started", &job, json!({"runAtMs": now, "runId": run_id}));
    if let Some((_, entry)) = end {
        super::end::announce(shared, &job, &entry, removed);
        if wakes {
            shared.cron.wake();
        }
        if let (Payload::Heartbeat {}, Some(reason)) = (&job.payload, entry["error"].as_str()) {
            crate::heartbeat::announce(shared, &crate::heartbeat::skipped(reason, now)).await?;
        }
    }
    if let Some(row) = row {
        // Where its session is full, it waits its turn with the others: the row is on disk.
        if let Dispatched::Full(_claim) = dispatch::one(shared, row).await? {
            tracing::info!(job = %job.id, run = %run_id, "its session is busy; the run waits");
        }
    }
    Ok(true)
}
