//! A turn under way: what it was given, what has come of it so far, and the two ways in which it waits: for what may be stopped, and for
//! the store, which may not.

use super::events::Events;
use super::failover::Failed;
use super::outcome::{TurnError, TurnErrorKind};
use super::setup::TurnSetup;
use super::transcript::{ModelCall, Transcript, TranscriptError};
use llm::{Model, ToolSpec};
use model::{Message, Usage};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What stays the same for the whole turn.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) setup: &'a TurnSetup,
    pub(super) transcript: &'a dyn Transcript,
    pub(super) events: &'a dyn Events,
    pub(super) cancel: &'a CancellationToken,
    pub(super) deadline: Instant,
}

/// What changes as the turn goes.
pub(super) struct State {
    /// The model that is asked now.
    pub(super) model: Arc<dyn Model>,
    /// Those that were asked before it and failed.
    pub(super) failed: Vec<Failed>,
    /// The transcript: the same as the durable one.
    pub(super) messages: Vec<Message>,
    /// What the model is told of the tools.
    pub(super) specs: Vec<ToolSpec>,
    pub(super) ledger: Ledger,
    /// The number of the current answer, from 1.
    pub(super) item: u32,
    /// Text of an answer that was cut.
    pub(super) partial: String,
    pub(super) tool_names: Vec<String>,
    pub(super) tool_failures: u32,
}

/// What was asked of the model in this turn.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Calls that are not durable yet.
    pub(super) pending: Vec<ModelCall>,
    /// All calls together.
    pub(super) usage: Usage,
    /// The last successful call for an answer.
    pub(super) last_call: Usage,
    /// Requests made.
    pub(super) requests: u32,
}

/// Why the loop ended without an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stop {
    Aborted,
    Failed(TurnError),
}

/// A store that has not answered by then will not: the turn fails rather than hang.
const STORE_DEADLINE: Duration = Duration::from_secs(30);

impl State {
    pub(super) fn new(setup: &TurnSetup, messages: Vec<Message>) -> Self {
        Self {
            model: setup.model.clone(),
            failed: Vec::new(),
            messages,
            specs: setup.tools.iter().map(|t| t.spec().clone()).collect(),
            ledger: Ledger::default(),
            item: 0,
            partial: String::new(),
            tool_names: Vec::new(),
            tool_failures: 0,
        }
    }
}

impl Run<'_> {
    /// Waits for `work`, but no longer than until the turn is cancelled or due. `work` is dropped then.
    pub(super) async fn guard<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            // What is finished is taken even where the turn has just been stopped: it was paid for.
            biased;
            done = work => Ok(done),
            () = self.cancel.cancelled() => Err(Stop::Aborted),
            () = tokio::time::sleep_until(self.deadline) => Err(self.overdue()),
        }
    }

    /// The turn took too long.
    pub(super) fn overdue(&self) -> Stop {
        let seconds = self.setup.limits.turn_deadline.as_secs();
        Stop::Failed(TurnError {
            kind: TurnErrorKind::Deadline,
            message: format!(
                "the turn was stopped after its deadline of {seconds} s; what was finished is kept: ask to go on, or for less at once"
            ),
        })
    }

    /// Waits for the store. Not ended by cancelling: what was done must be written down.
    pub(super) async fn stored<T>(
        &self,
        work: impl Future<Output = Result<T, TranscriptError>>,
    ) -> Result<T, Stop> {
        let failed = |why: String| {
            Stop::Failed(TurnError {
                kind: TurnErrorKind::Store,
                message: format!("session {}: {why}", self.setup.session_key),
            })
        };
        match tokio::time::timeout(STORE_DEADLINE, work).await {
            Ok(result) => result.map_err(|e| failed(e.0)),
            Err(_) => Err(failed(format!(
                "the store did not answer within {} s; check the disk that holds the state directory",
                STORE_DEADLINE.as_secs()
            ))),
        }
    }

    /// Commits `messages` with the model calls that are not durable yet.
    pub(super) async fn append(&self, state: &mut State, messages: Vec<Message>) -> Result<(), Stop> {
        let calls = state.ledger.pending.clone();
        self.stored(self.transcript.append(messages.clone(), calls)).await?;
        // Cleared only now: where the commit failed, the caller still gets them.
        state.ledger.pending.clear();
        state.messages.extend(messages);
        Ok(())
    }

    /// Replaces everything before `kept_from` by `note`.
    pub(super) async fn compact(
        &self,
        state: &mut State,
        note: model::NoteMessage,
        kept_from: usize,
    ) -> Result<(), Stop> {
        let calls = state.ledger.pending.clone();
        self.stored(self.transcript.compact(note.clone(), kept_from, calls)).await?;
        state.ledger.pending.clear();
        state.messages.splice(..kept_from.min(state.messages.len()), [Message::Note(note)]);
        Ok(())
    }
}
