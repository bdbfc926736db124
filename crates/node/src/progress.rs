//! `node.invoke.progress`: what a command has written so far, sent while it runs. Whoever waits for the command has that much
//! if the end never comes. What is written faster than the gateway takes it is gathered, and of too much the end is kept.

use client::Caller;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Bytes that a chunk may have (`NodeInvokeProgressParams`).
const MAX_CHUNK: usize = 16 * 1024;
/// Bytes gathered between two chunks.
const MAX_GATHERED: usize = 4 * MAX_CHUNK;
/// No more than a chunk each.
const PACE: Duration = Duration::from_millis(250);
/// How long the gateway may take to note a chunk.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);

/// What was written and not sent yet.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The lock is held for copying a few KiB.
    gathered: Mutex<Gathered>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Gathered {
    bytes: VecDeque<u8>,
    left_out: usize,
}

impl Progress {
    /// Takes what the command has written now.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut gathered = self.lock();
        gathered.bytes.extend(bytes);
        let over = gathered.bytes.len().saturating_sub(MAX_GATHERED);
        gathered.bytes.drain(..over);
        gathered.left_out += over;
        drop(gathered);
        self.more.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next chunk, at most [`MAX_CHUNK`] bytes of UTF-8; `None` where there is nothing. A character that is only begun
    /// waits for its rest.
    fn next_chunk(&self) -> Option<String> {
        let mut gathered = self.lock();
        let mut chunk = String::new();
        if gathered.left_out > 0 {
            chunk = format!("\n[… {} bytes left out …]\n", gathered.left_out);
            gathered.left_out = 0;
        }
        // A byte that is no UTF-8 becomes three.
        let most = (MAX_CHUNK - chunk.len()) / 3;
        let bytes: Vec<u8> = gathered.bytes.iter().take(most).copied().collect();
        let whole = match std::str::from_utf8(&bytes) {
            Err(e) if e.error_len().is_none() => e.valid_up_to(),
            _ => bytes.len(),
        };
        // Where the piece ends within a character after something that is no UTF-8, that end waits too.
        let whole = match bytes.utf8_chunks().last() {
            Some(last) if !last.invalid().is_empty() && is_begun(last.invalid()) => {
                whole.min(bytes.len() - last.invalid().len())
            }
            _ => whole,
        };
        gathered.bytes.drain(..whole);
        chunk.push_str(&String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()));
        (!chunk.is_empty()).then_some(chunk)
    }

    /// Sends what comes, chunk after chunk, until it is dropped or nobody wants it.
    pub(crate) async fn send(&self, caller: &Caller, node_id: &str, invoke_id: &str) -> Infallible {
        for seq in 0u64.. {
            let chunk = loop {
                self.more.notified().await;
                if let Some(chunk) = self.next_chunk() {
                    break chunk;
                }
            };
            let params = json!({"invokeId": invoke_id, "nodeId": node_id, "seq": seq, "chunk": chunk});
            match caller.call("node.invoke.progress", params, CHUNK_TIMEOUT).await {
                Ok(noted) if noted.get("ignored").and_then(Value::as_bool) != Some(true) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::debug!(%error, "the gateway did not take what a command has written so far");
                    break;
                }
            }
            tokio::time::sleep(PACE).await;
            // There may be more than one chunk.
            self.more.notify_one();
        }
        std::future::pending().await
    }
}

/// Whether these bytes are the beginning of a character, and not simply wrong.
fn is_begun(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunks(progress: &Progress) -> Vec<String> {
        std::iter::from_fn(|| progress.next_chunk()).collect()
    }

    #[test]
    fn of_too_much_the_end_is_kept_and_the_rest_is_counted() {
        let progress = Progress::default();
        progress.push(&vec![b'a'; MAX_GATHERED]);
        progress.push(b"end");
        let all = chunks(&progress).concat();
        assert!(all.starts_with("\n[… 3 bytes left out …]\naaa") && all.ends_with("aend"), "{}", &all[..40]);
        assert_eq!(chunks(&progress), [""; 0]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_chunks_and_none_is_too_large(pieces in proptest::collection::vec("\\PC{0,40}", 0..40), cut in 1usize..7) {
            let progress = Progress::default();
            let text = pieces.concat();
            let mut sent = String::new();
            for piece in text.as_bytes().chunks(cut) {
                progress.push(piece);
                sent.extend(chunks(&progress));
            }
            prop_assert_eq!(sent, text);
        }

        #[test]
        fn what_is_no_text_is_sent_all_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..50_000)) {
            let progress = Progress::default();
            progress.push(&bytes);
            for chunk in chunks(&progress) {
                prop_assert!(chunk.len() <= MAX_CHUNK);
            }
            prop_assert!(progress.lock().bytes.len() < 4, "only a character that is begun waits");
        }
    }
}
