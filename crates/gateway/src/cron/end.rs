//! The end of a run: what the agent's run came to, the job after it, and who is told.

use super::{agent_of, next_of, target, wire};
use crate::runs::dispatch::RPC;
use crate::shared::Shared;
use model::Outbound;
use model::cron::{DeliveryMode, FailureAlert, Job, JobState, Payload, RunOutcome, Schedule};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::{AfterRun, EndCronRun, Ended, JobRow, OpenCronRun, Run, RunStatus, StoreError};

/// After so many failures in a row a recurring job pauses for so long at least, in seconds; a job that runs once is tried
/// again after the first three.
const BACKOFF_S: &[i64] = &[30, 60, 300, 900, 3600];
const RETRIES: i64 = 3;
/// The last of those pauses.
pub(super) const LONGEST_PAUSE_MS: i64 = 3_600_000;
/// From one beginning to the next it is never less, however close the times of a job are: what a schedule asks for is no
/// reason to do nothing else.
const MIN_GAP_MS: i64 = 2000;
/// Failures in a row that are told, where the job does not say otherwise, and for how long they are not told again.
const ALERT_AFTER: i64 = 2;
const ALERT_COOLDOWN_MS: i64 = 60 * 60 * 1000;
/// Characters of an answer that the history keeps; the transcript has all of it.
const MAX_SUMMARY: usize = 2000;

/// What a run came to.
pub(super) struct Over {
    pub(super) status: RunOutcome,
    pub(super) error: Option<String>,
    /// Whether the same may well succeed later.
    pub(super) retryable: bool,
    pub(super) started_at_ms: i64,
}

/// What becomes of a job.
pub(super) struct After {
    /// Whether it is done with, and goes.
    pub(super) remove: bool,
    /// Failures in a row before this run.
    errors_before: i64,
}

/// Ends an open run if what it consists of has ended; `false` while it has not. Called as often as anybody likes: the
/// store ends a run once.
pub(super) async fn settle(
    shared: &Arc<Shared>,
    open: &OpenCronRun,
    retryable: bool,
) -> Result<bool, StoreError> {
    let run = shared.store.run(&open.run_id).await?;
    let (status, error) = match &run {
        Some(run) => match run.status {
            RunStatus::Running => return Ok(false),
            RunStatus::Done => (RunOutcome::Ok, None),
            RunStatus::Failed => {
                (RunOutcome::Error, run.error.clone().or_else(|| Some("the turn failed".into())))
            }
            RunStatus::Aborted => (RunOutcome::Error, Some("the turn was aborted".into())),
        },
        None if shared.store.is_waiting(RPC, &open.run_id).await? => return Ok(false),
        None => {
            // Looked at again: it may have begun between the two questions.
            if shared.store.run(&open.run_id).await?.is_some() {
                return Ok(false);
            }
            (RunOutcome::Error, Some("the turn was aborted before it began".into()))
        }
    };
    let over = Over { status, error, retryable, started_at_ms: open.started_at_ms };
    loop {
        let row = shared.store.cron_job(&open.job_id).await?;
        let (end, told) = end_of(shared, open, run.as_ref(), row, &over).await?;
        let entry = end.entry.clone();
        if end.after == AfterRun::RemoveOnceSent {
            shared.cron.awaits_sending.store(true, Ordering::Release);
        }
        match shared.store.end_cron_run(end).await? {
            Ended::Now => {
                if let (Some((job, _)), Some(run)) = (&told, &run)
                    && matches!(job.payload, Payload::Heartbeat {})
                {
                    let now = shared.clock.now_ms();
                    let event = crate::heartbeat::outcome(run, now.saturating_sub(open.started_at_ms), now);
                    crate::heartbeat::announce(shared, &event).await?;
                }
                if let Some((job, removed)) = told {
                    announce(shared, &job, &entry, removed);
                }
                shared.outbox.wake();
                return Ok(true);
            }
            Ended::Before => return Ok(true),
            Ended::Stale => {}
        }
    }
}

