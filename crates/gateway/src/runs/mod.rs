//! Runs of the agent: which sessions have work, one turn at a time each, and who waits for an answer.
//!
//! Everything that is to be answered is an inbound row in the store before it gets here, so that a crash loses nothing:
//! what is queued in memory is only the order of work.

pub(crate) mod abort;
mod acks;
pub(crate) mod compact;
pub(crate) mod dispatch;
pub(crate) mod draft;
mod drain;
mod edits;
pub(crate) mod errors;
pub(crate) mod events;
mod fallback;
pub(crate) mod finish;
mod history;
pub(crate) mod hold;
pub(crate) mod host;
mod joined;
mod marks;
mod outgoing;
mod reactions;
mod reply;
pub(crate) mod resume;
mod said;
pub(crate) mod transcript;
pub(crate) mod turn;

use crate::lifecycle::Lifecycle;
use crate::shared::Shared;
use agent::queue::{QueueMode, SessionQueue, Submission, Submitted};
use futures_util::FutureExt;
use model::SessionKey;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use store::{InboundRow, Run, RunStatus};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// After a panic the session pauses for this long.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// Something to answer.
pub(crate) enum Work {
    /// A message.
    Message {
        /// Its row.
        row: Box<InboundRow>,
        /// Held for as long as this work is about to be done.
        _claim: Arc<Claim>,
    },
    /// A run that a crash cut.
    Resume(Box<Run>),
}

/// How a run ended, for those who wait for it.
#[derive(Debug, Clone)]
pub(crate) struct RunResult {
    /// How it ended.
    pub(crate) status: RunStatus,
    /// What went wrong.
    pub(crate) error: Option<String>,
    /// Whether it was too slow.
    pub(crate) timed_out: bool,
    /// Whether the same may well succeed later; unknown counts as no.
    pub(crate) retryable: bool,
    /// The final response's payload (`agent`).
    pub(crate) payload: Arc<Value>,
    /// When it began and ended.
    pub(crate) started_at_ms: i64,
    pub(crate) ended_at_ms: i64,
}

struct Slot {
    queue: SessionQueue<Work>,
    /// Aborts the running turn.
    cancel: CancellationToken,
    /// From the first submission until the queue is empty; the slot goes with its worker.
    has_worker: bool,
    /// Somebody has the session for itself, or will as soon as the turn under way has ended: no turn begins meanwhile.
    is_held: bool,
}

/// All sessions that have work, and all who wait.
pub(crate) struct Runs {
    slots: Mutex<HashMap<SessionKey, Slot>>,
    waiters: Mutex<HashMap<String, watch::Sender<Option<Arc<RunResult>>>>>,
    /// Inbound rows that are in a queue already, so that nothing takes one twice.
    claimed: Mutex<HashSet<i64>>,
    /// Turns that may run at the same time, over all sessions.
    permits: Arc<Semaphore>,
    max_concurrent: AtomicUsize,
    queue_cap: AtomicUsize,
    /// A worker has ended or a hold was given up.
    freed: Notify,
    /// No turn begins any more.
    draining: CancellationToken,
}

/// A turn to run: what it answers, and what aborts it.
pub(crate) struct Turn {
    pub(crate) work: Vec<Submission<Work>>,
    pub(crate) cancel: CancellationToken,
}

impl Slot {
    /// Starts the session's worker where there is work, none runs, and nobody has the session for itself.
    fn start_worker(&mut self, shared: &Arc<Shared>, key: &SessionKey) {
        if self.has_worker || self.is_held {
            return;
        }
        self.has_worker = true;
        let (shared, key) = (shared.clone(), key.clone());
        let lifecycle = shared.lifecycle.clone();
        lifecycle.spawn(async move { work_off(&shared, &key).await });
    }
}

impl Runs {
    pub(crate) fn new(max_concurrent: usize, queue_cap: usize) -> Self {
        Self {
            slots: Mutex::default(),
            waiters: Mutex::default(),
            claimed: Mutex::default(),
            permits: Arc::new(Semaphore::new(max_concurrent)),
            max_concurrent: AtomicUsize::new(max_concurrent),
            queue_cap: AtomicUsize::new(queue_cap),
            freed: Notify::new(),
            draining: CancellationToken::new(),
        }
    }

    fn new_slot(&self) -> Slot {
        Slot {
            queue: SessionQueue::new(self.queue_cap.load(Ordering::Relaxed)),
            cancel: CancellationToken::new(),
            has_worker: false,
            is_held: false,
        }
    }

