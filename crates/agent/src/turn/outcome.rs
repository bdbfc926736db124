//! How a turn ended, and what is left to commit.

use super::drive::{Run, State, Stop};
use super::transcript::ModelCall;
use llm::ErrorKind;
use model::{AssistantMessage, Block, Message, StopReason, Usage};

/// What a turn gave.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnOutcome {
    /// The text to send: the last answer's, or as much of it as came where the turn was stopped. May be empty.
    pub reply: String,
    /// The model answered `NO_REPLY`: nothing is to be sent, on purpose. `reply` is empty then.
    pub silent: bool,
    /// The end of the transcript that is not durable yet: the last answer. Where the turn failed it is an answer with
    /// `stop_reason` `Error` and an `error_message`; empty where it was stopped before any text, or the store failed.
    pub messages: Vec<Message>,
    /// Model calls that are not durable yet.
    pub calls: Vec<ModelCall>,
    /// What the whole turn used.
    pub usage: Usage,
    /// What the last successful call for an answer used; its [`Usage::prompt`] is the size of the context.
    pub last_call: Usage,
    /// The tools that were called, each once, in the order of their first call.
    pub tool_names: Vec<String>,
    /// Tool calls that failed.
    pub tool_failures: u32,
    /// Requests made to the model, retries and compactions included.
    pub model_calls: u32,
    /// How it ended.
    pub end: TurnEnd,
}

/// How much of a transcript stays where somebody asks to make it shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// About a quarter of it, and of the model's window at most; the model sums the rest up.
    Recent,
    /// The last so many messages, or fewer where a tool's result would lose its call; a digest stands for the rest.
    Last(usize),
}

/// A transcript that was made shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Tokens of its messages before, about.
    pub tokens_before: u64,
    /// And after.
    pub tokens_after: u64,
    /// Messages that stayed.
    pub kept: usize,
}

/// What became of a compaction.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactOutcome {
    /// What it gave; `None` where there was nothing to make shorter. [`TurnEnd`] says why it could not be done.
    pub result: Result<Option<Compacted>, TurnEnd>,
    /// Model calls that are not durable yet.
    pub calls: Vec<ModelCall>,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEnd {
    /// The model answered.
    Done,
    /// Somebody stopped it.
    Aborted,
    /// It could not go on.
    Failed(TurnError),
}

/// Why a turn could not go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct TurnError {
    /// What went wrong.
    pub kind: TurnErrorKind,
    /// For people: what went wrong and what to do next.
    pub message: String,
}

/// What went wrong in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnErrorKind {
    /// The model's provider refused or could not be reached.
    Model(ErrorKind),
    /// The turn took too long.
    Deadline,
    /// The turn asked the model too often.
    TooManyCalls,
    /// The transcript could not be written or read.
    Store,
}

/// The whole text by which a model says that nothing is to be sent.
pub(super) const NO_REPLY: &str = "NO_REPLY";

/// Makes the outcome of a turn that ended so.
pub(super) fn conclude(run: &Run<'_>, state: State, end: Result<AssistantMessage, Stop>) -> TurnOutcome {
    let partial = state.partial;
    let (reply, silent, message, end) = match end {
        Ok(answer) => {
            let text = answer.text();
            let silent = text.trim() == NO_REPLY;
            (if silent { String::new() } else { text }, silent, Some(answer), TurnEnd::Done)
        }
        Err(Stop::Aborted) => {
            let kept = (!partial.is_empty()).then(|| cut_answer(run, &partial, StopReason::Aborted, None));
            (partial, false, kept, TurnEnd::Aborted)
        }
        Err(Stop::Failed(error)) => {
            let kept = (error.kind != TurnErrorKind::Store)
                .then(|| cut_answer(run, &partial, StopReason::Error, Some(error.message.clone())));
            (partial, false, kept, TurnEnd::Failed(error))
        }
    };
    TurnOutcome {
        reply,
        silent,
        messages: message.into_iter().map(Message::Assistant).collect(),
        calls: state.ledger.pending,
        usage: state.ledger.usage,
        last_call: state.ledger.last_call,
        tool_names: state.tool_names,
        tool_failures: state.tool_failures,
        model_calls: state.ledger.requests,
        end,
    }
}

fn cut_answer(run: &Run<'_>, text: &str, stop_reason: StopReason, error: Option<String>) -> AssistantMessage {
    let info = run.setup.model.info();
    let content = if text.is_empty() { vec![] } else { vec![Block::Text { text: text.to_owned() }] };
    AssistantMessage {
        content,
        api: info.api.to_owned(),
        provider: info.provider.clone(),
        model: info.id.clone(),
        usage: Usage::default(),
        stop_reason,
        timestamp: run.setup.clock.now_ms(),
        error_message: error,
    }
}
