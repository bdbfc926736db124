//! Out: every message is a row before it is sent and is marked after. kill -9 between the platform's acceptance and the
//! mark sends it again: a second message beats a lost one, and nobody can know (B5).

mod replace;

use crate::methods::store_error;
use crate::shared::Shared;
use channels::{SendError, SendErrorKind, Telegram};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use model::{Act, FileAs, Outbound, SessionKey};
use protocol::ErrorShape;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use store::{OutboxRow, OutboxState, StoreError};
use tokio::sync::{Notify, watch};

/// Chats that are served at the same time.
const MAX_PARALLEL: usize = 16;
/// A message that could not be sent for this long, and this often, is given up; a host that was asleep all day still
/// gets its tries. `status` counts what was given up.
const GIVE_UP_AFTER_MS: i64 = 24 * 3600 * 1000;
const GIVE_UP_ATTEMPTS: i64 = 20;
/// What the store could not take is tried again after this time.
const STORE_RETRY: Duration = Duration::from_secs(2);
/// The longest pause between two tries.
const MAX_BACKOFF: Duration = Duration::from_secs(300);
/// With nothing to do, the rows are looked at this often.
const SWEEP: Duration = Duration::from_secs(30);
/// How long `send` waits for the platform before it answers that the message is on its way: less than the ten seconds that clients
/// give a call, whose end would look like a failure, and be tried again under another key.
const SEND_WAIT: Duration = Duration::from_secs(7);

/// An id that begins so is none of the platform's yet: the message waits, and this is its row.
pub(crate) const QUEUED: &str = "queued:";

/// Wakes the sender, and tells those who wait for a message that something was sent.
#[derive(Debug)]
pub(crate) struct OutboxSignal {
    wake: Notify,
    done: watch::Sender<u64>,
}

impl Default for OutboxSignal {
    fn default() -> Self {
        Self { wake: Notify::new(), done: watch::channel(0).0 }
    }
}

impl OutboxSignal {
    /// There are new rows.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }
}

/// Rows of one chat go out in order, so one row a chat is on its way at a time.
type Chat = (String, String, String);

fn chat_of(out: &Outbound) -> Chat {
    (out.channel.clone(), out.account.clone(), out.to.clone())
}

/// What is on its way.
#[derive(Default, Clone)]
struct Busy {
    chats: HashSet<Chat>,
    /// Accounts that send a file: one at a time, since it is in memory and takes its time. Another would only hold a place.
    uploads: HashSet<(String, String)>,
}

impl Busy {
    /// Whether a row may go out now; its chat is served from then on, and where it waits for a file nothing overtakes it.
    fn admits(&mut self, out: &Outbound, is_due: bool) -> bool {
        if !self.chats.insert(chat_of(out)) || !is_due {
            return false;
        }
        !is_file(out) || self.uploads.insert((out.channel.clone(), out.account.clone()))
    }

    fn over(&mut self, out: &Outbound) {
        self.chats.remove(&chat_of(out));
        if is_file(out) {
            self.uploads.remove(&(out.channel.clone(), out.account.clone()));
        }
    }
}

fn is_file(out: &Outbound) -> bool {
    out.act.as_ref().is_some_and(|act| !act.files().is_empty())
}

/// Sends rows until shutdown, and then finishes what is on its way: dropped there, it would be sent again at the next
/// start. Supervised: when it dies, what was not marked is sent by the next.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut sending = FuturesUnordered::new();
    let mut busy = Busy::default();
    let soft = shared.lifecycle.soft().clone();
    while !soft.is_cancelled() {
        let wait = match next_rows(&shared, &busy).await {
            Ok((rows, wait)) => {
                for row in rows.into_iter().take(MAX_PARALLEL.saturating_sub(sending.len())) {
                    busy.admits(&row.outbound, true);
                    sending.push(deliver(&shared, row));
                }
                wait
            }
            Err(error) => {
                tracing::error!(%error, "the outbox could not be read");
                STORE_RETRY
            }
        };
        tokio::select! {
            () = soft.cancelled() => {}
            Some(sent) = sending.next() => busy.over(&sent),
            () = shared.outbox.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    // Shutdown itself says how long this may take.
    while sending.next().await.is_some() {}
}

/// Waits until no message is left that could be sent now. What the platform has put off is not waited for, and neither is what
/// stands behind that in its chat.
pub(crate) async fn settled(shared: &Shared) {
    let mut done = shared.outbox.done.subscribe();
    loop {
        done.mark_unchanged();
        let now = shared.clock.now_ms();
        match shared.store.pending_outbox().await.map(|rows| pick(rows, Busy::default(), now).0.len()) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => return tracing::warn!(%error, "the outbox could not be read"),
        }
        // The sender outlives every wait for it: it is part of the same gateway.
        if done.changed().await.is_err() {
            return;
        }
    }
}

