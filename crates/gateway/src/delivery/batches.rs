//! Texts that somebody writes one after the other, as people do: they are one message once no more come for a moment. They are among the
//! open rows meanwhile, so that a crash loses none of them.

use crate::chat_commands;
use crate::delivery::channels::TELEGRAM;
use crate::runs::dispatch;
use crate::shared::Shared;
use channels::policy::Access;
use model::Inbound;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{InboundRow, StoreError};
use tokio::time::Instant;

/// A text of so many characters is likely to be a part of what somebody has pasted: Telegram cuts it.
const LONG: usize = 4_000;
/// So long the rest of it is waited for.
const REST: Duration = Duration::from_millis(1_500);
/// Messages and characters of one batch: more make a turn that nobody can follow.
const MOST: usize = 12;
const MOST_CHARS: usize = 50_000;
/// Whoever goes on and on is answered after this time.
const LONGEST: Duration = Duration::from_millis(7_500);
/// Platforms tell when something was sent to the second.
const SECOND_MS: i64 = 1_000;

/// Account, chat and the first row of a batch.
type Key = (String, String, i64);

/// The batches that are still coming in.
#[derive(Default)]
pub(crate) struct Batches {
    coming: Mutex<HashMap<Key, Coming>>,
    /// Rows behind which a command came: nothing joins them, although the command is long done.
    sealed: Mutex<HashSet<i64>>,
}

#[derive(Clone, Copy)]
struct Coming {
    parts: usize,
    first: Instant,
    last: Instant,
    quiet: Duration,
}

impl Coming {
    fn whole_at(&self) -> Instant {
        (self.last + self.quiet).min(self.first + LONGEST.max(self.quiet))
    }
}

impl Batches {
    fn seen(&self) -> MutexGuard<'_, HashMap<Key, Coming>> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sealed(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the next one may be whole.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.seen().values().map(Coming::whole_at).min()
    }

    /// Whether nothing has been added for a while.
    fn is_whole(&self, key: &Key, parts: usize, quiet: Duration) -> bool {
        let now = Instant::now();
        let mut seen = self.seen();
        let coming = seen.entry(key.clone()).or_insert(Coming { parts, first: now, last: now, quiet });
        if coming.parts != parts {
            (coming.parts, coming.last) = (parts, now);
        }
        coming.quiet = quiet;
        let is_whole = now >= coming.whole_at();
        if is_whole {
            seen.remove(key);
        }
        is_whole
    }
}

/// What one person wrote in a chat, one after the other.
struct Batch {
    parts: Vec<InboundRow>,
    chars: usize,
    /// Something else has come behind it.
    is_over: bool,
}

/// Open rows with batches that are whole as one row each, and those that are not as they are, with the ids of their rows: they wait.
/// Rows that are `held` wait for something else.
pub(crate) async fn gathered(
    shared: &Arc<Shared>,
    rows: Vec<InboundRow>,
    held: &HashSet<i64>,
) -> Result<(Vec<InboundRow>, Vec<i64>), StoreError> {
    let usual = shared.settings().inbound_quiet(TELEGRAM);
    let batches = {
        let mut sealed = shared.batches.sealed();
        sealed.retain(|id| rows.iter().any(|row| row.id == *id));
        in_chats(
            &rows,
            |row| held.contains(&row.id),
            |row| shared.runs.is_claimed(row.id),
            &mut sealed,
            usual,
        )
    };
    let (mut waiting, mut gone, mut merged, mut seen) =
        (Vec::new(), Vec::new(), HashMap::new(), HashSet::new());
    for batch in batches {
        let ids: Vec<i64> = batch.parts.iter().map(|row| row.id).collect();
        let quiet = batch.quiet(usual);
        let Some((first, others)) = ids.split_first() else { continue };
        let can_grow =
            !batch.is_over && batch.parts.len() < MOST && batch.chars < MOST_CHARS && !quiet.is_zero();
        if (others.is_empty() && !can_grow) || !is_heard(shared, &batch.parts).await? {
            continue;
        }
        let inbound = &batch.parts[0].inbound;
        let key = (inbound.account.clone(), inbound.chat.id.clone(), *first);
        if can_grow && !shared.batches.is_whole(&key, ids.len(), quiet) {
            seen.insert(key);
            waiting.extend(ids);
            continue;
        }
        if others.is_empty() {
            continue;
        }
        let Some(one) = one_of(batch.parts) else { continue };
        if shared.store.merge_inbound(*first, one.clone(), others.to_vec(), "batch").await? {
            gone.extend_from_slice(others);
            merged.insert(*first, one);
        }
    }
    shared.batches.seen().retain(|key, _| seen.contains(key));
    let rows =
        rows.into_iter().filter(|row| !gone.contains(&row.id)).map(|row| match merged.remove(&row.id) {
            Some(inbound) => InboundRow { inbound, ..row },
            None => row,
        });
    Ok((rows.collect(), waiting))
}

