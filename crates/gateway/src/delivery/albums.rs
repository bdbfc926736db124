//! Albums: people send several pictures at once, and platforms deliver them one by one. They are one message once no more come.

use crate::shared::Shared;
use model::Inbound;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{InboundRow, StoreError};
use tokio::time::Instant;

/// So long after the last part an album is whole.
const QUIET: Duration = Duration::from_secs(1);

/// Channel, account, chat and album.
type Key = (String, String, String, String);

/// The albums that are still coming in: how many parts there are, and since when. They are among the open rows.
#[derive(Default)]
pub(crate) struct Albums(Mutex<HashMap<Key, (usize, Instant)>>);

impl Albums {
    fn seen(&self) -> MutexGuard<'_, HashMap<Key, (usize, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the next one may be whole.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.seen().values().map(|(_, since)| *since + QUIET).min()
    }

    /// Whether an album is whole, and the files of all of its parts are here.
    fn is_ready(&self, key: &Key, parts: usize, is_here: bool) -> bool {
        if !is_here {
            // What it waits for wakes whoever looks; no time does.
            self.seen().remove(key);
        }
        is_here && self.is_whole(key, parts)
    }

    /// Whether no part has come for a while.
    fn is_whole(&self, key: &Key, parts: usize) -> bool {
        let now = Instant::now();
        let mut seen = self.seen();
        let (known, since) = seen.entry(key.clone()).or_insert((parts, now));
        if *known != parts {
            (*known, *since) = (parts, now);
        }
        let is_whole = now - *since >= QUIET;
        if is_whole {
            seen.remove(key);
        }
        is_whole
    }
}

/// Open rows with albums that are whole as one row each, and those that are not as they are, with the ids of their rows: they wait.
/// So do those of which a part's file is `not_here` yet.
pub(crate) async fn gathered(
    shared: &Arc<Shared>,
    rows: Vec<InboundRow>,
    not_here: &HashSet<i64>,
) -> Result<(Vec<InboundRow>, Vec<i64>), StoreError> {
    let mut parts: BTreeMap<Key, Vec<InboundRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| not_here.contains(&row.id) || !shared.runs.is_claimed(row.id)) {
        if let Some(key) = key_of(&row.inbound) {
            parts.entry(key).or_default().push(row.clone());
        }
    }
    shared.albums.seen().retain(|key, _| parts.contains_key(key));
    if parts.is_empty() {
        return Ok((rows, vec![]));
    }
    let (mut waiting, mut gone, mut merged) = (Vec::new(), Vec::new(), HashMap::new());
    for (key, parts) in parts {
        let ids: Vec<i64> = parts.iter().map(|row| row.id).collect();
        let is_here = ids.iter().all(|id| !not_here.contains(id));
        if !shared.albums.is_ready(&key, parts.len(), is_here) {
            waiting.extend(ids);
            continue;
        }
        let Some((first, others)) = ids.split_first() else { continue };
        let Some(one) = one_of(parts) else { continue };
        if shared.store.merge_inbound(*first, one.clone(), others.to_vec(), "album").await? {
            gone.extend_from_slice(others);
            merged.insert(*first, one);
        }
    }
    let rows =
        rows.into_iter().filter(|row| !gone.contains(&row.id)).map(|row| match merged.remove(&row.id) {
            Some(inbound) => InboundRow { inbound, ..row },
            None => row,
        });
    Ok((rows.collect(), waiting))
}

fn key_of(inbound: &Inbound) -> Option<Key> {
    let album = inbound.album.clone().filter(|_| inbound.event.is_none())?;
    Some((inbound.channel.clone(), inbound.account.clone(), inbound.chat.id.clone(), album))
}

/// One message of all parts, in their order: who was addressed by one was by all.
fn one_of(parts: Vec<InboundRow>) -> Option<Inbound> {
    let mut parts = parts.into_iter().map(|row| row.inbound);
    let mut one = parts.next()?;
    one.album = None;
    for part in parts {
        if !part.text.is_empty() {
            let between = if one.text.is_empty() { "" } else { "\n" };
            one.text = format!("{}{between}{}", one.text, part.text);
        }
        one.images.extend(part.images);
        // Nobody heard a part by itself; as one message it may be heard.
        one.coming.extend(part.coming);
        one.addressed |= part.addressed;
        one.context = one.context.or(part.context);
    }
    Some(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_album_whose_file_is_late_is_looked_at_when_it_comes_and_at_no_time() {
        let (albums, key) = (Albums::default(), (String::new(), String::new(), String::new(), String::new()));
        assert!(!albums.is_ready(&key, 2, true), "more may come");
        assert_eq!(albums.next(), Some(Instant::now() + QUIET));
        tokio::time::advance(QUIET).await;
        // Its time is over, and whoever looks at it now must not be told to do so at once again.
        assert!(!albums.is_ready(&key, 2, false), "a file is late");
        assert_eq!(albums.next(), None);
        assert!(!albums.is_ready(&key, 2, true), "it is here");
        assert_eq!(albums.next(), Some(Instant::now() + QUIET));
        tokio::time::advance(QUIET).await;
        assert!(albums.is_ready(&key, 2, true));
        assert_eq!(albums.next(), None);
    }
}
