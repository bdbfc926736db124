//! The one task that looks when something is due. It sleeps until then, and never long: a computer that was asleep, or a
//! clock that was set, is noticed within [`LOOK`].

use super::begin::{self, Why};
use super::{beats, catch_up, end, wire};
use crate::heartbeat::declaration;
use crate::settings::Settings;
use crate::shared::Shared;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{OpenCronRun, StoreError, Wake};
use tokio::time::Instant;

/// The longest sleep.
const LOOK: Duration = Duration::from_secs(30);
/// After the store could not be used.
const RETRY: Duration = Duration::from_secs(2);
/// Sessions of runs are looked through this often.
const SWEEP_MS: i64 = 5 * 60 * 1000;
/// A clock that is this far behind what the time that passed says was set back.
const SET_BACK_MS: i64 = 60_000;

/// The end of a run: its id, and whether the same may well succeed later.
type RunEnded = Pin<Box<dyn Future<Output = (String, bool)> + Send>>;

/// Before anybody is served: the heartbeats' jobs are there, and what was missed has its time. Where the store cannot do
/// that now, the scheduler does it.
pub(crate) async fn prepare(shared: &Shared) {
    let prepared = async {
        beats::reconcile(shared, true).await?;
        if shared.settings().cron_enabled {
            catch_up_once(shared).await?;
        }
        Ok::<(), StoreError>(())
    };
    if let Err(error) = prepared.await {
        tracing::error!(%error, "scheduled jobs wait for the store");
    }
}

async fn catch_up_once(shared: &Shared) -> Result<(), StoreError> {
    if !shared.cron.caught_up.load(Ordering::Acquire) {
        catch_up::missed(shared).await?;
        catch_up::set_back(shared).await?;
        shared.cron.caught_up.store(true, Ordering::Release);
    }
    Ok(())
}

#[derive(Default)]
struct Scheduler {
    /// Runs that are under way, by id.
    open: HashMap<String, OpenCronRun>,
    ends: FuturesUnordered<RunEnded>,
    /// The configuration that the heartbeats were made by.
    settings: Option<Arc<Settings>>,
    /// When sessions of runs were looked through last.
    swept_at_ms: Option<i64>,
}

