//! Calls to a program that is spoken with over pipes: each has a number and a deadline, and ends at once when the program
//! does.

use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Messages on the way to the program; one that does not read them makes its callers wait, until their time is over.
const QUEUE: usize = 64;

/// The calls to one running program.
#[derive(Debug)]
pub(crate) struct Calls {
    to_write: mpsc::Sender<String>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    /// The program is gone: nothing is waited for any more.
    over: bool,
    calls: HashMap<u64, oneshot::Sender<Result<Value, String>>>,
}

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The program has ended, or does not take requests any more.
    Gone,
    /// It did not answer in time.
    Late,
    /// It says that it cannot.
    Refused(String),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CallError::Gone => f.write_str("it has ended"),
            CallError::Late => f.write_str("it did not answer in time"),
            CallError::Refused(problem) => write!(f, "it says: {problem}"),
        }
    }
}

impl Calls {
    /// No calls yet, and the messages that are to be written to the program.
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<String>) {
        Self::with_queue(QUEUE)
    }

    /// The same with room for so many messages on the way.
    pub(crate) fn with_queue(queue: usize) -> (Arc<Self>, mpsc::Receiver<String>) {
        let (to_write, messages) = mpsc::channel(queue);
        (Arc::new(Self { to_write, waiting: Mutex::default() }), messages)
    }

    /// Asks and waits for the answer; `message` makes the request of its number. A caller that goes away takes its call
    /// back, and so does the deadline: `forgotten` may tell the program so.
    pub(crate) async fn ask(
        &self,
        message: impl FnOnce(u64) -> String,
        timeout: Duration,
        forgotten: impl FnOnce(u64) -> Option<String>,
    ) -> Result<Value, CallError> {
        let (answer, answered) = oneshot::channel();
        let id = self.enter(Some(answer)).ok_or(CallError::Gone)?;
        let _taken_back = TakenBack { calls: self, id, forgotten: Some(forgotten) };
        let asked = async {
            self.to_write.send(message(id)).await.map_err(|_| CallError::Gone)?;
            answered.await.map_err(|_| CallError::Gone)?.map_err(CallError::Refused)
        };
        tokio::time::timeout(timeout, asked).await.unwrap_or(Err(CallError::Late))
    }

    /// Tells the program something that nobody waits for. What there is no room for is not told: false.
    pub(crate) fn tell(&self, message: impl FnOnce(u64) -> String) -> bool {
        let Some(id) = self.enter(None) else { return false };
        let told = self.to_write.try_send(message(id));
        if let Err(error) = &told {
            tracing::debug!(%error, "a program does not read what it is told");
        }
        told.is_ok()
    }

    /// Hands an answer to its call. One that nobody waits for (any more) is left aside.
    pub(crate) fn answer(&self, id: u64, answer: Result<Value, String>) {
        let call = self.waiting().calls.remove(&id);
        // A caller that has just gone needs no answer.
        call.map(|call| call.send(answer));
    }

    /// Ends all calls, and those to come: the program is gone.
    pub(crate) fn end(&self) {
        let mut waiting = self.waiting();
        waiting.over = true;
        waiting.calls.clear();
    }

    fn enter(&self, call: Option<oneshot::Sender<Result<Value, String>>>) -> Option<u64> {
        let mut waiting = self.waiting();
        if waiting.over {
            return None;
        }
        waiting.last += 1;
        let id = waiting.last;
        if let Some(call) = call {
            waiting.calls.insert(id, call);
        }
        Some(id)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a call that nobody waits for any more. After an answer there is nothing to forget.
struct TakenBack<'a, F: FnOnce(u64) -> Option<String>> {
    calls: &'a Calls,
    id: u64,
    forgotten: Option<F>,
}

impl<F: FnOnce(u64) -> Option<String>> Drop for TakenBack<'_, F> {
    fn drop(&mut self) {
        let unanswered = self.calls.waiting().calls.remove(&self.id).is_some();
        if let Some(forgotten) = self.forgotten.take().filter(|_| unanswered)
            && let Some(message) = forgotten(self.id)
        {
            self.calls.tell(|_| message);
        }
    }
}
