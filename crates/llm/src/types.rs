//! The request, the events and the error that all providers share.

use model::{AssistantMessage, Message};
use serde_json::Value;
use std::pin::Pin;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What is known of a model before it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// The API spoken: `openai-completions`, `anthropic-messages` or `demo`.
    pub api: &'static str,
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model's id at the provider.
    pub id: String,
    /// The name to show.
    pub name: String,
    /// Tokens that fit in, answer included.
    pub context_window: u64,
    /// Tokens that an answer may have.
    pub max_tokens: u64,
    /// Whether it reads images.
    pub images: bool,
    /// Whether it reasons before it answers.
    pub reasoning: bool,
    /// US dollars per million tokens.
    pub price: Price,
}

/// US dollars per million tokens; all 0 where the configuration names no price.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Price {
    /// Read at full price.
    pub input: f64,
    /// Written.
    pub output: f64,
    /// Read from the cache.
    pub cache_read: f64,
    /// Written to the cache.
    pub cache_write: f64,
}

/// One call to a model. Borrowed: the transcript is not copied for it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The system prompt.
    pub system: &'a str,
    /// The transcript, oldest first. `Note`s reach the model as user-side context.
    pub messages: &'a [Message],
    /// The tools on offer.
    pub tools: &'a [ToolSpec],
    /// Tokens that the answer may have; `None` leaves it at the model's own limit.
    pub max_tokens: Option<u64>,
}

/// A tool as the model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it is for, in a sentence or two: every word is paid for at every call.
    pub description: String,
    /// JSON Schema of its arguments, an object.
    pub parameters: Value,
}

/// What arrives while the model writes.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// More visible text.
    Text(String),
    /// More reasoning.
    Thinking(String),
    /// A tool call has begun; its arguments come whole with the [`Completion`].
    ToolCall {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
    },
}

/// Receives [`StreamEvent`]s as they come. Must not block.
pub type EventSink<'a> = &'a mut (dyn FnMut(StreamEvent) + Send);

/// A finished call: the whole answer with its usage (cost computed from [`ModelInfo::price`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The answer, ready for the transcript.
    pub message: AssistantMessage,
}

/// What [`Model::complete`] gives.
pub type ModelFuture<'a> = Pin<Box<dyn Future<Output = Result<Completion, ModelError>> + Send + 'a>>;

/// A model behind some API.
pub trait Model: Send + Sync + 'static {
    /// What is known of it.
    fn info(&self) -> &ModelInfo;

    /// Makes one call, reporting to `events` as the answer comes. Ends early with [`ErrorKind::Aborted`] when `cancel`
    /// is cancelled. Dropping the future closes the connection to the provider.
    fn complete<'a>(
        &'a self,
        request: Request<'a>,
        events: EventSink<'a>,
        cancel: &'a CancellationToken,
    ) -> ModelFuture<'a>;
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// Names the provider, what it said (cut to 500 characters) and the next step.
    pub message: String,
    /// How long the provider asks us to wait.
    pub retry_after: Option<Duration>,
}

/// What can be done about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 429, or the provider says that it is overloaded: again, later.
    RateLimited,
    /// 5xx, a connection that failed or broke, a stream that was cut or stood still: again, soon.
    Transient,
    /// 401 or 403: the key is wrong or lacks a right.
    Auth,
    /// The request was too long for the model: compact, then again.
    ContextOverflow,
    /// No money or credit is left with this key: waiting does not help, another key may.
    NoCredit,
    /// The provider has no such model, or not for this key.
    NoModel,
    /// What came is no answer: trying again will not help, another model may.
    NoAnswer,
    /// The provider refused the request or declined to answer it: the same asked again, of whomever, is refused again.
    Refused,
    /// Cancelled from our side.
    Aborted,
}

impl ErrorKind {
    /// Whether the same call may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(self, ErrorKind::RateLimited | ErrorKind::Transient)
    }

    /// Whether another key or another model may answer what this one did not. Not where the request itself is at fault, nor
    /// where somebody stopped it.
    pub fn fails_over(self) -> bool {
        !matches!(self, ErrorKind::ContextOverflow | ErrorKind::Refused | ErrorKind::Aborted)
    }

    /// The word for it in events and on disk.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::RateLimited => "rate_limit",
            ErrorKind::Transient => "unavailable",
            ErrorKind::Auth => "auth",
            ErrorKind::NoCredit => "billing",
            ErrorKind::NoModel => "model_not_found",
            ErrorKind::NoAnswer => "no_answer",
            ErrorKind::ContextOverflow => "context_overflow",
            ErrorKind::Refused => "refused",
            ErrorKind::Aborted => "aborted",
        }
    }
}
