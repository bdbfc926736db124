//! Having a session for oneself: no turn of it begins or goes on while the hold lives; what arrives waits in its queue.
//! For what must not run beside a turn: compaction on demand, deletion, a message that belongs to no run.

use super::{Runs, finish};
use crate::shared::Shared;
use model::SessionKey;
use std::sync::{Arc, Weak};
use std::time::Duration;
use store::StoreError;

/// A turn that is stopped ends within this time: its tools and its model are let go of at once, and its end is committed.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// The hold. Dropping it gives the session back, and its queue goes on.
pub(crate) struct Hold {
    /// Weak, because whoever holds is part of the gateway.
    shared: Weak<Shared>,
    key: SessionKey,
}

impl Runs {
    /// Has a session for itself; `None` where it has work or somebody else holds it.
    pub(crate) fn try_hold(&self, shared: &Arc<Shared>, key: &SessionKey) -> Option<Hold> {
        let mut slots = self.slots();
        if slots.contains_key(key) {
            return None;
        }
        let slot = slots.entry(key.clone()).or_insert_with(|| self.new_slot());
        slot.is_held = true;
        Some(Hold { shared: Arc::downgrade(shared), key: key.clone() })
    }

    /// Waits for the turn under way, and has the session for itself before the next one; `None` where that takes longer
    /// than `at_most`.
    pub(crate) async fn hold(
        &self,
        shared: &Arc<Shared>,
        key: &SessionKey,
        at_most: Duration,
    ) -> Option<Hold> {
        let held = async {
            let hold = self.reserve(shared, key).await;
            self.until(|| self.slots().get(key).is_none_or(|slot| !slot.has_worker).then_some(())).await;
            hold
        };
        tokio::time::timeout(at_most, held).await.ok()
    }

    /// From here on no new turn begins; one may still be under way.
    async fn reserve(&self, shared: &Arc<Shared>, key: &SessionKey) -> Hold {
        self.until(|| {
            let mut slots = self.slots();
            let slot = slots.entry(key.clone()).or_insert_with(|| self.new_slot());
            if slot.is_held {
                return None;
            }
            slot.is_held = true;
            Some(Hold { shared: Arc::downgrade(shared), key: key.clone() })
        })
        .await
    }

    /// Asks again each time a session was freed.
    pub(super) async fn until<T>(&self, ask: impl Fn() -> Option<T>) -> T {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // Listening begins before the question: nothing that happens in between is missed.
            freed.as_mut().enable();
            if let Some(answer) = ask() {
                return answer;
            }
            freed.await;
        }
    }
}

/// Stops what a session is at, takes out what waits in its queue and on disk, and has it for itself. `None` where the turn does not end in time;
/// what waited is gone all the same.
pub(crate) async fn seize(shared: &Arc<Shared>, key: &SessionKey) -> Result<Option<Hold>, StoreError> {
    let seized = async {
        let hold = shared.runs.reserve(shared, key).await;
        // Nothing begins any more: what is stopped now is all that there is. What is accepted from here on begins afterwards.
        let last = shared.store.open_inbound().await?.last().map_or(0, |row| row.id);
        let _stopped = shared.runs.abort(key, None);
        finish::close_waiting(shared, key, shared.runs.take_waiting(key)).await?;
        let idle = || shared.runs.slots().get(key).is_none_or(|slot| !slot.has_worker).then_some(());
        shared.runs.until(idle).await;
        finish::close_left(shared, key, last).await?;
        Ok(hold)
    };
    tokio::time::timeout(STOP_DEADLINE, seized).await.ok().transpose()
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut slots = shared.runs.slots();
        if let Some(slot) = slots.get_mut(&self.key) {
            slot.is_held = false;
            if slot.queue.is_empty() && !slot.has_worker {
                slots.remove(&self.key);
            } else {
                slot.start_worker(&shared, &self.key);
            }
        }
        drop(slots);
        shared.runs.freed.notify_waiters();
    }
}
