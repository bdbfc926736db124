//! What was missed while the gateway was down, and what a clock that was set back leaves behind.

use super::{next_of, wire};
use crate::shared::Shared;
use model::cron::{Job, Payload, Schedule, WakeMode};
use serde_json::json;
use store::StoreError;

/// Turns that were missed are made up for this long after the start, and not all at the same moment.
const DELAY_MS: i64 = 2 * 60 * 1000;
const APART_MS: i64 = 5 * 1000;

/// Once after the start, before anything is due: a job whose times were missed is done once, however many there were. What
/// asks a model waits until the gateway has settled; that delay is on disk, so that the next start does not begin it anew.
pub(super) async fn missed(shared: &Shared) -> Result<(), StoreError> {
    let now = shared.clock.now_ms();
    let mut deferred = 0;
    for mut row in shared.store.cron_jobs().await? {
        let Some(next) = row.job.state.next_run_at_ms.filter(|_| row.job.enabled && row.running.is_none())
        else {
            continue;
        };
        // What falls due from the start on is the scheduler's.
        if next > shared.started_at_ms {
            continue;
        }
        let then = match row.job.payload {
            Payload::SystemEvent { .. } if row.job.wake_mode == WakeMode::NextHeartbeat => continue,
            // The next one will do.
            Payload::Heartbeat {} => next_of(&row.job, now),
            _ => {
                deferred += 1;
                Some(now.saturating_add(DELAY_MS).saturating_add(APART_MS * (deferred - 1)))
            }
        };
        tracing::info!(job = %row.job.id, name = %row.job.name, missed = next, next = then, "a time was missed");
        move_to(shared, &mut row.job, row.revision, then).await?;
    }
    Ok(())
}

/// The clock was set back: times that were reckoned from a wrong, later hour would be waited for in vain.
pub(super) async fn set_back(shared: &Shared) -> Result<(), StoreError> {
    let now = shared.clock.now_ms();
    for mut row in shared.store.cron_jobs().await? {
        if matches!(row.job.schedule, Schedule::At { .. }) || !row.job.enabled {
            continue;
        }
        let next = next_of(&row.job, now);
        // A pause after failures, or after the start, is no wrong hour.
        let latest = next.map(|next| next.saturating_add(super::end::LONGEST_PAUSE_MS));
        if row.job.state.next_run_at_ms > latest {
            move_to(shared, &mut row.job, row.revision, next).await?;
        }
    }
    Ok(())
}

/// An edit in the same moment stands: it has found a time of its own.
async fn move_to(shared: &Shared, job: &mut Job, revision: i64, next: Option<i64>) -> Result<(), StoreError> {
    job.state.next_run_at_ms = next;
    if shared.store.change_cron_job(job.clone(), revision).await?.is_some() {
        wire::event(shared, "updated", job, json!({}));
    }
    Ok(())
}
