//! What comes with messages: it is fetched once its message is on disk, so that only what follows in its chat waits for it, and a
//! crash begins it anew. What cannot be had is named in the message, which is never lost for it.

use super::channels::TELEGRAM;
use super::transcripts;
use crate::runs::dispatch;
use crate::shared::Shared;
use channels::Telegram;
use channels::policy::Access;
use futures_util::FutureExt;
use model::{Becomes, Inbound};
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{InboundRow, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// Messages of one account whose files come at the same time: more would only share the line, and as many images are in memory.
const AT_ONCE: usize = 4;
/// Of these, from one chat: whoever sends many leaves room for others.
const OF_A_CHAT: usize = 2;
/// Bytes of all messages that wait, beyond which an image waits until some of them have ended: they are read each time that one comes or is taken up.
const ROOM: u64 = 32 * 1024 * 1024;
/// So long an image waits for room: turns that take longer may take for ever.
const FOR_ROOM: Duration = Duration::from_secs(60);
/// A message that could not be stored is looked at again after this time.
const PAUSE: Duration = Duration::from_secs(5);

/// An account and a chat.
type Origin = (String, String);

fn origin(inbound: &Inbound) -> Origin {
    (inbound.account.clone(), inbound.chat.id.clone())
}

/// What is under way for messages, by their rows: so much of an account and of a chat at the same time, and no more.
#[derive(Default)]
struct Places {
    taken: Mutex<HashMap<i64, Origin>>,
    /// Counts those that have become free.
    left: watch::Sender<u64>,
}

impl Places {
    fn taken(&self) -> MutexGuard<'_, HashMap<i64, Origin>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one, where there is one; it is free again when what is given is dropped.
    fn take(self: &Arc<Self>, row: i64, from: Origin) -> Option<Place> {
        let mut taken = self.taken();
        let of_account = taken.values().filter(|(account, _)| *account == from.0).count();
        let of_chat = taken.values().filter(|other| **other == from).count();
        let is_free = of_account < AT_ONCE && of_chat < OF_A_CHAT && !taken.contains_key(&row);
        is_free.then(|| {
            taken.insert(row, from);
            Place { of: self.clone(), row }
        })
    }

    /// Takes one once there is one; none where there is none in time.
    async fn wait(self: &Arc<Self>, row: i64, from: Origin, until: Instant) -> Option<Place> {
        let mut left = self.left.subscribe();
        loop {
            left.mark_unchanged();
            if let Some(place) = self.take(row, from.clone()) {
                return Some(place);
            }
            timeout_at(until, left.changed()).await.ok()?.ok()?;
        }
    }
}

/// The messages whose files are coming, and those that are listened to.
#[derive(Default)]
pub(crate) struct Arriving {
    fetching: Arc<Places>,
    /// Apart, so that whoever listens slowly holds up no files.
    listening: Arc<Places>,
    /// Counts what may have made room.
    ended: watch::Sender<u64>,
}

impl Arriving {
    /// A message has ended, or is not held any more: whoever waits for room looks again.
    pub(crate) fn may_have_room(&self) {
        self.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
    }

    fn looks(&self) -> Looks {
        Looks { ended: self.ended.subscribe(), until: Instant::now() + FOR_ROOM, is_first: true }
    }
}

/// A place; it is free again when this is dropped.
pub(super) struct Place {
    of: Arc<Places>,
    row: i64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.taken().remove(&self.row);
        self.of.left.send_modify(|left| *left = left.wrapping_add(1));
    }
}

/// The rows whose files are not here yet. As many as may be are being fetched; the end of each has the rows looked at again.
pub(crate) async fn not_here(shared: &Arc<Shared>, rows: &[InboundRow]) -> Result<HashSet<i64>, StoreError> {
    let mut not_here = HashSet::new();
    for row in rows.iter().filter(|row| !row.inbound.coming.is_empty()) {
        // For those alone who are heard, so that strangers fill neither memory nor disk.
        let is_heard = match dispatch::access(shared, &row.inbound).await? {
            Some(Access::Allow) => true,
            Some(Access::Overhear) => transcripts::may_call(shared, &row.inbound).await,
            _ => false,
        };
        if is_heard {
            begin(shared, row);
            not_here.insert(row.id);
        }
    }
    Ok(not_here)
}

fn begin(shared: &Arc<Shared>, row: &InboundRow) {
    let Some(bot) = shared.channels.bot(TELEGRAM, &row.inbound.account) else { return };
    let Some(place) = shared.arriving.fetching.take(row.id, origin(&row.inbound)) else { return };
    let Some(claim) = shared.runs.claim(shared, row.id) else { return };
    let (shared, soft, id) = (shared.clone(), shared.lifecycle.soft().clone(), row.id);
    let lifecycle = shared.lifecycle.clone();
    lifecycle.spawn(async move {
        // Dropped last: whoever is woken by its end finds the place free.
        let _claim = claim;
        tokio::select! {
            () = soft.cancelled() => {}
            () = arrive(&shared, id, &bot, place) => {}
        }
    });
}

