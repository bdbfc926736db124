//! What a connection's task and its callers share: who waits for an answer, and whether it is over.

use crate::{CallError, CloseInfo};
use protocol::Response;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};

/// Calls that may wait for their answers at once. A program with more in flight than that has lost control of itself.
pub const MAX_IN_FLIGHT: usize = 1024;
/// Answers kept for one call: two are all that any method gives.
const ANSWERS: usize = 2;

/// What a connection's task and its callers share. The lock is held for map operations only.
pub(crate) struct Shared {
    state: Mutex<State>,
    closed: watch::Sender<Option<CloseInfo>>,
    listening: AtomicBool,
}

struct State {
    waiting: HashMap<u64, mpsc::Sender<Response>>,
    last_id: u64,
}

/// A call's place among those that wait; leaving it is a drop.
pub(crate) struct Place<'a> {
    shared: &'a Shared,
    /// The request's id.
    pub(crate) id: u64,
    /// Where its answers come.
    pub(crate) answers: mpsc::Receiver<Response>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.lock().waiting.remove(&self.id);
    }
}

impl Shared {
    /// `last_id` is the last request id used already.
    pub(crate) fn new(last_id: u64) -> Self {
        Self {
            state: Mutex::new(State { waiting: HashMap::new(), last_id }),
            closed: watch::Sender::new(None),
            listening: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code under the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more call.
    pub(crate) fn enter(&self) -> Result<Place<'_>, CallError> {
        let mut state = self.lock();
        if let Some(close) = self.close_info() {
            return Err(CallError::Closed(close));
        }
        if state.waiting.len() >= MAX_IN_FLIGHT {
            return Err(CallError::Busy { limit: MAX_IN_FLIGHT });
        }
        let (sender, answers) = mpsc::channel(ANSWERS);
        state.last_id += 1;
        let id = state.last_id;
        state.waiting.insert(id, sender);
        Ok(Place { shared: self, id, answers })
    }

    /// Hands an answer to who waits for it.
    pub(crate) fn answer(&self, response: Response) {
        let sender = response.id.parse().ok().and_then(|id: u64| self.lock().waiting.get(&id).cloned());
        let delivered = sender.is_some_and(|s| s.try_send(response).is_ok());
        if !delivered {
            // Somebody stopped waiting (a timeout), or the second answer of a call that wanted one.
            tracing::debug!("an answer came that nobody waits for");
        }
    }

    /// Ends the connection for all who wait. The first end counts.
    pub(crate) fn finish(&self, close: CloseInfo) {
        let mut state = self.lock();
        self.closed.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(close);
            }
            first
        });
        state.waiting.clear();
    }

    /// How it ended, if it did.
    pub(crate) fn close_info(&self) -> Option<CloseInfo> {
        self.closed.borrow().clone()
    }

    /// Waits for the end.
    pub(crate) async fn finished(&self) -> CloseInfo {
        let mut closed = self.closed.subscribe();
        let end = closed.wait_for(Option::is_some).await.ok().and_then(|c| c.clone());
        end.unwrap_or_else(|| CloseInfo::lost("the connection was dropped"))
    }

    /// From now on somebody reads the events.
    pub(crate) fn listen(&self) {
        self.listening.store(true, Ordering::Relaxed);
    }

    /// Whether somebody reads the events.
    pub(crate) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }
}
