//! Completing what Telegram delivers: a file may take longer than Telegram waits for an answer. It goes on coming then, and its message
//! is taken when Telegram delivers it again.

use super::update::Draft;
use super::{Inbox, Inner, media};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use model::Inbound;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

/// Files of so many messages come at the same time: Telegram delivers one after the other, and another where it waits.
const AT_ONCE: usize = 4;
/// So many messages are remembered whose files come or are there; what falls out begins anew when it is delivered again.
const MAX_KNOWN: usize = 32;
/// A file that is not here within this time is named in its message, which is never lost for it.
const FILES_WITHIN: Duration = Duration::from_secs(60);

/// The messages whose files are coming.
#[derive(Default)]
pub(super) struct Late {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    known: VecDeque<(String, watch::Receiver<Option<Inbound>>)>,
}

struct Job {
    draft: Draft,
    done: watch::Sender<Option<Inbound>>,
}

/// What identifies a message, however often it is delivered.
pub(super) fn key(draft: &Draft) -> String {
    format!("{}/{}", draft.inbound.chat.id, draft.inbound.message_id)
}

impl Late {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The message with its files; `None` where they are not here by then: they go on coming.
    pub(super) async fn complete(&self, draft: Draft, until: Instant) -> Option<Inbound> {
        let key = key(&draft);
        let mut done = self.begun(&key, draft);
        let complete = match timeout_at(until, done.wait_for(Option::is_some)).await {
            Ok(Ok(complete)) => complete.clone(),
            Ok(Err(_)) => None,
            Err(_) => return None,
        };
        if complete.is_none() {
            // Whoever fetched it is gone; the next delivery begins anew.
            self.forget(&key);
        }
        complete
    }

    fn begun(&self, key: &str, draft: Draft) -> watch::Receiver<Option<Inbound>> {
        let mut state = self.state();
        if let Some((_, done)) = state.known.iter().find(|(known, _)| known == key) {
            return done.clone();
        }
        let (done, told) = watch::channel(None);
        if state.known.len() == MAX_KNOWN {
            state.known.pop_front();
        }
        state.known.push_back((key.to_owned(), told.clone()));
        // No more than there are known ones and those who wait for them.
        state.queue.push_back(Job { draft, done });
        self.wake.notify_one();
        told
    }

    /// A message is stored: nobody asks for it again.
    pub(super) fn forget(&self, key: &str) {
        self.state().known.retain(|(known, _)| known != key);
    }

    /// Fetches what is wanted, until it is dropped: what was not here then begins anew with the next delivery.
    pub(super) async fn work(&self, inner: &Inner, inbox: &dyn Inbox) -> std::convert::Infallible {
        let mut coming = FuturesUnordered::new();
        loop {
            while coming.len() < AT_ONCE
                && let Some(job) = self.next()
            {
                coming.push(fetch(inner, inbox, job));
            }
            tokio::select! {
                Some(()) = coming.next() => {}
                () = self.wake.notified(), if coming.len() < AT_ONCE => {}
            }
        }
    }

    fn next(&self) -> Option<Job> {
        self.state().queue.pop_front()
    }
}

async fn fetch(inner: &Inner, inbox: &dyn Inbox, job: Job) {
    let Job { draft, done } = job;
    let complete = media::complete(inner, inbox, vec![draft], Instant::now() + FILES_WITHIN).await;
    done.send_replace(complete.into_iter().next());
}
