//! The end of a run: transcript, ledger, run status and outbox in one commit, and then the news of it.

use super::events::RunEvents;
use super::reply::visible;
use super::transcript::ledger_call;
use super::turn::Begin;
use super::{RunResult, Work, dispatch, fallback};
use crate::models::failover::Report;
use crate::shared::Shared;
use agent::queue::Submission;
use agent::turn::{TurnEnd, TurnErrorKind, TurnOutcome};
use model::SessionKey;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::{FinishRun, Run, RunStatus, StoreError};

/// When the store cannot take the end of a run (a full disk, say), it is tried again after this time, and again: the answer
/// exists, and must not be lost while the gateway lives. After a crash the run is resumed instead.
const COMMIT_RETRY: Duration = Duration::from_secs(2);

/// Ends a run with what the turn gave.
pub(crate) async fn finish(
    shared: &Arc<Shared>,
    key: &SessionKey,
    (begun, report): (&Begin, Option<Report>),
    outcome: TurnOutcome,
    events: &RunEvents,
) {
    let run = &begun.run;
    let (status, error, timed_out) = verdict(&outcome);
    let stop_reason = stop_reason(status);
    events.lifecycle(
        json!({"phase": "finishing", "stopReason": stop_reason, "aborted": status == RunStatus::Aborted,
        "endedAt": shared.clock.now_ms()}),
    );
    let end = (status, outcome.reply.as_str(), error.as_deref());
    let mut outbox = super::outgoing::of(shared, key, begun, end, &outcome).await;
    let change = fallback::changed(begun, report.as_ref(), status);
    outbox.extend(fallback::notice(begun, change.as_ref()));
    let finish = FinishRun {
        run_id: run.run_id.clone(),
        status,
        messages: outcome.messages.clone(),
        calls: outcome.calls.iter().cloned().map(ledger_call).collect(),
        reply: Some(outcome.reply.clone()).filter(|r| !r.is_empty()),
        error: error.clone(),
        outbox,
        fallback: change.clone(),
    };
    if !commit(shared, key, finish).await {
        return;
    }
    let ended_at_ms = shared.clock.now_ms();
    let payload = payload(key, begun, &outcome, status, ended_at_ms);
    if let Some(report) = &report {
        fallback::tell(events, change.as_ref(), report);
    }
    announce(shared, key, begun, events, (status, error.as_deref(), &outcome.reply), ended_at_ms).await;
    let result = RunResult {
        status,
        error,
        timed_out,
        retryable: retryable(&outcome),
        payload: Arc::new(payload),
        started_at_ms: run.started_at_ms,
        ended_at_ms,
    };
    shared.runs.resolve(&run.run_id, Arc::new(result));
}

/// Commits the end, however long the store cannot take it. `false`: the run is over already, or the gateway is stopping.
async fn commit(shared: &Arc<Shared>, key: &SessionKey, finish: FinishRun) -> bool {
    loop {
        match shared.store.finish_run(finish.clone()).await {
            Ok((entries, rows)) => {
                super::events::session_messages(shared, key, &entries);
                if !rows.is_empty() {
                    shared.outbox.wake();
                }
                return true;
            }
            Err(StoreError::Closed { .. }) => return false,
            Err(error @ (StoreError::RunEnded { .. } | StoreError::UnknownRun { .. })) => {
                tracing::error!(run = %finish.run_id, %error, "a run ended twice; the first end stands");
                if let Ok(Some(run)) = shared.store.run(&finish.run_id).await {
                    resolve_stored(shared, &run);
                }
                return false;
            }
            Err(error) => {
                tracing::error!(run = %finish.run_id, %error, "the end of a run waits for the store");
                tokio::time::sleep(COMMIT_RETRY).await;
            }
        }
    }
}

/// How it ended: status, what went wrong, and whether it was too slow. An answer without a word is told, because
/// somebody waits for it; silence on purpose is `NO_REPLY`.
fn verdict(outcome: &TurnOutcome) -> (RunStatus, Option<String>, bool) {
    match &outcome.end {
        TurnEnd::Done if outcome.reply.trim().is_empty() && !outcome.silent => {
            (RunStatus::Failed, Some("the model gave an empty answer; please ask again".into()), false)
        }
        TurnEnd::Done => (RunStatus::Done, None, false),
        TurnEnd::Aborted => (RunStatus::Aborted, None, false),
        TurnEnd::Failed(e) => (RunStatus::Failed, Some(e.message.clone()), e.kind == TurnErrorKind::Deadline),
    }
}

/// Whether the same turn may well succeed later.
fn retryable(outcome: &TurnOutcome) -> bool {
    match &outcome.end {
        TurnEnd::Failed(e) => match e.kind {
            TurnErrorKind::Model(kind) => kind.is_retryable(),
            TurnErrorKind::Deadline => true,
            TurnErrorKind::TooManyCalls | TurnErrorKind::Store => false,
        },
        TurnEnd::Done | TurnEnd::Aborted => false,
    }
}

