//! Drafts: a message in the chat that shows an answer while it is being written, changed about once a second, until the answer takes its
//! place (or it goes, where it only says what the agent is at).
//!
//! Which message it is, is on disk before anything counts on it, and what becomes of it is part of the commit that ends the run: after a
//! crash the run goes on with its draft. Only where the gateway dies between the platform's acceptance of a draft and that note, what it
//! says stays in the chat.

mod end;
mod pace;
mod seen;

use super::events::RunEvents;
use super::outgoing;
use super::reply::ReplyTo;
use super::turn::Begin;
use crate::shared::Shared;
use channels::{SendError, SendErrorKind, Telegram};
use config::{StreamingConfig, StreamingMode};
pub(crate) use end::ended;
use model::{Act, Outbound};
pub(crate) use pace::Pace;
use seen::Seen;
pub(crate) use seen::Watched;
use std::sync::Arc;
use std::time::Duration;
use store::{Draft, Route, StoreError};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// Answers that are there sooner need no draft.
const FIRST: Duration = Duration::from_secs(1);
/// Nor is anything said of work that is done so soon.
const WORK: Duration = Duration::from_millis(1500);
/// A platform that takes longer is not waited for: the end of the turn waits for what is on its way.
const CALL: Duration = Duration::from_secs(10);
/// After trouble of the platform or the store.
const TROUBLE: Duration = Duration::from_secs(5);
/// Bytes of a text of which a draft is made: more than a message holds, however it is marked up.
const MAX_SOURCE: usize = 20 * 1024;

/// The draft of a turn that runs, if its chat has drafts.
pub(crate) struct Drafting<'a> {
    shared: &'a Arc<Shared>,
    run_id: &'a str,
    route: &'a Route,
    begun: &'a Begin,
    /// Which message the answer says that it is a reply to.
    answers: Option<ReplyTo>,
    how: &'a StreamingConfig,
    seen: watch::Receiver<Seen>,
    draft: Option<Draft>,
    /// What it shows.
    shows: String,
    /// How much of which answer's text that is, in bytes.
    at: (u32, usize),
    /// The answer that the draft shows, once this process has shown something of it.
    of: Option<u32>,
    /// What it should show is not there yet, for want of time.
    is_behind: bool,
}

/// What to do next.
enum Next {
    Go,
    /// No draft of this turn is changed any more; one that is there stands until its end.
    Stop,
}

/// The events of a turn and its draft. Only what was said in a chat and is answered there has one.
pub(crate) fn of<'a>(
    shared: &'a Arc<Shared>,
    begun: &'a Begin,
    events: &'a RunEvents,
) -> (Watched<'a>, Option<Drafting<'a>>) {
    let run = &begun.run;
    let route = run.route.as_ref().filter(|_| run.directives.is_none() && !outgoing::is_mute(begun));
    let how = route.and_then(|r| Some(&begun.current.settings.account(&r.channel, &r.account)?.streaming));
    let (Some(route), Some(how)) = (route, how.filter(|how| how.mode != StreamingMode::Off)) else {
        return (Watched { events, feed: None, marks: None }, None);
    };
    let (feed, seen) = watch::channel(Seen::new(how.clone(), &run.run_id));
    let drafting = Drafting {
        shared,
        run_id: &run.run_id,
        route,
        begun,
        answers: None,
        how,
        seen,
        draft: None,
        shows: String::new(),
        at: (0, 0),
        of: None,
        is_behind: false,
    };
    (Watched { events, feed: Some(feed), marks: None }, Some(drafting))
}

