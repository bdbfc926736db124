//! What comes with messages: it is fetched once its message is on disk, so that only what follows in its chat waits for it, and a
//! crash begins it anew. What cannot be had is named in the message, which is never lost for it.

use super::channels::TELEGRAM;
use crate::runs::dispatch;
use crate::shared::Shared;
use channels::Telegram;
use channels::policy::Access;
use futures_util::FutureExt;
use model::Inbound;
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{InboundRow, StoreError};

/// Messages of one account whose files come at the same time: more would only share the line, and as many images are in memory.
const AT_ONCE: usize = 4;
/// Of these, from one chat: whoever sends many leaves room for others.
const OF_A_CHAT: usize = 2;
/// Bytes of all messages that wait, beyond which no image is fetched: they are read each time that one comes or is taken up.
const ROOM: u64 = 32 * 1024 * 1024;
/// A message that could not be stored is looked at again after this time.
const PAUSE: Duration = Duration::from_secs(5);

/// An account and a chat.
type Origin = (String, String);

/// The messages whose files are coming, by their rows.
#[derive(Default)]
pub(crate) struct Arriving(Mutex<HashMap<i64, Origin>>);

impl Arriving {
    fn places(&self) -> MutexGuard<'_, HashMap<i64, Origin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, where there is one.
    fn take(&self, row: &InboundRow) -> bool {
        let from = (row.inbound.account.clone(), row.inbound.chat.id.clone());
        let mut places = self.places();
        let of_account = places.values().filter(|(account, _)| *account == from.0).count();
        let of_chat = places.values().filter(|other| **other == from).count();
        let is_free = of_account < AT_ONCE && of_chat < OF_A_CHAT && !places.contains_key(&row.id);
        if is_free {
            places.insert(row.id, from);
        }
        is_free
    }
}

/// A place; it is free again when this is dropped.
struct Place {
    shared: Arc<Shared>,
    row: i64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.arriving.places().remove(&self.row);
    }
}

/// The rows whose files are not here yet. As many as may be are being fetched; the end of each has the rows looked at again.
pub(crate) async fn not_here(shared: &Arc<Shared>, rows: &[InboundRow]) -> Result<HashSet<i64>, StoreError> {
    let mut not_here = HashSet::new();
    for row in rows.iter().filter(|row| !row.inbound.coming.is_empty()) {
        // For those alone who are heard, so that strangers fill neither memory nor disk.
        if dispatch::access(shared, &row.inbound).await? == Some(Access::Allow) {
            begin(shared, row);
            not_here.insert(row.id);
        }
    }
    Ok(not_here)
}

fn begin(shared: &Arc<Shared>, row: &InboundRow) {
    let Some(bot) = shared.channels.bot(TELEGRAM, &row.inbound.account) else { return };
    if !shared.arriving.take(row) {
        return;
    }
    let place = Place { shared: shared.clone(), row: row.id };
    let Some(claim) = shared.runs.claim(shared, row.id) else { return };
    let (shared, soft, id) = (shared.clone(), shared.lifecycle.soft().clone(), row.id);
    let lifecycle = shared.lifecycle.clone();
    lifecycle.spawn(async move {
        // In this order: whoever is woken by the claim's end finds the place free.
        let _held = (place, claim);
        tokio::select! {
            () = soft.cancelled() => {}
            () = arrive(&shared, id, &bot) => {}
        }
    });
}

async fn arrive(shared: &Shared, id: i64, bot: &Telegram) {
    if let Err(error) = fetch(shared, id, bot).await {
        tracing::error!(row = id, %error, "a message waits: what came with it cannot be stored");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn fetch(shared: &Shared, id: i64, bot: &Telegram) -> Result<(), StoreError> {
    // Since the list that it stands in was read, it may have ended, or have been completed.
    let Some(inbound) = shared.store.waiting_inbound(id).await? else { return Ok(()) };
    if inbound.coming.is_empty() {
        return Ok(());
    }
    let has_room = shared.store.waiting_bytes().await? < ROOM;
    let fetching = AssertUnwindSafe(bot.fetch(inbound.clone(), has_room)).catch_unwind();
    let complete = fetching.await.unwrap_or_else(|_| {
        tracing::error!(row = id, "fetching what came with a message panicked");
        without(inbound.clone(), "fetching it failed")
    });
    match shared.store.complete_inbound(id, complete).await {
        Ok(()) => Ok(()),
        // Without its images it may fit.
        Err(error) => {
            shared
                .store
                .complete_inbound(id, without(inbound, &format!("it cannot be stored: {error}")))
                .await
        }
    }
}

fn without(mut inbound: Inbound, why: &str) -> Inbound {
    inbound.give_up(why);
    inbound
}
