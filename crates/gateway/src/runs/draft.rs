//! Drafts: a message in the chat that shows an answer while it is being written, changed about once a second, until the answer takes its
//! place (or it goes, where it only says what the agent is at).
//!
//! Which message it is, is on disk before anything counts on it, and what becomes of it is part of the commit that ends the run: after a
//! crash the run goes on with its draft. Only where the gateway dies between the platform's acceptance of a draft and that note, what it
//! says stays in the chat.

mod pace;
mod seen;

use super::events::RunEvents;
use super::outgoing;
use super::reply::ReplyTo;
use super::turn::Begin;
use crate::shared::Shared;
use channels::{SendError, SendErrorKind, Telegram};
use config::{StreamingConfig, StreamingMode};
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
/// A platform that takes longer is not waited for: the end of the turn waits for what is on its way.
const CALL: Duration = Duration::from_secs(10);
/// After trouble of the platform or the store.
const TROUBLE: Duration = Duration::from_secs(5);
/// Bytes of a text of which a draft is made: more than a message holds, however it is marked up.
const MAX_SOURCE: usize = 20 * 1024;
/// When the store does not answer at the end of a run, it is asked again after this time.
const STORE_RETRY: Duration = Duration::from_secs(2);

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
    let route = run.route.as_ref().filter(|_| run.directives.is_none());
    let how = route.and_then(|r| Some(&begun.current.settings.account(&r.channel, &r.account)?.streaming));
    let (Some(route), Some(how)) = (route, how.filter(|how| how.mode != StreamingMode::Off)) else {
        return (Watched { events, feed: None }, None);
    };
    let (feed, seen) = watch::channel(Seen::default());
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
        is_behind: false,
    };
    (Watched { events, feed: Some((feed, how.command_text)) }, Some(drafting))
}

/// Shows what is to be seen until the turn ends, and ends then with nothing on its way.
pub(crate) async fn keep(drafting: Option<Drafting<'_>>) {
    let Some(mut drafting) = drafting else { return };
    match drafting.shared.store.draft(drafting.run_id).await {
        Ok(draft) => drafting.draft = draft,
        Err(error) => return tracing::warn!(run = drafting.run_id, %error, "no draft of an answer"),
    }
    let mut first = drafting.draft.is_none().then_some(FIRST);
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
        let Some(text) = self.wanted() else { return Ok(Next::Go) };
        let is_status = self.how.mode == StreamingMode::Progress;
        match &self.draft {
            Some(draft) => {
                let other = draft.is_status != is_status;
                if other || self.shared.store.is_draft_passed(self.run_id, self.route, draft).await? {
                    let gone = self.outbound(String::new(), Some(end_of(draft)));
                    self.shared.store.leave_draft(self.run_id, gone).await?;
                    self.shared.outbox.wake();
                    (self.draft, self.is_behind) = (None, true);
                    self.shows.clear();
                    return Ok(Next::Go);
                }
                Ok(self.change(text).await)
            }
            None => {
                let chat = self.shared.store.chat_state(self.route).await?;
                if chat.waits {
                    // Nothing overtakes what is to be said there.
                    self.is_behind = true;
                    return Ok(Next::Go);
                }
                let (outbox_id, inbound_id) = (chat.outbox_id, chat.inbound_id);
                let draft = Draft { message_id: String::new(), is_status, outbox_id, inbound_id };
                Ok(self.begin(text, draft).await)
            }
        }
    }

    /// What is to be shown, where it is not.
    fn wanted(&mut self) -> Option<String> {
        let text = {
            let seen = self.seen.borrow_and_update();
            let (item, _) = seen.at();
            let so_far = if self.at.0 == item { self.at.1 } else { 0 };
            self.at = (item, seen.step(so_far, self.how));
            self.answers = seen.answers();
            seen.show(self.how, self.at.1)
        };
        let part = text.get(..text.floor_char_boundary(MAX_SOURCE)).unwrap_or_default();
        let first = Telegram::split(part).into_iter().next()?;
        (first != self.shows).then_some(first)
    }

    fn outbound(&self, text: String, act: Option<Act>) -> Outbound {
        Outbound {
            channel: self.route.channel.clone(),
            account: self.route.account.clone(),
            to: self.route.to.clone(),
            text,
            reply_to: outgoing::reply_to(self.begun, self.route, self.answers.as_ref(), 0),
            act,
        }
    }

    async fn change(&mut self, text: String) -> Next {
        let Some(draft) = &self.draft else { return Next::Go };
        let edit = Act::Edit { message_id: draft.message_id.clone() };
        let out = self.outbound(text.clone(), Some(edit));
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
        let out = self.outbound(text.clone(), None);
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
    let gone = Outbound { text: String::new(), act: Some(end_of(&draft)), ..out };
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

fn end_of(draft: &Draft) -> Act {
    Act::EndDraft { message_id: draft.message_id.clone() }
}

/// The answer's messages, the first in the place of the run's draft where there is one that still stands last; one that does not
/// goes, as does one that an answer without a word leaves over.
pub(crate) async fn ended(shared: &Shared, begun: &Begin, mut pieces: Vec<Outbound>) -> Vec<Outbound> {
    let Some(route) = &begun.run.route else { return pieces };
    let Some((draft, is_passed)) = standing(shared, &begun.run.run_id, route).await else { return pieces };
    match pieces.first_mut() {
        Some(first) if first.act.is_none() && !draft.is_status && !is_passed => {
            first.act = Some(end_of(&draft))
        }
        _ => pieces.push(Outbound {
            channel: route.channel.clone(),
            account: route.account.clone(),
            to: route.to.clone(),
            text: String::new(),
            reply_to: None,
            act: Some(end_of(&draft)),
        }),
    }
    pieces
}

/// The draft of a run, and whether its chat has gone on below it; asked until the store answers.
async fn standing(shared: &Shared, run_id: &str, route: &Route) -> Option<(Draft, bool)> {
    loop {
        let asked = async {
            let Some(draft) = shared.store.draft(run_id).await? else { return Ok(None) };
            let is_passed = shared.store.is_draft_passed(run_id, route, &draft).await?;
            Ok::<_, StoreError>(Some((draft, is_passed)))
        };
        match asked.await {
            Ok(standing) => return standing,
            // Nothing is committed any more either: the run goes on at the next start, with its draft.
            Err(StoreError::Closed { .. }) => return None,
            Err(error) => tracing::error!(run = run_id, %error, "the end of a run waits for the store"),
        }
        tokio::time::sleep(STORE_RETRY).await;
    }
}