/// The end of a run as the store takes it, with the job to tell of.
async fn end_of(
    shared: &Shared,
    open: &OpenCronRun,
    run: Option<&Run>,
    row: Option<JobRow>,
    over: &Over,
) -> Result<(EndCronRun, Option<(Job, bool)>), StoreError> {
    let now = shared.clock.now_ms();
    let sent = run.is_some_and(goes_out);
    let mut over = Over { error: over.error.clone(), ..*over };
    let unroutable = match (&row, run) {
        (Some(row), Some(run)) if run.route.is_none() => undelivered(shared, &row.job).await?,
        _ => None,
    };
    if let (Some((why, best_effort)), RunOutcome::Ok) = (&unroutable, over.status)
        && !best_effort
    {
        (over.status, over.error) = (RunOutcome::Error, Some(why.clone()));
    }
    let Some(JobRow { mut job, revision, .. }) = row else {
        let mut entry = json!({"jobId": open.job_id, "jobName": open.job_name});
        fill_head(&mut entry, &open.run_id, &over, now);
        fill_run(&mut entry, open, run);
        let delivery = if sent { "outbox" } else { "not-requested" };
        let end = EndCronRun {
            run_id: open.run_id.clone(),
            status: over.status,
            delivery,
            entry,
            job: None,
            after: AfterRun::Keep,
            outbox: vec![],
        };
        return Ok((end, None));
    };
    let after = after(&mut job, &over, now);
    let mut entry = entry_head(&job, &open.run_id, &over, now);
    fill_run(&mut entry, open, run);
    let mut delivery = if sent { "outbox" } else { "not-requested" };
    if let Some((why, _)) = unroutable {
        delivery = "not-delivered";
        entry["deliveryError"] = json!(why);
        entry["completionStatus"] = json!("failed");
    } else if !sent && over.status == RunOutcome::Ok && run.is_some_and(|run| run.route.is_some()) {
        entry["deliverySuppressionReason"] = json!("silent");
    }
    let outbox = alerts(shared, &mut job, &over, after.errors_before, now).await?;
    let what = match (after.remove, sent) {
        (false, _) => AfterRun::Keep,
        (true, false) => AfterRun::Remove,
        (true, true) => AfterRun::RemoveOnceSent,
    };
    let end = EndCronRun {
        run_id: open.run_id.clone(),
        status: over.status,
        delivery,
        entry,
        job: Some((job.clone(), revision)),
        after: what,
        outbox,
    };
    Ok((end, Some((job, what == AfterRun::Remove))))
}

/// Whether a run has put its answer into the outbox.
fn goes_out(run: &Run) -> bool {
    let is_heartbeat = run.directives.as_ref().is_some_and(|d| d.heartbeat);
    let says = |reply: &String| !(is_heartbeat && crate::heartbeat::is_ack(reply));
    run.route.is_some() && run.status == RunStatus::Done && run.reply.as_ref().is_some_and(says)
}

/// Why an answer that was to be delivered went nowhere, and whether that matters.
async fn undelivered(shared: &Shared, job: &Job) -> Result<Option<(String, bool)>, StoreError> {
    let best_effort = job.delivery.as_ref().and_then(|d| d.best_effort).unwrap_or(false);
    Ok(match target::of(shared, job).await? {
        None => None,
        Some(Err(why)) => Some((why, best_effort)),
        Some(Ok(_)) => Some(("there was no chat to deliver to when the run began".into(), best_effort)),
    })
}

/// The job after a run: counters, and when it runs next.
pub(super) fn after(job: &mut Job, over: &Over, now: i64) -> After {
    let errors_before = job.state.consecutive_errors.unwrap_or(0);
    let failed = over.status == RunOutcome::Error;
    let s: &mut JobState = &mut job.state;
    s.running_at_ms = None;
    s.last_run_at_ms = Some(over.started_at_ms);
    (s.last_run_status, s.last_status) = (Some(over.status), Some(over.status));
    s.last_error.clone_from(&over.error);
    s.last_duration_ms = Some(now.saturating_sub(over.started_at_ms).max(0));
    match over.status {
        RunOutcome::Ok => (s.consecutive_errors, s.consecutive_skipped) = (Some(0), Some(0)),
        RunOutcome::Error => s.consecutive_errors = Some(errors_before.saturating_add(1)),
        RunOutcome::Skipped => {
            s.consecutive_skipped = Some(s.consecutive_skipped.unwrap_or(0).saturating_add(1))
        }
    }
    let errors = s.consecutive_errors.unwrap_or(0);
    let resting = now.saturating_add(backoff_ms(errors));
    let mut remove = false;
    if !matches!(job.schedule, Schedule::At { .. }) {
        // A time that passed while it ran is not made up for.
        let next = job.state.next_run_at_ms.filter(|next| *next > now).or_else(|| next_of(job, now));
        let next = next.map(|next| next.max(over.started_at_ms.saturating_add(MIN_GAP_MS)));
        let next = if failed { next.map(|next| next.max(resting)) } else { next };
        job.state.next_run_at_ms = next.filter(|_| job.enabled);
    } else if job.state.next_run_at_ms.is_none() {
        // One that was begun before its time keeps it.
        if failed && over.retryable && errors <= RETRIES {
            job.state.next_run_at_ms = Some(resting).filter(|_| job.enabled);
        } else {
            remove = !failed && job.delete_after_run == Some(true);
            job.enabled = false;
        }
    }
    After { remove, errors_before }
}

fn backoff_ms(errors: i64) -> i64 {
    let place = usize::try_from(errors.saturating_sub(1)).unwrap_or(0);
    BACKOFF_S.get(place).or(BACKOFF_S.last()).copied().unwrap_or(0) * 1000
}

/// The part of an entry that every run has.
pub(super) fn entry_head(job: &Job, run_id: &str, over: &Over, now: i64) -> Value {
    let mut entry = json!({"jobId": job.id, "jobName": job.name});
    fill_head(&mut entry, run_id, over, now);
    if let Some(next) = job.state.next_run_at_ms {
        entry["nextRunAtMs"] = json!(next);
    }
    entry
}

