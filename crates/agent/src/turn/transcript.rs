//! Where a turn's messages are kept, as the turn sees it, and what is written down about each model call.

use llm::Price;
use model::{Message, NoteMessage, Usage};
use std::pin::Pin;

/// What [`Transcript`]'s methods give.
pub type TranscriptFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, TranscriptError>> + Send + 'a>>;

/// The transcript of the session that a turn runs on. "The current messages" are those given to `run_turn`, changed by
/// every call made here since, in order.
pub trait Transcript: Send + Sync + 'static {
    /// Commits messages (durably) before it answers. `calls` are for the ledger: one per model call, failed ones
    /// included.
    fn append<'a>(&'a self, messages: Vec<Message>, calls: Vec<ModelCall>) -> TranscriptFuture<'a, ()>;

    /// Messages that arrived to steer the run: commits them to the transcript and returns them. Empty when there are
    /// none. Called each time tools have ended, before the model is asked again.
    fn take_steering<'a>(&'a self) -> TranscriptFuture<'a, Vec<Message>>;

    /// Replaces everything before index `kept_from` of the current messages by `note`, durably.
    fn compact<'a>(
        &'a self,
        note: NoteMessage,
        kept_from: usize,
        calls: Vec<ModelCall>,
    ) -> TranscriptFuture<'a, ()>;
}

/// Why the transcript could not be read or written; names the store and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TranscriptError(pub String);

/// One request to a model, for the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCall {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model's id there.
    pub model: String,
    /// What it used; nothing where the call failed, as providers do not say then.
    pub usage: Usage,
    /// What that costs.
    pub price: Price,
    /// How long it took, in ms.
    pub duration_ms: u64,
    /// What it was for.
    pub kind: CallKind,
    /// Why it failed; `None` where it did not.
    pub error: Option<String>,
}

/// What a request to a model was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// The next answer of a turn.
    Turn,
    /// The same again after a failure.
    Retry,
    /// A summary of what no longer fits.
    Compaction,
}

impl CallKind {
    /// The name in the ledger: `turn`, `retry` or `compaction`.
    pub fn as_str(self) -> &'static str {
        match self {
            CallKind::Turn => "turn",
            CallKind::Retry => "retry",
            CallKind::Compaction => "compaction",
        }
    }
}