/// The texts of each chat in batches, in order: whatever else comes there ends one. A command waits for nothing and leaves what was
/// written before it waiting, but seals it: what is written after a `/stop` is not stopped with it.
fn in_chats(
    rows: &[InboundRow],
    is_held: impl Fn(&InboundRow) -> bool,
    is_taken: impl Fn(&InboundRow) -> bool,
    sealed: &mut HashSet<i64>,
    usual: Duration,
) -> Vec<Batch> {
    let mut chats: BTreeMap<(&str, &str), Vec<Batch>> = BTreeMap::new();
    for row in rows {
        let inbound = &row.inbound;
        if inbound.channel != TELEGRAM || is_taken(row) {
            continue;
        }
        let batches = chats.entry((&inbound.account, &inbound.chat.id)).or_default();
        let last = batches.last_mut().filter(|batch| !batch.is_over);
        let last_row = last.as_ref().and_then(|batch| batch.parts.last()).map(|row| row.id);
        if is_command(inbound) {
            sealed.extend(last_row);
            continue;
        }
        let is_text = is_text(inbound) && !is_held(row);
        let is_sealed = last_row.is_some_and(|id| sealed.contains(&id));
        match last {
            Some(batch) if is_text && !is_sealed && batch.goes_on_with(inbound, usual) => batch.push(row),
            last => {
                if let Some(last) = last {
                    last.is_over = true;
                }
                if is_text {
                    let mut batch = Batch { parts: vec![], chars: 0, is_over: false };
                    batch.push(row);
                    batches.push(batch);
                }
            }
        }
    }
    chats.into_values().flatten().collect()
}

impl Batch {
    fn push(&mut self, row: &InboundRow) {
        self.chars += row.inbound.text.chars().count();
        self.parts.push(row.clone());
    }

    /// How long nothing is to come before it is whole.
    fn quiet(&self, usual: Duration) -> Duration {
        match self.parts.last() {
            Some(row) if is_long(&row.inbound) => usual.max(REST),
            _ => usual,
        }
    }

    fn goes_on_with(&self, next: &Inbound, usual: Duration) -> bool {
        let Some(last) = self.parts.last().map(|row| &row.inbound) else { return false };
        let quiet = self.quiet(usual);
        // After a time without the gateway, what was said at different times is not one message.
        let apart = next.sent_at_ms.saturating_sub(last.sent_at_ms);
        let in_time =
            i64::try_from(quiet.as_millis()).is_ok_and(|quiet| apart <= quiet.saturating_add(SECOND_MS));
        last.sender.id == next.sender.id
            && !quiet.is_zero()
            && in_time
            && self.parts.len() < MOST
            && self.chars + next.text.chars().count() <= MOST_CHARS
    }
}

fn is_command(inbound: &Inbound) -> bool {
    inbound.event.is_none()
        && !inbound.forwarded
        && inbound.images.is_empty()
        && chat_commands::parse(&inbound.text).is_some()
}

fn is_text(inbound: &Inbound) -> bool {
    inbound.event.is_none()
        && inbound.album.is_none()
        && inbound.sticker.is_none()
        && inbound.said.is_none()
        && inbound.images.is_empty()
        && inbound.coming.is_empty()
        && !inbound.text.is_empty()
}

/// What is passed on has an end of its own.
fn is_long(inbound: &Inbound) -> bool {
    inbound.text.chars().count() >= LONG
}

/// Whether the agent hears one of them: what is not for it is not waited for.
async fn is_heard(shared: &Shared, parts: &[InboundRow]) -> Result<bool, StoreError> {
    for row in parts {
        if dispatch::access(shared, &row.inbound).await? == Some(Access::Allow) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One message of all of them: as the last, which is what an answer is shown as a reply to.
fn one_of(parts: Vec<InboundRow>) -> Option<Inbound> {
    let mut parts = parts.into_iter().map(|row| row.inbound);
    let mut one = parts.next()?;
    let mut said = one.text.clone();
    for part in parts {
        said = format!("{said}\n{}", part.text);
        // What stands beside a later one stands before it.
        let beside = part.context.map(|context| format!("{context}\n")).unwrap_or_default();
        one.text = format!("{}\n{beside}{}", one.text, part.text);
        one.addressed |= part.addressed;
        one.message_id = part.message_id;
        one.sent_at_ms = part.sent_at_ms;
    }
    one.said = (said != one.text).then_some(said);
    Some(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Chat, ChatKind, Directives, SessionKey};

    fn row(id: i64, text: &str) -> InboundRow {
        let key = SessionKey::main("main");
        let inbound = crate::cron::begin::message_of("1", &key, "7", text.into(), Directives::default(), 0);
        let chat = Chat { id: "7".into(), kind: ChatKind::Direct, title: None };
        InboundRow { id, inbound: Inbound { channel: TELEGRAM.into(), chat, directives: None, ..inbound } }
    }

    fn batched(rows: &[InboundRow], sealed: &mut HashSet<i64>) -> Vec<Vec<i64>> {
        let batches = in_chats(rows, |_| false, |_| false, sealed, Duration::from_secs(1));
        batches.iter().map(|batch| batch.parts.iter().map(|row| row.id).collect()).collect()
    }

    #[test]
    fn what_is_written_after_a_command_does_not_join_what_was_written_before_it() {
        let mut sealed = HashSet::new();
        assert_eq!(batched(&[row(1, "a"), row(3, "b")], &mut sealed), [vec![1, 3]]);
        assert_eq!(batched(&[row(1, "a"), row(2, "/stop")], &mut sealed), [vec![1]]);
        // The command is done by the time.
        assert_eq!(batched(&[row(1, "a"), row(3, "b")], &mut sealed), [vec![1], vec![3]]);
        let all = [row(4, "a"), row(5, "/stop"), row(6, "b"), row(7, "c")];
        assert_eq!(batched(&all, &mut sealed), [vec![4], vec![6, 7]]);
        let mut passed_on = row(9, "/stop");
        passed_on.inbound.forwarded = true;
        assert_eq!(batched(&[row(8, "a"), passed_on], &mut sealed), [vec![8, 9]]);
    }
}