/// Runs jobs until shutdown. Supervised: what it knew is in the store, and the next one finds it there.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut scheduler = Scheduler::default();
    let soft = shared.lifecycle.soft().clone();
    let mut clock = (shared.clock.now_ms(), Instant::now());
    while !soft.is_cancelled() {
        let wait = match scheduler.pass(&shared, &mut clock).await {
            Ok(wait) => wait,
            Err(StoreError::Closed { .. }) => return,
            Err(error) => {
                tracing::error!(%error, "scheduled jobs wait for the store");
                RETRY
            }
        };
        tokio::select! {
            () = soft.cancelled() => return,
            Some((run_id, retryable)) = scheduler.ends.next() => scheduler.ended(&shared, &run_id, retryable).await,
            () = shared.cron.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

impl Scheduler {
    /// Looks at everything once; gives how long nothing will happen.
    async fn pass(
        &mut self,
        shared: &Arc<Shared>,
        clock: &mut (i64, Instant),
    ) -> Result<Duration, StoreError> {
        self.follow(shared).await?;
        for job in shared.store.remove_sent_cron_jobs().await? {
            shared.cron.awaits_sending.store(false, Ordering::Release);
            wire::event(shared, "removed", &job, json!({}));
        }
        let settings = shared.settings();
        if !self.settings.as_ref().is_some_and(|known| Arc::ptr_eq(known, &settings)) {
            beats::reconcile(shared, self.settings.is_none()).await?;
            self.settings = Some(settings.clone());
        }
        self.wake_agents(shared).await?;
        self.sweep(shared).await?;
        if !settings.cron_enabled {
            return Ok(LOOK);
        }
        catch_up_once(shared).await?;
        if was_set_back(shared, clock) {
            catch_up::set_back(shared).await?;
        }
        self.begin_due(shared).await?;
        if self.room(shared) == 0 {
            return Ok(LOOK);
        }
        let now = shared.clock.now_ms();
        Ok(match shared.store.cron_next_at().await? {
            Some(next) => Duration::from_millis(next.saturating_sub(now).max(0).unsigned_abs()).min(LOOK),
            None => LOOK,
        })
    }

    /// Has agents look at what has happened; those whose heartbeat is under way look again when it has ended.
    async fn wake_agents(&mut self, shared: &Arc<Shared>) -> Result<(), StoreError> {
        for wake in shared.store.wakes().await? {
            answer(shared, wake).await?;
        }
        self.follow(shared).await
    }

    /// Now and then, deletes the sessions that runs had for themselves and that are older than they are to become.
    async fn sweep(&mut self, shared: &Arc<Shared>) -> Result<(), StoreError> {
        let now = shared.clock.now_ms();
        let Some(keep) = shared.settings().cron_session_retention_ms else { return Ok(()) };
        // A clock that was set back is no reason to wait.
        if self.swept_at_ms.is_some_and(|at| (at..at.saturating_add(SWEEP_MS)).contains(&now)) {
            return Ok(());
        }
        let before = now.saturating_sub(keep);
        let old = shared.store.old_cron_sessions(before).await?;
        // One that somebody works on just now, or compacts, stays until the next look.
        let holds: Vec<_> =
            old.iter().filter_map(|key| Some((key.clone(), shared.runs.try_hold(shared, key)?))).collect();
        let held = holds.iter().map(|(key, _)| key.clone()).collect();
        let gone = shared.store.delete_cron_sessions(before, held).await?;
        drop(holds);
        for (key, session_id) in &gone {
            crate::runs::events::session_deleted(shared, key, session_id);
        }
        // Where there are more, the next look goes on.
        let all = old.len() < usize::try_from(store::MAX_SWEPT).unwrap_or(usize::MAX);
        self.swept_at_ms = all.then_some(now);
        Ok(())
    }

    fn room(&self, shared: &Shared) -> usize {
        shared.settings().cron_max_runs.saturating_sub(self.open.len())
    }

    async fn begin_due(&mut self, shared: &Arc<Shared>) -> Result<(), StoreError> {
        let now = shared.clock.now_ms();
        for row in shared.store.cron_due(now, self.room(shared)).await? {
            let run_id = format!("cron:{}:{now}:{}", row.job.id, model::new_id());
            // Where it was changed in the same moment, the next pass looks at it again.
            begin::run(shared, row, Why::Due, run_id).await?;
        }
        self.follow(shared).await
    }

    /// Waits for the end of every open run that is not waited for yet: those that were begun, by whomever, and those that a
    /// crash cut.
    async fn follow(&mut self, shared: &Arc<Shared>) -> Result<(), StoreError> {
        for open in shared.store.open_cron_runs().await? {
            if self.open.contains_key(&open.run_id) {
                continue;
            }
            // Listening begins before the look: the end cannot fall between the two.
            let mut result = shared.runs.watch(&open.run_id);
            if end::settle(shared, &open, false).await? {
                continue;
            }
            let run_id = open.run_id.clone();
            self.open.insert(run_id.clone(), open);
            self.ends.push(Box::pin(async move {
                let ended = result.wait_for(Option::is_some).await;
                let retryable = ended.is_ok_and(|r| r.as_ref().is_some_and(|r| r.retryable));
                (run_id, retryable)
            }));
        }
        Ok(())
    }

    /// Reports a run. Where that fails, the next pass finds it open and tries again.
    async fn ended(&mut self, shared: &Arc<Shared>, run_id: &str, retryable: bool) {
        let Some(open) = self.open.remove(run_id) else { return };
        if let Err(error) = end::settle(shared, &open, retryable).await {
            tracing::error!(%error, run = run_id, "the end of a scheduled run waits for the store");
        }
    }
}

/// Whether the clock shows less than the time that has passed since it was looked at allows.
fn was_set_back(shared: &Shared, clock: &mut (i64, Instant)) -> bool {
    let (wall, at) = *clock;
    let now = shared.clock.now_ms();
    let passed = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
    *clock = (now, Instant::now());
    now < wall.saturating_add(passed).saturating_sub(SET_BACK_MS)
}

/// Begins an agent's heartbeat for a session. What was asked for stands until that is on disk: while the heartbeat is under
/// way or was changed in the same moment, and over a crash.
async fn answer(shared: &Arc<Shared>, wake: Wake) -> Result<(), StoreError> {
    let Some(row) = shared.store.cron_declared(&declaration(wake.key.agent_id())).await? else {
        tracing::info!(session = %wake.key, "nobody is woken: the agent has no heartbeat");
        return shared.store.drop_wake(wake.id).await;
    };
    if row.running.is_none() {
        let now = shared.clock.now_ms();
        let run_id = format!("wake:{}:{now}:{}", row.job.id, model::new_id());
        begin::run(shared, row, Why::Woken(wake), run_id).await?;
    }
    Ok(())
}
