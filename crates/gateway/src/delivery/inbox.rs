//! In: a batch is committed before the platform's offset moves; open rows are handed to sessions, now or after a crash.

use crate::runs::{Claim, dispatch};
use crate::shared::Shared;
use channels::Inbox;
use model::{Inbound, SessionKey};
use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Open rows are looked at this often even if nobody said that there are any: a safety net, not the way they go.
const SWEEP: Duration = Duration::from_secs(30);

/// The store does not work: it is tried again after this time.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes the task that hands rows to sessions, and holds the rows that cannot be handed over yet.
#[derive(Default)]
pub(crate) struct InboxSignal {
    wake: Notify,
    /// For each session that is full, the first row that found it so. Its later rows wait behind it.
    parked: Mutex<HashMap<SessionKey, Arc<Claim>>>,
    /// Rows that nothing can be done about until their channel works again.
    left: Mutex<Vec<Arc<Claim>>>,
}

impl InboxSignal {
    /// There may be open rows.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Leaves a row alone until a channel starts: its own does not work.
    pub(crate) fn leave(&self, claim: Arc<Claim>) {
        self.left.lock().unwrap_or_else(|e| e.into_inner()).push(claim);
    }

    /// A channel has started: rows that were left are looked at again. Letting go of them wakes the task.
    pub(crate) fn take_up_left(&self) {
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(|e| e.into_inner()));
        drop(left);
    }

    /// Keeps a row that found its session full until a turn has ended somewhere.
    pub(crate) fn park(&self, session: SessionKey, claim: Arc<Claim>) {
        self.parked.lock().unwrap_or_else(|e| e.into_inner()).insert(session, claim);
    }

    /// The sessions that are full.
    pub(crate) fn full_sessions(&self) -> HashSet<SessionKey> {
        self.parked.lock().unwrap_or_else(|e| e.into_inner()).keys().cloned().collect()
    }

    /// A turn has ended: there may be room. Letting go of the rows wakes the task that hands them over.
    pub(crate) fn turn_ended(&self) {
        let parked = std::mem::take(&mut *self.parked.lock().unwrap_or_else(|e| e.into_inner()));
        drop(parked);
    }
}

/// One channel account's way in.
pub(crate) struct ChannelInbox {
    pub(crate) shared: Arc<Shared>,
    pub(crate) channel: &'static str,
    /// Whose messages and position these are. It names the bot: another bot counts from elsewhere, and with the same
    /// account some of its messages would be taken for old ones.
    pub(crate) owner: String,
}

impl Inbox for ChannelInbox {
    /// Guards against a crash right after the platform forgets the batch: rows and cursor are one commit, and only its
    /// success lets the offset move.
    fn accept<'a>(
        &'a self,
        batch: Vec<Inbound>,
        cursor: Option<String>,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        Box::pin(async move {
            let (store, channel, owner) = (&self.shared.store, self.channel, &self.owner);
            let rows = match cursor {
                Some(cursor) => store.accept_inbound(channel, owner, batch, &cursor).await,
                None => store.accept_delivered(channel, owner, batch).await,
            };
            rows.map_err(|e| e.to_string())?;
            self.shared.inbox.wake();
            Ok(())
        })
    }
}

/// Hands open rows to sessions until shutdown. Supervised: when it dies, the rows are still open.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let handed = match shared.store.open_inbound().await {
            Ok(rows) => dispatch::rows(&shared, rows).await,
            Err(error) => Err(error),
        };
        if let Err(error) = handed {
            tracing::error!(%error, "inbound messages wait");
            // What was due is due still, and would be tried again without a pause.
            tokio::select! {
                () = shared.lifecycle.soft().cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        let sweep = Instant::now() + SWEEP;
        let comes = shared.albums.next().into_iter().chain(shared.batches.next());
        let next = comes.min().map_or(sweep, |next| next.min(sweep));
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            () = shared.inbox.wake.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
}