fn fill_head(entry: &mut Value, run_id: &str, over: &Over, now: i64) {
    entry["ts"] = json!(now);
    entry["action"] = json!("finished");
    entry["status"] = json!(over.status.as_str());
    entry["completionStatus"] = json!(if over.status == RunOutcome::Ok { "succeeded" } else { "failed" });
    entry["runId"] = json!(run_id);
    entry["runAtMs"] = json!(over.started_at_ms);
    entry["durationMs"] = json!(now.saturating_sub(over.started_at_ms).max(0));
    if let Some(error) = &over.error {
        entry["error"] = json!(error);
    }
}

/// What the agent's run adds to an entry.
fn fill_run(entry: &mut Value, open: &OpenCronRun, run: Option<&Run>) {
    if let Some(key) = &open.session_key {
        entry["sessionKey"] = json!(key);
    }
    let Some(run) = run else { return };
    entry["sessionId"] = json!(run.session_id);
    entry["usage"] = json!({
        "input_tokens": run.usage.input, "output_tokens": run.usage.output, "total_tokens": run.usage.total(),
        "cache_read_tokens": run.usage.cache_read, "cache_write_tokens": run.usage.cache_write,
    });
    if run.resumes > 0 {
        let cut = format!(
            "the gateway ended {} while this ran; it was taken up again, and calls that were under way were not repeated",
            if run.resumes == 1 { "once".to_owned() } else { format!("{} times", run.resumes) }
        );
        let one = json!({"ts": entry["ts"], "source": "agent-run", "severity": "warn", "message": cut});
        entry["diagnostics"] = json!({"summary": cut, "entries": [one]});
    }
    if let Some(reply) = &run.reply {
        entry["summary"] = json!(reply.chars().take(MAX_SUMMARY).collect::<String>());
    }
}

/// What is told about failures in a row, and about their end.
async fn alerts(
    shared: &Shared,
    job: &mut Job,
    over: &Over,
    errors_before: i64,
    now: i64,
) -> Result<Vec<Outbound>, StoreError> {
    let policy = match &job.failure_alert {
        Some(FailureAlert::Off(_)) => return Ok(vec![]),
        Some(FailureAlert::On(policy)) => Some(policy.clone()),
        None if job.delivery.as_ref().is_some_and(|d| d.best_effort == Some(true)) => return Ok(vec![]),
        None => None,
    };
    let after = policy.as_ref().and_then(|p| p.after).unwrap_or(ALERT_AFTER);
    let cooldown = policy.as_ref().and_then(|p| p.cooldown_ms).unwrap_or(ALERT_COOLDOWN_MS);
    let last = job.state.last_failure_alert_at_ms;
    let errors = job.state.consecutive_errors.unwrap_or(0);
    let text = match over.status {
        RunOutcome::Error if errors >= after && last.is_none_or(|at| now.saturating_sub(at) >= cooldown) => {
            job.state.last_failure_alert_at_ms = Some(now);
            let error = over.error.as_deref().unwrap_or("no reason was given");
            format!("⚠️ The scheduled job \"{}\" failed ({errors} in a row): {error}", job.name)
        }
        RunOutcome::Ok if errors_before >= after && last.is_some() => {
            job.state.last_failure_alert_at_ms = None;
            format!("The scheduled job \"{}\" works again.", job.name)
        }
        _ => return Ok(vec![]),
    };
    let destination = job.delivery.as_ref().and_then(|d| d.failure_destination.clone());
    let named = policy
        .and_then(|p| p.to.map(|to| (p.channel, to, p.account_id)))
        .or_else(|| destination.and_then(|d| d.to.map(|to| (d.channel, to, d.account_id))));
    let target = match named {
        Some((channel, to, account)) => {
            Some(target::explicit(shared, channel.as_deref(), &to, account.as_deref(), None))
        }
        None => target::of(shared, job).await?,
    };
    Ok(match target {
        Some(Ok((channel, account, to))) => {
            vec![Outbound { channel, account, to, text, act: None, ..Outbound::default() }]
        }
        Some(Err(why)) => {
            tracing::warn!(job = %job.id, agent = agent_of(shared, job), %why, "failures of a job are told to nobody");
            vec![]
        }
        None => vec![],
    })
}

/// Tells operators that a run has ended, and that its job is gone.
pub(super) fn announce(shared: &Shared, job: &Job, entry: &Value, removed: bool) {
    let mut more = entry.clone();
    if let Value::Object(map) = &mut more {
        for known in ["jobId", "action", "ts"] {
            map.shift_remove(known);
        }
    }
    let announced = job.delivery.as_ref().is_some_and(|d| d.mode == DeliveryMode::Announce);
    tracing::info!(job = %job.id, name = %job.name, status = %entry["status"], announced, "a scheduled run ended");
    wire::event(shared, "finished", job, more);
    if removed {
        wire::event(shared, "removed", job, json!({}));
    }
}