/// The first row of each chat that is not being served and is due, one file an account at most, and how long until the next is.
async fn next_rows(shared: &Shared, busy: &Busy) -> Result<(Vec<OutboxRow>, Duration), StoreError> {
    let rows = shared.store.pending_outbox().await?;
    Ok(pick(rows, busy.clone(), shared.clock.now_ms()))
}

fn pick(rows: Vec<OutboxRow>, mut busy: Busy, now: i64) -> (Vec<OutboxRow>, Duration) {
    let (mut due, mut wait) = (Vec::new(), SWEEP);
    for row in rows {
        let left = row.not_before_ms.saturating_sub(now);
        let is_next = !busy.chats.contains(&chat_of(&row.outbound));
        if busy.admits(&row.outbound, left <= 0) {
            due.push(row);
        } else if is_next && left > 0 {
            wait = wait.min(Duration::from_millis(left.unsigned_abs()));
        }
    }
    (due, wait)
}

/// What is to be recorded about a row.
enum Outcome {
    Sent(String),
    Again { not_before_ms: i64, error: String },
    Dead(String),
}

/// Sends one row and records what became of it. Gives the message back: its chat is free for the next row.
async fn deliver(shared: &Shared, row: OutboxRow) -> Outbound {
    // A message that brings the sender down must not take the others along, nor come back for ever.
    let sent = AssertUnwindSafe(replace::send(shared, &row.outbound)).catch_unwind().await;
    let outcome = match sent {
        Ok(Ok(platform_id)) => Outcome::Sent(platform_id),
        Ok(Err(error)) => failed(shared.clock.now_ms(), &row, error),
        Err(_) => {
            tracing::error!(row = row.id, "sending a message panicked; it is given up");
            Outcome::Dead("sending it failed inside the gateway; the log says more".into())
        }
    };
    // Until it is recorded the chat stays busy: within this process nothing is sent twice.
    while let Err(error) = record(shared, row.id, &outcome).await {
        if matches!(error, StoreError::Closed { .. }) {
            break;
        }
        tracing::error!(row = row.id, %error, "what became of a message waits to be recorded");
        tokio::time::sleep(STORE_RETRY).await;
    }
    if matches!(outcome, Outcome::Sent(_) | Outcome::Dead(_)) {
        for file in row.outbound.act.as_ref().map(Act::files).unwrap_or_default() {
            if let Err(error) = tokio::fs::remove_file(&file.path).await {
                // It goes with its age.
                tracing::warn!(path = file.path, %error, "the copy of a file that was sent is still there");
            }
        }
    }
    shared.outbox.done.send_modify(|n| *n += 1);
    shared.cron.sent();
    row.outbound
}

async fn record(shared: &Shared, row: i64, outcome: &Outcome) -> Result<(), StoreError> {
    match outcome {
        Outcome::Sent(platform_id) => shared.store.mark_sent(row, platform_id).await,
        Outcome::Again { not_before_ms, error } => {
            shared.store.retry_outbox(row, *not_before_ms, error).await
        }
        Outcome::Dead(error) => shared.store.bury_outbox(row, error).await,
    }
}