/// Shows what is to be seen until the turn ends, and ends then with nothing on its way.
pub(crate) async fn keep(drafting: Option<Drafting<'_>>) {
    let Some(mut drafting) = drafting else { return };
    match drafting.shared.store.draft(drafting.run_id).await {
        Ok(draft) => drafting.draft = draft,
        Err(error) => return tracing::warn!(run = drafting.run_id, %error, "no draft of an answer"),
    }
    let mut first = drafting.draft.is_none().then_some(FIRST);
    if drafting.how.mode == StreamingMode::Progress {
        // An answer without work needs nothing said before it.
        if drafting.seen.wait_for(Seen::has_worked).await.is_err() {
            return;
        }
        drafting.is_behind = true;
        first = first.map(|_| WORK);
    }
    while drafting.is_due(first.take().unwrap_or_default()).await {
        match drafting.step().await {
            Ok(Next::Go) => {}
            Ok(Next::Stop) => return,
            Err(error) => {
                tracing::warn!(run = drafting.run_id, %error, "a draft waits for the store");
                drafting.put_off(TROUBLE);
            }
        }
    }
}

impl Drafting<'_> {
    /// Waits for something new and for the chat's time, `at_least` so long. False: the turn is over.
    async fn is_due(&mut self, at_least: Duration) -> bool {
        if !self.is_behind && self.seen.changed().await.is_err() {
            return false;
        }
        self.is_behind = false;
        let at = self.shared.drafts.take(&self.route.account, &self.route.to).max(Instant::now() + at_least);
        let over = async { while self.seen.changed().await.is_ok() {} };
        tokio::time::timeout_at(at, over).await.is_err()
    }

    /// Nothing is changed for so long, and then what there is is shown.
    fn put_off(&mut self, wait: Duration) {
        self.shared.drafts.put_off(&self.route.account, &self.route.to, wait);
        self.is_behind = true;
    }

    async fn step(&mut self) -> Result<Next, StoreError> {
        let pages = self.wanted();
        let Some(last) = pages.len().checked_sub(1) else { return Ok(Next::Go) };
        let is_status = self.how.mode == StreamingMode::Progress;
        let Some(draft) = self.draft.clone() else { return self.below(&pages, 0, is_status).await };
        let at = draft.above.len();
        // What stands above is done with, unless it is of another answer of the turn.
        let is_other = draft.is_status != is_status || (at > 0 && self.of.is_some_and(|of| of != self.at.0));
        let shows_all = at == last && pages.get(at) == Some(&self.shows);
        if !is_other && (shows_all || last < at) {
            return Ok(Next::Go);
        }
        if is_other || self.shared.store.is_draft_passed(self.run_id, self.route, &draft).await? {
            let gone = draft.messages().map(|message| end::gone(self.route, message)).collect();
            self.shared.store.leave_draft(self.run_id, gone).await?;
            self.shared.outbox.wake();
            (self.draft, self.is_behind) = (None, true);
            self.shows.clear();
            return Ok(Next::Go);
        }
        (self.is_behind, self.of) = (at < last, Some(self.at.0));
        match pages.get(at).filter(|page| **page != self.shows) {
            Some(page) => Ok(self.change(page.clone(), &draft).await),
            None => self.below(&pages, at + 1, is_status).await,
        }
    }

    /// Begins a message for a page, below those that stand there.
    async fn below(&mut self, pages: &[String], page: usize, is_status: bool) -> Result<Next, StoreError> {
        let Some(text) = pages.get(page) else { return Ok(Next::Go) };
        let chat = self.shared.store.chat_state(self.route).await?;
        if chat.waits {
            // Nothing overtakes what is to be said there.
            self.is_behind = true;
            return Ok(Next::Go);
        }
        let above = self.draft.as_ref().map(|draft| draft.messages().cloned().collect()).unwrap_or_default();
        let (outbox_id, inbound_id) = (chat.outbox_id, chat.inbound_id);
        let draft = Draft { message_id: String::new(), is_status, outbox_id, inbound_id, above };
        (self.is_behind, self.of) = (page + 1 < pages.len(), Some(self.at.0));
        Ok(self.begin(text.clone(), draft).await)
    }

    /// What is to be shown, in as many messages as it takes; empty where there is nothing.
    fn wanted(&mut self) -> Vec<String> {
        let text = {
            let seen = self.seen.borrow_and_update();
            let (item, _) = seen.at();
            let so_far = if self.at.0 == item { self.at.1 } else { 0 };
            self.at = (item, seen.step(so_far));
            self.answers = seen.answers();
            seen.show(self.at.1)
        };
        let part = text.get(..text.floor_char_boundary(MAX_SOURCE)).unwrap_or_default();
        let mut pages = Telegram::split_within(part, outgoing::limit(self.begun, self.route));
        if self.how.mode != StreamingMode::Block {
            pages.truncate(1);
        }
        if self.how.is_whole {
            // The last one may still grow.
            pages.pop();
        }
        pages
    }

    /// Message `page` of the answer.
    fn outbound(&self, text: String, page: usize, act: Option<Act>) -> Outbound {
        let reply_to = outgoing::reply_to(self.begun, self.route, self.answers.as_ref(), page);
        Outbound {
            channel: self.route.channel.clone(),
            account: self.route.account.clone(),
            to: self.route.to.clone(),
            text,
            quote: outgoing::quote(self.begun, self.route, reply_to.as_deref()),
            reply_to,
            act,
            ..Outbound::default()
        }
    }

    async fn change(&mut self, text: String, draft: &Draft) -> Next {
        let edit = Act::Edit { message_id: draft.message_id.clone(), rows: None };
        let out = self.outbound(text.clone(), draft.above.len(), Some(edit));
        match send(self.shared, &out).await {
            Ok(_) => self.shows = text,
            Err(error) => match error.kind {
                SendErrorKind::RetryAfter(wait) => self.put_off(wait),
                SendErrorKind::Transient => self.put_off(TROUBLE),
                SendErrorKind::Permanent | SendErrorKind::Auth => {
                    tracing::info!(run = self.run_id, error = %error.message, "a draft is not changed any more");
                    return Next::Stop;
                }
            },
        }
        Next::Go
    }

    async fn begin(&mut self, text: String, draft: Draft) -> Next {
        let out = self.outbound(text.clone(), draft.above.len(), None);
        let (told, begun) = oneshot::channel();
        let (shared, run_id) = (self.shared.clone(), self.run_id.to_owned());
        // Once it is on its way it is noted, even if the turn is dropped meanwhile.
        self.shared.lifecycle.spawn(async move {
            let begun = begin(&shared, out, &run_id, draft).await;
            // Whoever wanted it may be gone; it is noted all the same.
            let _ = told.send(begun);
        });
        match begun.await {
            Ok(Ok(draft)) => {
                (self.draft, self.shows) = (Some(draft), text);
                Next::Go
            }
            Ok(Err(SendError { kind: SendErrorKind::RetryAfter(wait), .. })) => {
                self.put_off(wait);
                Next::Go
            }
            Ok(Err(error)) => {
                // Whether it is there nobody knows, and a second one would be one too many.
                tracing::info!(run = self.run_id, error = %error.message, "no draft of an answer");
                Next::Stop
            }
            Err(_) => Next::Stop,
        }
    }
}

