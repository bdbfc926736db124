//! What a tool is to the agent.

use llm::ToolSpec;
use model::{Part, SessionKey};
use serde_json::Value;
use std::pin::Pin;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What [`Tool::call`] gives. A tool does not fail: what went wrong is told to the model in an output with `is_error`.
pub type ToolFuture<'a> = Pin<Box<dyn Future<Output = ToolOutput> + Send + 'a>>;

/// Something that the model can have done.
pub trait Tool: Send + Sync + 'static {
    /// Name, description and parameters. The name is unique within a turn.
    fn spec(&self) -> &ToolSpec;

    /// Whether a call changes anything, judged by its arguments. A call with effects whose run was cut is never
    /// repeated; one without is simply made again.
    fn has_effects(&self, arguments: &Value) -> bool;

    /// Makes the call. Has its own deadline, and ends soon after `context.cancel` is cancelled.
    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a>;
}

/// The tools of a turn.
pub type Tools = Vec<Arc<dyn Tool>>;

/// Where a call comes from.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// The agent.
    pub agent_id: String,
    /// The session.
    pub session_key: SessionKey,
    /// The run.
    pub run_id: String,
    /// The id of the call in the transcript.
    pub tool_call_id: String,
    /// Cancelled when the run is.
    pub cancel: CancellationToken,
}

/// What a call gave.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOutput {
    /// What the model reads.
    pub content: Vec<Part>,
    /// Whether it failed.
    pub is_error: bool,
    /// What clients are shown of a command's end, where the tool ran one.
    pub command: Option<CommandResult>,
}

/// The end of a command, for the `command_output` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandResult {
    /// stdout and stderr, cut to what is shown.
    pub output: String,
    /// `None` where a signal ended it.
    pub exit_code: Option<i32>,
    /// How long it ran, in ms.
    pub duration_ms: u64,
}

impl ToolOutput {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: vec![Part::Text { text: text.into() }], is_error: false, command: None }
    }

    /// A failure, told to the model.
    pub fn error(text: impl Into<String>) -> Self {
        Self { content: vec![Part::Text { text: text.into() }], is_error: true, command: None }
    }
}