fn failed(now: i64, row: &OutboxRow, error: SendError) -> Outcome {
    let too_old =
        now.saturating_sub(row.created_at_ms) > GIVE_UP_AFTER_MS && row.attempts >= GIVE_UP_ATTEMPTS;
    let wait = match error.kind {
        SendErrorKind::Permanent => None,
        _ if too_old => None,
        SendErrorKind::RetryAfter(wait) => Some(wait),
        SendErrorKind::Transient | SendErrorKind::Auth => Some(backoff(row.attempts)),
    };
    tracing::warn!(row = row.id, channel = %row.outbound.channel, error = %error.message,
        retry_in_ms = wait.map(|w| w.as_millis() as u64), "a message was not sent");
    match wait {
        Some(wait) => {
            let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            Outcome::Again { not_before_ms: now.saturating_add(wait), error: error.message }
        }
        None => Outcome::Dead(error.message),
    }
}

/// 1 s, 2 s, 4 s … [`MAX_BACKOFF`].
fn backoff(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(0, 16)).unwrap_or(16);
    Duration::from_secs(1).saturating_mul(1 << doublings).min(MAX_BACKOFF)
}

/// How many messages wait, and how many were given up without anybody being told.
///
/// # Errors
/// The store cannot say.
pub(crate) async fn counts(shared: &Shared) -> Result<(i64, i64), StoreError> {
    let told = i64::try_from(SEND_WAIT.as_millis()).unwrap_or(i64::MAX);
    shared.store.outbox_counts(told).await
}

/// The chat that people mean: `telegram:123` and `123` are the same.
pub(crate) fn chat_id(channel: &str, to: &str) -> String {
    let to = to.trim();
    to.strip_prefix(channel).and_then(|rest| rest.strip_prefix(':')).unwrap_or(to).to_owned()
}

/// Puts a message or an act into the outbox and waits a moment for the platform. The same key again sends nothing and gives the
/// first message's id.
///
/// # Errors
/// The channel is unknown, the platform refused the message for good, or the store failed.
pub(crate) async fn send(
    shared: &Shared,
    out: Outbound,
    key: &str,
    note: Option<(SessionKey, String)>,
) -> Result<String, ErrorShape> {
    let acts = out.act.clone().into_iter().collect();
    send_all(shared, out, acts, key, note).await
}

/// As [`send`], with several acts, such as files; the text goes with the first.
///
/// # Errors
/// As [`send`].
pub(crate) async fn send_all(
    shared: &Shared,
    out: Outbound,
    acts: Vec<Act>,
    key: &str,
    note: Option<(SessionKey, String)>,
) -> Result<String, ErrorShape> {
    let out = Outbound { to: chat_id(&out.channel, &out.to), ..out };
    if !shared.channels.has(&out.channel) {
        let there_are = shared.channels.names().join(", ");
        let there_are = if there_are.is_empty() { "none".into() } else { there_are };
        return Err(ErrorShape::invalid(format!(
            "no channel {:?} is configured; there are: {there_are}",
            out.channel
        )));
    }
    if !shared.channels.has_account(&out.channel, &out.account) {
        let there_are = shared.channels.accounts().join(", ");
        let (account, channel) = (&out.account, &out.channel);
        return Err(ErrorShape::invalid(format!(
            "no account {account:?} of {channel} works here; there are: {there_are}"
        )));
    }
    let pieces = pieces(&out, acts);
    if pieces.is_empty() {
        return Err(ErrorShape::invalid("the message is empty; nothing was sent"));
    }
    let mut done = shared.outbox.done.subscribe();
    let (rows, _) = shared.store.enqueue(pieces, Some(key), note).await.map_err(store_error)?;
    shared.outbox.wake();
    let Some(last) = rows.last().map(|r| r.id) else {
        return Err(ErrorShape::unavailable("the message could not be queued; try again").retryable());
    };
    let sent = async {
        loop {
            match shared.store.outbox_state(last).await.map_err(store_error)? {
                Some(OutboxState::Sent(id)) => return Ok(id),
                Some(OutboxState::Dead(reason)) => return Err(ErrorShape::unavailable(reason)),
                Some(OutboxState::Pending) | None => {}
            }
            if done.changed().await.is_err() {
                return Ok(format!("{QUEUED}{last}"));
            }
        }
    };
    match tokio::time::timeout(SEND_WAIT, sent).await {
        Ok(result) => result,
        // It is durable and will be sent; the platform is only slow.
        Err(_) => Ok(format!("{QUEUED}{last}")),
    }
}