async fn arrive(shared: &Shared, id: i64, bot: &Telegram, place: Place) {
    if let Err(error) = fetch(shared, id, bot, place).await {
        tracing::error!(row = id, %error, "a message waits: what came with it cannot be stored");
        tokio::time::sleep(PAUSE).await;
    }
}

/// A place for listening to a message, once there is one; none where there is none in time.
pub(super) async fn to_listen(shared: &Shared, row: i64, inbound: &Inbound, until: Instant) -> Option<Place> {
    shared.arriving.listening.wait(row, origin(inbound), until).await
}

/// Whether there is room for a message's images. Waits for some while others have it.
async fn has_room(shared: &Shared, inbound: &Inbound) -> Result<bool, StoreError> {
    if !inbound.coming.iter().any(|coming| coming.becomes == Becomes::Image) {
        return Ok(true);
    }
    let mut looks = shared.arriving.looks();
    while looks.next().await {
        if shared.store.waiting_bytes().await? < ROOM {
            return Ok(true);
        }
    }
    Ok(false)
}

/// When it is worth while to look for room: at once, and whenever a message has ended, until the time is over.
struct Looks {
    ended: watch::Receiver<u64>,
    until: Instant,
    is_first: bool,
}

impl Looks {
    /// Waits for the next time; false where there is none any more.
    async fn next(&mut self) -> bool {
        if std::mem::take(&mut self.is_first) {
            self.ended.mark_unchanged();
            return true;
        }
        // Whoever tells of it is a part of what is shared, and does not go.
        matches!(timeout_at(self.until, self.ended.changed()).await, Ok(Ok(())))
    }
}

async fn fetch(shared: &Shared, id: i64, bot: &Telegram, place: Place) -> Result<(), StoreError> {
    // Since the list that it stands in was read, it may have ended, or have been completed.
    let Some(inbound) = shared.store.waiting_inbound(id).await? else { return Ok(()) };
    if inbound.coming.is_empty() {
        return Ok(());
    }
    let has_room = has_room(shared, &inbound).await?;
    let fetching = async {
        let (mut complete, sounds) = bot.fetch(inbound.clone(), has_room).await;
        // Its files are here. As listening may take minutes, others fetch theirs meanwhile.
        drop(place);
        let said = transcripts::add(shared, (id, &mut complete), &sounds).await?;
        Ok::<_, StoreError>((complete, said))
    };
    let fetched = AssertUnwindSafe(fetching).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(row = id, "fetching what came with a message panicked");
        Ok((without(inbound.clone(), "fetching it failed"), vec![]))
    });
    let (complete, said) = fetched?;
    match shared.store.complete_inbound(id, complete, said).await {
        Ok(()) => {
            shared.outbox.wake();
            Ok(())
        }
        // Without its images it may fit.
        Err(error) => {
            shared
                .store
                .complete_inbound(id, without(inbound, &format!("it cannot be stored: {error}")), vec![])
                .await
        }
    }
}

fn without(mut inbound: Inbound, why: &str) -> Inbound {
    inbound.give_up(why);
    inbound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn places_are_shared_and_whoever_waits_gets_the_next_that_is_free() {
        let places = Arc::<Places>::default();
        let of = |chat: &str| ("main".to_owned(), chat.to_owned());
        let first = places.take(1, of("a"));
        let others = [places.take(2, of("a")), places.take(3, of("b")), places.take(4, of("b"))];
        assert!(first.is_some() && others.iter().all(Option::is_some));
        assert!(places.take(5, of("c")).is_none(), "all of the account's are taken");
        let until = Instant::now() + FOR_ROOM;
        let mut waiting = std::pin::pin!(places.wait(5, of("c"), until));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(first);
        assert!(waiting.await.is_some());
        // Nobody leaves any more: the time is all that passes.
        let _fifth = places.take(6, of("a"));
        assert!(places.wait(7, of("a"), until).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_looks_again_when_a_message_has_ended_and_not_for_ever() {
        let arriving = Arriving::default();
        let mut looks = arriving.looks();
        assert!(looks.next().await);
        arriving.may_have_room();
        arriving.may_have_room();
        assert!(looks.next().await, "both are seen at one look");
        {
            let mut next = std::pin::pin!(looks.next());
            assert!(futures_util::poll!(&mut next).is_pending(), "nothing has ended since");
            arriving.may_have_room();
            assert!(next.await);
        }
        // Time passes where nobody has anything to do.
        assert!(!looks.next().await);
    }
}
