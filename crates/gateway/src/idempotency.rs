//! The same `idempotencyKey` again gives the first answer. For calls whose effect is not a row in the store by itself
//! (`node.invoke`); runs and messages are told apart by their rows.

use crate::methods::Answer;
use protocol::ErrorShape;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Answers that are kept; the oldest go first. With [`KEEP`] this covers well over a call a second.
const MAX_KEPT: usize = 1024;
/// Bytes of answers that are kept together: node results can be large. Of those beyond it, the oldest first, it stays
/// known that they were given.
const MAX_KEPT_BYTES: usize = 8 * 1024 * 1024;
/// How long an answer is kept.
const KEEP: Duration = Duration::from_secs(600);

enum Slot {
    /// Somebody is at it. The number of these is bounded by the requests in flight.
    Running(watch::Receiver<Option<Answer>>),
    /// The answer.
    Done(Answer),
}

#[derive(Default)]
struct State {
    slots: HashMap<String, Slot>,
    /// Finished calls in the order they finished, with the size of their answers; 0 where it is kept no longer.
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
    /// caller goes away before its answer, or the answer is one that `keep` says need not be kept, the next one runs it
    /// again.
    pub(crate) async fn once(
        &self,
        key: String,
        keep: impl Fn(&Answer) -> bool,
        work: impl Future<Output = Answer>,
    ) -> Answer {
        let claim = match self.claim(key) {
            Ok(claim) => claim,
            Err(Earlier::Done(answer)) => return answer,
            Err(Earlier::Running(mut slot)) => {
                return match slot.wait_for(Option::is_some).await {
                    Ok(answer) => answer.clone().unwrap_or_else(|| Err(gone())),
                    Err(_) => Err(gone()),
                };
            }
        };
        let answer = work.await;
        claim.finish(&answer, keep(&answer));
        answer
    }

    fn claim(&self, key: String) -> Result<Claim<'_>, Earlier> {
        let mut state = self.state();
        state.expire();
        match state.slots.get(&key) {
            Some(Slot::Done(answer)) => Err(Earlier::Done(answer.clone())),
            Some(Slot::Running(slot)) => Err(Earlier::Running(slot.clone())),
            None => {
                let (sender, receiver) = watch::channel(None);
                state.slots.insert(key.clone(), Slot::Running(receiver));
                Ok(Claim { cache: self, key, sender, is_kept: false })
            }
        }
    }
}

enum Earlier {
    Done(Answer),
    Running(watch::Receiver<Option<Answer>>),
}

/// The right to do it. Dropped without an answer to keep, it leaves the key free.
struct Claim<'a> {
    cache: &'a Idempotency,
    key: String,
    sender: watch::Sender<Option<Answer>>,
    is_kept: bool,
}

impl Claim<'_> {
    fn finish(mut self, answer: &Answer, keep: bool) {
        if keep {
            self.is_kept = true;
            self.cache.state().finish(self.key.clone(), answer);
        }
        self.sender.send_replace(Some(answer.clone()));
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.cache.state().slots.remove(&self.key);
        }
    }
}

impl State {
    fn finish(&mut self, key: String, answer: &Answer) {
        let size = answer.as_ref().map_or(256, |reply| reply.raw().get().len());
        self.bytes += size;
        self.slots.insert(key.clone(), Slot::Done(answer.clone()));
        self.finished.push_back((key, Instant::now(), size));
        self.expire();
    }

    fn expire(&mut self) {
        while let Some((_, at, _)) = self.finished.front() {
            if self.finished.len() <= MAX_KEPT && at.elapsed() <= KEEP {
                break;
            }
            if let Some((key, _, size)) = self.finished.pop_front() {
                self.slots.remove(&key);
                self.bytes -= size;
            }
        }
        for (key, _, size) in &mut self.finished {
            if self.bytes <= MAX_KEPT_BYTES {
                break;
            }
            self.bytes -= std::mem::take(size);
            self.slots.insert(key.clone(), Slot::Done(Err(not_kept())));
        }
    }
}

fn not_kept() -> ErrorShape {
    ErrorShape::unavailable(
        "this was done before under this idempotency key, and its answer was too large to keep; use another key to do it again",
    )
    .with_details(json!({"code": "ANSWER_NOT_KEPT"}))
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

    fn always(_: &Answer) -> bool {
        true
    }

    #[tokio::test]
    async fn the_same_key_runs_once_even_at_the_same_time() {
        let cache = Arc::new(Idempotency::default());
        let runs = Arc::new(AtomicU32::new(0));
        let call = |cache: Arc<Idempotency>, runs: Arc<AtomicU32>| async move {
            cache
                .once("k".into(), always, async {
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
        let first = cache.once("k".into(), always, std::future::pending());
        assert!(tokio::time::timeout(Duration::from_millis(1), first).await.is_err());
        assert!(cache.state().slots.is_empty(), "it leaves nothing behind");
        let second = cache.once("k".into(), always, async { Ok(json!(2).into()) }).await;
        assert_eq!(second.unwrap().raw().get(), "2");
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let cache = Idempotency::default();
        for i in 0..3000 {
            cache.once(format!("k{i}"), always, async { Ok(json!(1).into()) }).await.unwrap();
        }
        assert!(cache.state().slots.len() <= MAX_KEPT);
        let big = "x".repeat(MAX_KEPT_BYTES / 2);
        for i in 0..4 {
            let text = big.clone();
            cache.once(format!("big{i}"), always, async move { Ok(json!(text).into()) }).await.unwrap();
        }
        assert!(cache.state().bytes <= MAX_KEPT_BYTES);
    }

    #[tokio::test]
    async fn an_answer_that_need_not_be_kept_is_not() {
        let cache = Idempotency::default();
        let refused = async { Err(ErrorShape::unavailable("not now")) };
        assert!(cache.once("k".into(), Answer::is_ok, refused).await.is_err());
        assert!(cache.state().slots.is_empty());
        let second = cache.once("k".into(), Answer::is_ok, async { Ok(json!(2).into()) }).await;
        assert_eq!(second.unwrap().raw().get(), "2");
    }

    #[tokio::test]
    async fn what_is_too_large_to_keep_is_given_once_and_never_done_again() {
        let cache = Idempotency::default();
        let large = json!("x".repeat(MAX_KEPT_BYTES));
        assert!(cache.once("k".into(), always, async { Ok(large.into()) }).await.is_ok());
        let again = cache.once("k".into(), always, async { panic!("done twice") }).await;
        assert_eq!(again.unwrap_err().detail_code(), Some("ANSWER_NOT_KEPT"));
        assert_eq!(cache.state().bytes, 0);
    }
}