/// What goes out one after the other. A text that is too long for what it stands under goes below that, and none is said of a
/// round video message.
fn pieces(out: &Outbound, acts: Vec<Act>) -> Vec<Outbound> {
    let has_caption = |act: &Act| match act {
        Act::File { seen_as: FileAs::VideoNote, .. } => false,
        Act::File { .. } | Act::Album { .. } => Telegram::fits_under_file(out),
        _ => true,
    };
    // Buttons stand under the text, wherever files are.
    let at = acts.iter().position(|act| matches!(act, Act::Ask { .. })).unwrap_or(0);
    let below = acts.get(at).is_none_or(|act| !has_caption(act));
    let with = |n: usize| if n == at && !below { out.text.clone() } else { String::new() };
    let mut pieces: Vec<Outbound> = acts
        .into_iter()
        .enumerate()
        .map(|(n, act)| Outbound { text: with(n), act: Some(act), ..out.clone() })
        .collect();
    if below {
        let texts = if out.is_html { vec![out.text.clone()] } else { Telegram::split(&out.text) };
        let texts = texts.into_iter().filter(|text| !text.trim().is_empty());
        pieces.extend(texts.map(|text| Outbound { text, act: None, ..out.clone() }));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SentFile;

    fn row(id: i64, account: &str, to: &str, file: bool, not_before_ms: i64) -> OutboxRow {
        let act = file.then(|| Act::File {
            file: SentFile { path: "/f".into(), name: "f".into() },
            seen_as: FileAs::default(),
        });
        let (channel, account, to) = ("telegram".to_owned(), account.to_owned(), to.to_owned());
        let outbound = Outbound { channel, account, to, text: "t".into(), act, ..Outbound::default() };
        OutboxRow { id, outbound, attempts: 0, not_before_ms, created_at_ms: 0 }
    }

    #[test]
    fn one_file_of_an_account_goes_at_a_time_and_texts_of_others_beside_it() {
        let rows = vec![
            row(1, "a", "1", true, 0),
            row(2, "a", "2", true, 0),
            row(3, "a", "2", false, 0),
            row(4, "a", "3", false, 0),
            row(5, "b", "1", true, 0),
            row(6, "a", "4", false, 7_000),
            row(7, "a", "4", false, 0),
        ];
        let ids = |rows: &[OutboxRow]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
        let (due, wait) = pick(rows.clone(), Busy::default(), 0);
        // What stands behind a file in its chat waits for it, as behind what was put off.
        assert_eq!((ids(&due), wait), (vec![1, 4, 5], Duration::from_secs(7)));
        let mut busy = Busy::default();
        for row in &due {
            assert!(busy.admits(&row.outbound, true));
        }
        assert!(pick(rows.clone(), busy.clone(), 0).0.is_empty(), "while they are on their way");
        busy.over(&rows[0].outbound);
        assert_eq!(ids(&pick(rows[1..].to_vec(), busy, 0).0), [2]);
    }

    #[test]
    fn a_message_is_not_tried_again_before_the_platform_wants_it() {
        let again = |kind, attempts, now| {
            let row = OutboxRow { attempts, ..row(1, "a", "1", false, 0) };
            match failed(now, &row, SendError { kind, message: "no".into() }) {
                Outcome::Again { not_before_ms, .. } => Some(not_before_ms - now),
                Outcome::Dead(_) | Outcome::Sent(_) => None,
            }
        };
        let minutes = SendErrorKind::RetryAfter(Duration::from_secs(600));
        assert_eq!(again(minutes, 0, 5), Some(600_000));
        assert_eq!(again(minutes, 30, 5), Some(600_000), "however often");
        assert_eq!(again(SendErrorKind::Transient, 3, 5), Some(8_000));
        assert_eq!(again(SendErrorKind::Permanent, 0, 5), None);
        assert_eq!(again(minutes, GIVE_UP_ATTEMPTS, GIVE_UP_AFTER_MS + 1), None);
    }

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let secs: Vec<u64> = [0, 1, 2, 8, 9, i64::MAX].into_iter().map(|n| backoff(n).as_secs()).collect();
        assert_eq!(secs, [1, 2, 4, 256, 300, 300]);
    }
}
