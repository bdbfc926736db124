//! What can be watched while a turn runs.

use crate::tool::ToolOutput;
use model::Usage;
use serde_json::Value;

/// Hears of a turn as it goes.
pub trait Events: Send + Sync {
    /// Takes one event. Must not block: the turn waits for it.
    fn emit(&self, event: TurnEvent);
}

/// Something that happened in a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEvent {
    /// A request to the model is about to be made.
    ModelCall {
        /// The provider's name in the configuration.
        provider: String,
        /// The model's id there.
        model: String,
    },
    /// More visible text.
    TextDelta {
        /// Which answer of the turn it belongs to, from 1.
        item: u32,
        /// What was added.
        delta: String,
    },
    /// The answer is asked for again: the text shown for it so far is void.
    TextReset {
        /// Which answer of the turn, from 1.
        item: u32,
    },
    /// More reasoning.
    Thinking {
        /// What was added.
        delta: String,
    },
    /// A request to the model succeeded.
    Usage {
        /// What that request used.
        usage: Usage,
    },
    /// A tool call begins.
    ToolStart {
        /// The call's id.
        tool_call_id: String,
        /// The tool's name.
        name: String,
        /// The arguments, as the model gave them.
        arguments: Value,
    },
    /// A tool call has ended.
    ToolEnd {
        /// The call's id.
        tool_call_id: String,
        /// The tool's name.
        name: String,
        /// What the model reads of it.
        output: ToolOutput,
        /// How long it took, in ms.
        duration_ms: u64,
    },
    /// A request to the model failed and will be made again.
    Retry {
        /// Which try comes next, from 2.
        attempt: u32,
        /// How long until then, in ms.
        wait_ms: u64,
        /// Why the last one failed.
        reason: String,
    },
    /// The model that was asked has failed for good; the next one is asked the same.
    Failover {
        /// The model that failed, `provider/model`.
        from: String,
        /// The one that is asked now; the same where another key of its provider is tried.
        to: String,
        /// Why, in a word: [`llm::ErrorKind::as_str`].
        reason: &'static str,
        /// Why, for people.
        detail: String,
    },
    /// The older part of the transcript is being summarised.
    Compaction {
        /// Whether it begins or has ended.
        phase: CompactionPhase,
    },
}

/// Where a compaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompactionPhase {
    /// It begins.
    Start,
    /// It has ended, whether anything could be made shorter or not.
    End,
}