/// Sends a draft and notes which message it is.
async fn begin(shared: &Shared, out: Outbound, run_id: &str, draft: Draft) -> Result<Draft, SendError> {
    let draft = Draft { message_id: send(shared, &out).await?, ..draft };
    let problem = match shared.store.note_draft(run_id, draft.clone()).await {
        Ok(true) => return Ok(draft),
        Ok(false) => "its run has ended".to_owned(),
        Err(error) => error.to_string(),
    };
    let message = format!("the draft of run {run_id} is not kept: {problem}");
    let gone = Outbound { text: String::new(), act: Some(end_of(&draft.message_id)), ..out };
    if let Err(error) = send(shared, &gone).await {
        tracing::warn!(run = run_id, error = %error.message, "a draft is left over in a chat");
    }
    Err(SendError { kind: SendErrorKind::Permanent, message })
}

async fn send(shared: &Shared, out: &Outbound) -> Result<String, SendError> {
    let sent = tokio::time::timeout(CALL, shared.channels.send(out)).await;
    sent.unwrap_or_else(|_| {
        let message = format!("{} chat {}: no answer within {} s", out.channel, out.to, CALL.as_secs());
        Err(SendError { kind: SendErrorKind::Transient, message })
    })
}

fn end_of(message_id: &str) -> Act {
    Act::EndDraft { message_id: message_id.to_owned() }
}
