//! Who holds a tunnel: a place on a list that is left by dropping it, so that no path forgets it.

use super::wire::Holder;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The list.
#[derive(Debug, Default)]
pub(super) struct Holders {
    list: Mutex<List>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct List {
    next: u64,
    all: BTreeMap<u64, Holder>,
}

/// A place on the list.
#[derive(Debug)]
pub(super) struct Held {
    holders: Arc<Holders>,
    id: u64,
}

impl Holders {
    /// Enters somebody.
    pub(super) fn join(self: &Arc<Self>, holder: Holder) -> Held {
        let id = {
            let mut list = self.lock();
            list.next += 1;
            let id = list.next;
            list.all.insert(id, holder);
            id
        };
        self.changed.notify_one();
        Held { holders: Arc::clone(self), id }
    }

    /// Everybody, the longest there first.
    pub(super) fn all(&self) -> Vec<Holder> {
        self.lock().all.values().cloned().collect()
    }

    /// How many have ever been there.
    pub(super) fn ever(&self) -> u64 {
        self.lock().next
    }

    /// Waits until somebody came or left.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.holders.lock().all.remove(&self.id);
        self.holders.changed.notify_one();
    }
}
