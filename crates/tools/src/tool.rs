//! What all built-in tools share: their spec, their deadline, their cancellation.

use agent::tool::{ToolFuture, ToolOutput};
use llm::ToolSpec;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a call came to: its output, or an error that the model reads.
pub(crate) type Outcome = Result<ToolOutput, String>;

/// How long a tool may take that only touches files or asks the gateway.
pub(crate) const SHORT: Duration = Duration::from_secs(30);

/// A spec whose parameters are an object with these properties.
pub(crate) fn spec(name: &str, description: &str, properties: Value, required: &[&str]) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: json!({"type": "object", "properties": properties, "required": required}),
    }
}

/// Runs a call until its end, its deadline or its cancellation. Work that was handed to another thread is not taken
/// back: the answer says so.
pub(crate) fn within<'a>(
    limit: Duration,
    cancel: CancellationToken,
    work: impl Future<Output = Outcome> + Send + 'a,
) -> ToolFuture<'a> {
    Box::pin(async move {
        let outcome = tokio::select! {
            biased;
            outcome = tokio::time::timeout(limit, work) => outcome.unwrap_or_else(|_| {
                Err(format!("Not done within {} s; it may or may not still happen.", limit.as_secs()))
            }),
            () = cancel.cancelled() => Err("Cancelled; it may or may not have happened.".to_owned()),
        };
        finish(outcome)
    })
}

/// Turns an outcome into what the model reads.
pub(crate) fn finish(outcome: Outcome) -> ToolOutput {
    outcome.unwrap_or_else(ToolOutput::error)
}

/// Does blocking work on another thread.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(format!("The work broke off: {e}. Try again.")),
    }
}
