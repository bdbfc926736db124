//! The same wish again (key, command and parameters) gives the first answer, and the command never runs twice. This
//! outlives connections: a gateway that lost one may ask again on the next.

use crate::invoke::{Failure, Outcome};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Keys remembered: far more than a gateway asks again about.
const MAX_KEYS: usize = 256;
/// How long an answer is remembered.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Bytes of answers kept. Older keys stay known beyond that, without their answers.
const MAX_BYTES: usize = 8 * 1024 * 1024;

type Done = Option<(Instant, Arc<Outcome>)>;

/// Who asked for what before. The lock is held for short loops over at most [`MAX_KEYS`] entries.
#[derive(Debug, Default)]
pub(crate) struct Replay(Mutex<VecDeque<Entry>>);

#[derive(Debug)]
struct Entry {
    key: String,
    begun: Instant,
    outcome: watch::Receiver<Done>,
}

/// How to go on with a request.
#[derive(Debug)]
pub(crate) enum Start {
    /// Run it, and say here what came of it.
    First(Run),
    /// It ran or runs: its outcome comes here.
    Again(Earlier),
}

/// A run whose outcome others may wait for. Dropped without one, it counts as cancelled.
#[derive(Debug)]
pub(crate) struct Run(watch::Sender<Done>);

/// An earlier run of the same key.
#[derive(Debug)]
pub(crate) struct Earlier(watch::Receiver<Done>);

impl Run {
    /// Says what came of it.
    pub(crate) fn finish(self, outcome: Arc<Outcome>) {
        self.0.send_replace(Some((Instant::now(), outcome)));
    }
}

impl Earlier {
    /// Waits for what came of it.
    pub(crate) async fn outcome(mut self) -> Arc<Outcome> {
        let done = self.0.wait_for(Option::is_some).await;
        let outcome = done.ok().and_then(|d| d.as_ref().map(|(_, outcome)| Arc::clone(outcome)));
        outcome.unwrap_or_else(|| Arc::new(Err(Failure::cancelled())))
    }
}

impl Replay {
    /// Enters a key, or finds its earlier run. Requests without a key are each their own.
    pub(crate) fn begin(&self, key: Option<&str>) -> Start {
        let (sender, outcome) = watch::channel(None);
        let Some(key) = key.filter(|k| !k.is_empty()) else { return Start::First(Run(sender)) };
        let now = Instant::now();
        let mut entries = self.lock();
        entries.retain(|e| !e.is_done() || now.duration_since(e.finished()) < KEPT_FOR);
        if let Some(earlier) = entries.iter().find(|e| e.key == key) {
            return Start::Again(Earlier(earlier.outcome.clone()));
        }
        make_room(&mut entries);
        entries.push_back(Entry { key: key.to_owned(), begun: now, outcome });
        Start::First(Run(sender))
    }

    /// Forgets a key whose command was not begun, so that it may be asked for again.
    pub(crate) fn forget(&self, key: Option<&str>) {
        self.lock().retain(|e| Some(e.key.as_str()) != key);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        // No code under the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(entries: &mut VecDeque<Entry>) {
    while entries.len() >= MAX_KEYS {
        // Those that run are few: there are places for 16 alone.
        let Some(oldest) = entries.iter().position(Entry::is_done) else { break };
        entries.remove(oldest);
    }
    let mut bytes = 0usize;
    for entry in entries.iter_mut().rev() {
        bytes = bytes.saturating_add(entry.bytes());
        if bytes > MAX_BYTES && entry.bytes() > 0 {
            entry.drop_answer();
        }
    }
}

impl Entry {
    fn is_done(&self) -> bool {
        // A sender that is gone will never send.
        self.outcome.borrow().is_some() || self.outcome.has_changed().is_err()
    }

    fn finished(&self) -> Instant {
        self.outcome.borrow().as_ref().map_or(self.begun, |(at, _)| *at)
    }

    fn bytes(&self) -> usize {
        self.outcome.borrow().as_ref().map_or(0, |(_, o)| o.as_ref().as_ref().map_or(0, String::len))
    }

    fn drop_answer(&mut self) {
        let message = "the command ran before under this idempotency key, and its output is no longer kept; \
                       ask under a new key to run it again";
        let outcome = Arc::new(Err(Failure::unavailable(message)));
        self.outcome = watch::channel(Some((self.finished(), outcome))).1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(replay: &Replay, key: &str) -> Run {
        match replay.begin(Some(key)) {
            Start::First(run) => run,
            Start::Again(_) => panic!("{key} is not new"),
        }
    }

    async fn again(replay: &Replay, key: &str) -> Outcome {
        match replay.begin(Some(key)) {
            Start::Again(earlier) => earlier.outcome().await.as_ref().clone(),
            Start::First(_) => panic!("{key} is new"),
        }
    }

    #[tokio::test]
    async fn a_key_gives_its_first_answer_while_it_runs_and_after() {
        let replay = Replay::default();
        let run = first(&replay, "k");
        let (outcome, ()) = tokio::join!(again(&replay, "k"), async {
            run.finish(Arc::new(Ok("1".into())));
        });
        assert_eq!(outcome, Ok("1".into()));
        assert_eq!(again(&replay, "k").await, Ok("1".into()));
        replay.forget(Some("k"));
        drop(first(&replay, "k"));
        assert_eq!(
            again(&replay, "k").await,
            Err(Failure::cancelled()),
            "it was begun, so it never runs again"
        );
    }

    #[tokio::test]
    async fn requests_without_a_key_are_each_their_own() {
        let replay = Replay::default();
        for key in [None, Some("")] {
            assert!(matches!(replay.begin(key), Start::First(_)));
            assert!(matches!(replay.begin(key), Start::First(_)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_for_ten_minutes_after_the_end() {
        let replay = Replay::default();
        let run = first(&replay, "k");
        tokio::time::advance(Duration::from_secs(1800)).await;
        run.finish(Arc::new(Ok("1".into())));
        tokio::time::advance(KEPT_FOR - Duration::from_secs(1)).await;
        assert_eq!(again(&replay, "k").await, Ok("1".into()));
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(first(&replay, "k"));
    }

    #[tokio::test]
    async fn memory_is_bounded_and_a_running_command_is_never_forgotten() {
        let replay = Replay::default();
        let running = first(&replay, "running");
        for n in 0..MAX_KEYS + 10 {
            first(&replay, &n.to_string()).finish(Arc::new(Ok("x".repeat(MAX_BYTES / 10))));
        }
        assert!(replay.lock().len() <= MAX_KEYS);
        let newest = again(&replay, &(MAX_KEYS + 9).to_string()).await;
        assert!(newest.is_ok());
        let older = again(&replay, &(MAX_KEYS - 50).to_string()).await.unwrap_err();
        assert!(older.message.contains("no longer kept"), "{}", older.message);
        running.finish(Arc::new(Ok("done".into())));
        assert_eq!(again(&replay, "running").await, Ok("done".into()));
    }
}