fn stop_reason(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Aborted => "aborted",
        RunStatus::Failed => "error",
        RunStatus::Done | RunStatus::Running => "stop",
    }
}

async fn announce(
    shared: &Arc<Shared>,
    key: &SessionKey,
    begun: &Begin,
    events: &RunEvents,
    (status, error, reply): (RunStatus, Option<&str>, &str),
    ended_at_ms: i64,
) {
    let stop = stop_reason(status);
    let mut end = json!({
        "phase": if status == RunStatus::Failed { "error" } else { "end" },
        "startedAt": begun.run.started_at_ms, "endedAt": ended_at_ms, "aborted": status == RunStatus::Aborted,
        "stopReason": stop,
    });
    if let Some(error) = error {
        end["error"] = json!(error);
    }
    events.lifecycle(end);
    match status {
        RunStatus::Failed => events.chat_end("error", json!({"errorMessage": error})),
        RunStatus::Aborted => events.chat_end("aborted", json!({"stopReason": "rpc"})),
        _ => {
            let message = super::events::assistant_text(&visible(reply), ended_at_ms);
            events.chat_end("final", json!({"stopReason": stop, "message": message}));
        }
    }
    shared.health.changed(shared);
    super::events::session_changed(shared, key, "run").await;
}

/// The final response of `agent` (`samples/flow-agent-turn.jsonl`).
fn payload(
    key: &SessionKey,
    begun: &Begin,
    outcome: &TurnOutcome,
    status: RunStatus,
    ended_at_ms: i64,
) -> Value {
    let (run, usage) = (&begun.run, &outcome.usage);
    let payloads = if outcome.reply.is_empty() {
        json!([])
    } else {
        json!([{"text": visible(&outcome.reply), "mediaUrl": null}])
    };
    // The one that answered, which need not be the one that was chosen.
    let answered = outcome.answered_by();
    let choice = answered.as_deref().or(run.model_choice.as_deref());
    let info = begun.current.models.info_for_run(key.agent_id(), choice);
    let info = info.as_ref();
    let (word, summary) = match status {
        RunStatus::Done | RunStatus::Running => ("ok", "completed"),
        RunStatus::Failed => ("error", "failed"),
        RunStatus::Aborted => ("aborted", "aborted"),
    };
    json!({
        "runId": run.run_id, "status": word, "summary": summary,
        "result": {
            "payloads": payloads,
            "meta": {
                "durationMs": ended_at_ms.saturating_sub(run.started_at_ms),
                "agentMeta": {
                    "sessionId": run.session_id,
                    "provider": info.map(|i| i.provider.as_str()),
                    "model": info.map(|i| i.id.as_str()),
                    "contextTokens": info.map(|i| i.context_window),
                    "usage": usage_json(usage),
                    "lastCallUsage": usage_json(&outcome.last_call),
                    "promptTokens": outcome.last_call.prompt(),
                    "costUsd": usage.cost,
                },
                "aborted": status == RunStatus::Aborted,
                "stopReason": stop_reason(status),
                "toolSummary": {
                    "calls": outcome.tool_names.len(), "tools": outcome.tool_names, "failures": outcome.tool_failures,
                },
            },
        },
    })
}

fn usage_json(usage: &model::Usage) -> Value {
    json!({
        "input": usage.input, "output": usage.output, "cacheRead": usage.cache_read, "cacheWrite": usage.cache_write,
        "total": usage.total(), "cost": {"total": usage.cost},
    })
}

/// Gives those who wait the end of a run that is in the store already.
pub(crate) fn resolve_stored(shared: &Shared, run: &Run) {
    if let Some(result) = stored(run) {
        shared.runs.resolve(&run.run_id, Arc::new(result));
    }
}

/// Tells those who wait for a message that was taken out of the queue before its run began.
fn resolve_never_begun(shared: &Shared, run_id: &str) {
    let now = shared.clock.now_ms();
    let payload =
        json!({"runId": run_id, "status": "aborted", "summary": "aborted", "result": {"payloads": []}});
    let result = RunResult {
        status: RunStatus::Aborted,
        error: None,
        timed_out: false,
        retryable: false,
        payload: Arc::new(payload),
        started_at_ms: now,
        ended_at_ms: now,
    };
    shared.runs.resolve(run_id, Arc::new(result));
}

