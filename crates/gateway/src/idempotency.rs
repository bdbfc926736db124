//! The same `idempotencyKey` again gives the first answer. For calls whose effect is not a row in the store by itself
//! (`node.invoke`); runs and messages are told apart by their rows.

use crate::methods::{Answer, Reply};
use protocol::ErrorShape;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Answers that are kept; the oldest go first. With [`KEEP`] this covers well over a call a second.
const MAX_KEPT: usize = 1024;
/// Bytes of answers that are kept together: node results can be large.
const MAX_KEPT_BYTES: usize = 8 * 1024 * 1024;
/// How long an answer is kept.
const KEEP: Duration = Duration::from_secs(600);

type Slot = watch::Receiver<Option<Answer>>;

#[derive(Default)]
struct State {
    slots: HashMap<String, Slot>,
    /// Finished calls in the order they finished, with their size.
    finished: VecDeque<(String, Instant, usize)>,
    bytes: usize,
}

/// Answers by method, caller and key.
#[derive(Default)]
pub(crate) struct Idempotency(Mutex<State>);

impl Idempotency {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Runs `work`, unless the same was asked before: then the first answer is given, once it is there. If the first
    /// caller goes away before its answer, the next one runs it again.
    pub(crate) async fn once(&self, key: String, work: impl Future<Output = Answer>) -> Answer {
        let (sender, receiver) = watch::channel(None);
        let earlier = {
            let mut state = self.state();
            state.expire();
            match state.slots.get(&key) {
                Some(slot) if slot.borrow().is_some() || slot.has_changed().is_ok() => Some(slot.clone()),
                _ => {
                    state.slots.insert(key.clone(), receiver);
                    None
                }
            }
        };
        if let Some(mut slot) = earlier {
            return match slot.wait_for(Option::is_some).await {
                Ok(answer) => answer.clone().unwrap_or_else(|| Err(gone())),
                Err(_) => Err(gone()),
            };
        }
        let answer = work.await;
        self.state().finish(key, &answer);
        sender.send_replace(Some(answer.clone()));
        answer
    }
}

impl State {
    fn finish(&mut self, key: String, answer: &Answer) {
        let size = answer.as_ref().map_or(256, |reply: &Reply| reply.raw().get().len()) + key.len();
        self.bytes += size;
        self.finished.push_back((key, Instant::now(), size));
        self.expire();
    }

    fn expire(&mut self) {
        while let Some((_, at, _)) = self.finished.front() {
            let over = self.finished.len() > MAX_KEPT || self.bytes > MAX_KEPT_BYTES || at.elapsed() > KEEP;
            if !over {
                return;
            }
            if let Some((key, _, size)) = self.finished.pop_front() {
                self.slots.remove(&key);
                self.bytes -= size;
            }
        }
    }
}

fn gone() -> ErrorShape {
    ErrorShape::unavailable("the first call with this idempotency key ended without an answer; try again")
        .retryable()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn the_same_key_runs_once_even_at_the_same_time() {
        let cache = Arc::new(Idempotency::default());
        let runs = Arc::new(AtomicU32::new(0));
        let call = |cache: Arc<Idempotency>, runs: Arc<AtomicU32>| async move {
            cache
                .once("k".into(), async {
                    tokio::task::yield_now().await;
                    Ok(json!(runs.fetch_add(1, Ordering::SeqCst)).into())
                })
                .await
        };
        let (a, b) = tokio::join!(call(cache.clone(), runs.clone()), call(cache.clone(), runs.clone()));
        let c = call(cache, runs.clone()).await;
        for answer in [a, b, c] {
            assert_eq!(answer.unwrap().raw().get(), "0");
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_the_key_free() {
        let cache = Idempotency::default();
        let first = cache.once("k".into(), std::future::pending());
        assert!(tokio::time::timeout(Duration::from_millis(1), first).await.is_err());
        let second = cache.once("k".into(), async { Ok(json!(2).into()) }).await;
        assert_eq!(second.unwrap().raw().get(), "2");
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let cache = Idempotency::default();
        for i in 0..3000 {
            cache.once(format!("k{i}"), async { Ok(json!(1).into()) }).await.unwrap();
        }
        assert!(cache.state().slots.len() <= MAX_KEPT);
        let big = "x".repeat(MAX_KEPT_BYTES / 2);
        for i in 0..4 {
            let text = big.clone();
            cache.once(format!("big{i}"), async move { Ok(json!(text).into()) }).await.unwrap();
        }
        assert!(cache.state().bytes <= MAX_KEPT_BYTES);
    }
}
