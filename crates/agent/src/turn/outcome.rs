//! How a turn can end, and what is left to commit then.

use super::transcript::ModelCall;
use llm::ErrorKind;
use model::{Message, Usage};

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

impl TurnOutcome {
    /// The model that gave the last answer, `provider/model`.
    pub fn answered_by(&self) -> Option<String> {
        self.messages.iter().rev().find_map(|message| match message {
            Message::Assistant(answer) => Some(format!("{}/{}", answer.provider, answer.model)),
            _ => None,
        })
    }
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