/// The end of a run, from its row; `None` while it runs.
pub(crate) fn stored(run: &Run) -> Option<RunResult> {
    let ended_at_ms = run.ended_at_ms?;
    let (word, summary) = match run.status {
        RunStatus::Running => return None,
        RunStatus::Done => ("ok", "completed"),
        RunStatus::Failed => ("error", "failed"),
        RunStatus::Aborted => ("aborted", "aborted"),
    };
    let payloads = match &run.reply {
        Some(reply) => json!([{"text": visible(reply), "mediaUrl": null}]),
        None => json!([]),
    };
    let payload = json!({
        "runId": run.run_id, "status": word, "summary": summary,
        "result": {"payloads": payloads, "meta": {
            "durationMs": ended_at_ms.saturating_sub(run.started_at_ms),
            "agentMeta": {"sessionId": run.session_id, "usage": usage_json(&run.usage)},
            "aborted": run.status == RunStatus::Aborted,
            "stopReason": stop_reason(run.status),
        }},
    });
    Some(RunResult {
        status: run.status,
        error: run.error.clone(),
        timed_out: false,
        retryable: false,
        payload: Arc::new(payload),
        started_at_ms: run.started_at_ms,
        ended_at_ms,
    })
}

/// Tells everybody of a run that was aborted while it still waited: there is nothing of it in the store but its closed
/// row.
pub(crate) async fn never_begun(shared: &Arc<Shared>, key: &SessionKey, run_id: &str) {
    let session_id = match shared.store.session(key).await {
        Ok(session) => session.map(|s| s.session_id).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, session = %key, "an aborted run is told of without its session's id");
            String::new()
        }
    };
    let events = RunEvents::new(shared.clone(), key.clone(), session_id, run_id.to_owned());
    events.lifecycle(json!({"phase": "end", "status": "cancelled", "aborted": true, "stopReason": "rpc",
        "endedAt": shared.clock.now_ms()}));
    events.chat_end("aborted", json!({"stopReason": "rpc"}));
    resolve_never_begun(shared, run_id);
}

/// Closes work that was taken out of a queue before its turn began, and tells everybody. Gives its runs.
pub(crate) async fn close_waiting(
    shared: &Arc<Shared>,
    key: &SessionKey,
    taken: Vec<Submission<Work>>,
) -> Result<Vec<String>, StoreError> {
    let mut closed = Vec::with_capacity(taken.len());
    for submission in taken {
        match submission.payload {
            Work::Message { row, .. } => {
                shared.store.close_inbound(vec![row.id], "aborted", vec![]).await?;
                never_begun(shared, key, &submission.run_id).await;
            }
            // It had begun before the gateway was started: it ends, or the next start would take it up again.
            Work::Resume(run) => end_cut(shared, key, *run).await,
        }
        closed.push(submission.run_id);
    }
    Ok(closed)
}

/// Closes what waits for a session up to the row `last` and was in no queue before: messages that found it full (there is
/// room for them by now, and they may have come into the queue) or whose channel does not work, and runs that were cut and
/// could not be taken up. Gives how many messages there were.
pub(crate) async fn close_left(
    shared: &Arc<Shared>,
    key: &SessionKey,
    last: i64,
) -> Result<usize, StoreError> {
    let mut closed = 0;
    for row in shared.store.open_inbound().await? {
        if row.id > last || dispatch::session_of(shared, &row.inbound) != *key {
            continue;
        }
        let run_id = dispatch::run_id(&row);
        closed += 1;
        let (_, queued) = shared.runs.abort(key, Some(&run_id));
        if queued.is_empty() {
            // Where it is on its way into the queue, its turn finds it closed.
            shared.store.close_inbound(vec![row.id], "aborted", vec![]).await?;
            never_begun(shared, key, &run_id).await;
        } else {
            close_waiting(shared, key, queued).await?;
        }
    }
    for run in shared.store.unfinished_runs().await? {
        if run.session_key == *key && shared.runs.session_of(&run.run_id).is_none() {
            end_cut(shared, key, run).await;
        }
    }
    Ok(closed)
}

/// Ends a run that had begun before the gateway was started, and that is not to go on.
async fn end_cut(shared: &Arc<Shared>, key: &SessionKey, run: Run) {
    let begun = Begin { run, entries: vec![], first: None, current: shared.current() };
    let (session, id) = (begun.run.session_id.clone(), begun.run.run_id.clone());
    let events = RunEvents::new(shared.clone(), key.clone(), session, id);
    finish(shared, key, (&begun, None), super::turn::ended(TurnEnd::Aborted), &events).await;
}

/// Ends the run of a turn that panicked, so that it is answered and not resumed into the same panic.
pub(crate) async fn after_panic(shared: &Arc<Shared>, key: &SessionKey, run_id: &str) {
    let run = match shared.store.run(run_id).await {
        Ok(Some(run)) if run.status == RunStatus::Running => run,
        Ok(_) => return,
        Err(error) => return tracing::error!(run = %run_id, %error, "a run that panicked could not be ended"),
    };
    let message = "something went wrong inside the gateway; its log says more (openclaw logs)".to_owned();
    let begun = Begin { run, entries: vec![], first: None, current: shared.current() };
    let events =
        RunEvents::new(shared.clone(), key.clone(), begun.run.session_id.clone(), begun.run.run_id.clone());
    finish(shared, key, (&begun, None), super::turn::failed(message), &events).await;
}