    /// Goes by other limits from now on: sessions that have work keep the length of their queue, and turns that run are
    /// not cut where fewer may run at the same time.
    pub(crate) fn set_limits(&self, lifecycle: &Lifecycle, max_concurrent: usize, queue_cap: usize) {
        self.queue_cap.store(queue_cap, Ordering::Relaxed);
        let before = self.max_concurrent.swap(max_concurrent, Ordering::Relaxed);
        if max_concurrent >= before {
            self.permits.add_permits(max_concurrent - before);
            return;
        }
        let permits = self.permits.clone();
        let fewer = u32::try_from(before - max_concurrent).unwrap_or(u32::MAX);
        let soft = lifecycle.soft().clone();
        lifecycle.spawn(async move {
            // As turns end, their places go.
            tokio::select! {
                () = soft.cancelled() => {}
                taken = permits.acquire_many_owned(fewer) => if let Ok(taken) = taken {
                    taken.forget();
                },
            }
        });
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<SessionKey, Slot>> {
        self.slots.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn waiters(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Option<Arc<RunResult>>>>> {
        self.waiters.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Takes hold of a row; `None` where somebody has it.
    pub(crate) fn claim(&self, shared: &Arc<Shared>, row: i64) -> Option<Arc<Claim>> {
        let is_new = self.claimed.lock().unwrap_or_else(|e| e.into_inner()).insert(row);
        is_new.then(|| Arc::new(Claim { shared: Arc::downgrade(shared), row }))
    }

    /// Whether somebody has a row.
    pub(crate) fn is_claimed(&self, row: i64) -> bool {
        self.claimed.lock().unwrap_or_else(|e| e.into_inner()).contains(&row)
    }

    /// Queues work for a session and starts its worker where none runs. `Refused`: too much waits already.
    pub(crate) fn submit(
        &self,
        shared: &Arc<Shared>,
        key: &SessionKey,
        submission: Submission<Work>,
        mode: QueueMode,
    ) -> Submitted {
        let mut slots = self.slots();
        let slot = slots.entry(key.clone()).or_insert_with(|| self.new_slot());
        let submitted = slot.queue.submit(submission, mode);
        if submitted == Submitted::Interrupts {
            slot.cancel.cancel();
        }
        slot.start_worker(shared, key);
        submitted
    }

    /// The next turn of a session; `None` ends its worker.
    fn next(&self, key: &SessionKey) -> Option<Turn> {
        let mut slots = self.slots();
        let slot = slots.get_mut(key)?;
        if slot.is_held || self.is_draining() {
            slot.has_worker = false;
            self.freed.notify_waiters();
            return None;
        }
        let Some(work) = slot.queue.start_next() else {
            slots.remove(key);
            self.freed.notify_waiters();
            return None;
        };
        slot.cancel = CancellationToken::new();
        Some(Turn { work, cancel: slot.cancel.clone() })
    }

    fn finished(&self, key: &SessionKey) {
        if let Some(slot) = self.slots().get_mut(key) {
            slot.queue.finished();
        }
    }

    /// Gives back steering that could not be stored.
    pub(crate) fn give_back_steering(&self, key: &SessionKey, steering: Vec<Submission<Work>>) {
        if let Some(slot) = self.slots().get_mut(key) {
            slot.queue.give_back_steering(steering);
        }
    }

    /// What arrived to steer the running turn of a session.
    pub(crate) fn take_steering(&self, key: &SessionKey) -> Vec<Submission<Work>> {
        self.slots().get_mut(key).map(|slot| slot.queue.take_steering()).unwrap_or_default()
    }

    /// The runs that a session is working on now.
    pub(crate) fn running(&self, key: &SessionKey) -> Vec<String> {
        self.slots().get(key).map(|slot| slot.queue.running_run_ids().to_vec()).unwrap_or_default()
    }

    /// The session on which a run is worked or in whose queue it waits.
    pub(crate) fn session_of(&self, run_id: &str) -> Option<SessionKey> {
        let slots = self.slots();
        let has = |slot: &Slot| {
            slot.queue.running_run_ids().iter().any(|id| id == run_id)
                || slot.queue.waiting_run_ids().any(|id| id == run_id)
        };
        slots.iter().find(|(_, slot)| has(slot)).map(|(key, _)| key.clone())
    }

    /// Takes everything out that waits for a session's next turns.
    pub(crate) fn take_waiting(&self, key: &SessionKey) -> Vec<Submission<Work>> {
        let mut slots = self.slots();
        let Some(slot) = slots.get_mut(key) else { return Vec::new() };
        let waiting: Vec<String> = slot.queue.waiting_run_ids().map(str::to_owned).collect();
        waiting.iter().filter_map(|id| slot.queue.remove(id)).collect()
    }

    /// How many sessions have work.
    pub(crate) fn active_sessions(&self) -> usize {
        self.slots().len()
    }

    /// Aborts a session's running turn, or what waits under `run_id`. Gives the running runs that were aborted and the
    /// waiting work that was taken out.
    pub(crate) fn abort(
        &self,
        key: &SessionKey,
        run_id: Option<&str>,
    ) -> (Vec<String>, Vec<Submission<Work>>) {
        let mut slots = self.slots();
        let Some(slot) = slots.get_mut(key) else { return (Vec::new(), Vec::new()) };
        let running = slot.queue.running_run_ids().to_vec();
        match run_id {
            Some(id) if !running.iter().any(|r| r == id) => {
                (Vec::new(), slot.queue.remove(id).into_iter().collect())
            }
            _ => {
                slot.cancel.cancel();
                (running, Vec::new())
            }
        }
    }

    /// Whoever calls this before the run ends hears of its end.
    pub(crate) fn watch(&self, run_id: &str) -> watch::Receiver<Option<Arc<RunResult>>> {
        let mut waiters = self.waiters();
        // Those who gave up leave a sender without receivers behind; it goes when the next one comes.
        waiters.retain(|id, sender| id == run_id || sender.receiver_count() > 0);
        waiters.entry(run_id.to_owned()).or_insert_with(|| watch::channel(None).0).subscribe()
    }

    /// Tells everybody who waits.
    pub(crate) fn resolve(&self, run_id: &str, result: Arc<RunResult>) {
        if let Some(sender) = self.waiters().remove(run_id) {
            sender.send_replace(Some(result));
        }
    }
}

/// The hold on an inbound row: while it lives, nobody else takes the row. Whichever way it ends, by a finished turn, a
/// full queue, an error, a panic or a dropped request, the row is looked at again, and taken if it is still open.
pub(crate) struct Claim {
    /// Weak, because what is queued is part of the gateway.
    shared: Weak<Shared>,
    row: i64,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        shared.runs.claimed.lock().unwrap_or_else(|e| e.into_inner()).remove(&self.row);
        shared.arriving.may_have_room();
        shared.inbox.wake();
    }
}

/// A session's worker: turn after turn until nothing waits. A turn that panics is ended as failed, and the next begins.
async fn work_off(shared: &Arc<Shared>, key: &SessionKey) {
    while let Some(turn) = shared.runs.next(key) {
        let run_id = turn.work.first().map(|s| s.run_id.clone()).unwrap_or_default();
        // Shutdown drops the turn where it is: the run stays `running` in the store and is resumed at the next start.
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            outcome = AssertUnwindSafe(guarded(shared, key, turn)).catch_unwind() => {
                if outcome.is_err() {
                    after_panic(shared, key, &run_id).await;
                }
            }
        }
        shared.runs.finished(key);
        shared.inbox.turn_ended();
    }
}

/// A message that brings a turn down before it has begun is still open and comes again: not at once, and the session
/// lives on whatever happens here.
async fn after_panic(shared: &Arc<Shared>, key: &SessionKey, run_id: &str) {
    tracing::error!(session = %key, run = %run_id, "a turn panicked; the run is ended as failed");
    tokio::time::sleep(PANIC_PAUSE).await;
    if AssertUnwindSafe(finish::after_panic(shared, key, run_id)).catch_unwind().await.is_err() {
        tracing::error!(session = %key, run = %run_id, "so did its end; the run is resumed at the next start");
    }
}

async fn guarded(shared: &Arc<Shared>, key: &SessionKey, turn: Turn) {
    // Only closed at shutdown, and then there is nothing left to run.
    let permit = tokio::select! {
        permit = shared.runs.permits.acquire() => permit,
        // What it was about to answer is on disk, and is taken up at the next start.
        () = shared.runs.draining.cancelled() => return,
    };
    let Ok(_permit) = permit else { return };
    turn::run(shared, key, turn).await;
}
