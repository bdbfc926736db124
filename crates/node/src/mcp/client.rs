//! Calls to one running server.

use super::wire;
use crate::calls::{CallError, Calls};
use crate::invoke::Failure;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// A running server, as those who call it have it.
#[derive(Debug, Clone)]
pub(super) struct Client {
    calls: Arc<Calls>,
    /// A call was not answered in time: does it answer at all?
    suspect: Arc<Notify>,
}

impl Client {
    /// A client, and the lines that are to be written to the server.
    pub(super) fn new() -> (Self, mpsc::Receiver<String>) {
        let (calls, lines) = Calls::new();
        (Self { calls, suspect: Arc::default() }, lines)
    }

    /// Asks and waits for the answer. The server is told of a call that nobody waits for any more.
    pub(super) async fn call(
        &self,
        method: &str,
        params: Value,
        timeout: Duration,
    ) -> Result<Value, CallError> {
        let forgotten = |id| {
            let params = json!({"requestId": id, "reason": "nobody waits for it any more"});
            Some(wire::notification("notifications/cancelled", &params))
        };
        let outcome = self.calls.ask(|id| wire::request(id, method, &params), timeout, forgotten).await;
        if outcome == Err(CallError::Late) {
            self.suspect.notify_one();
        }
        outcome
    }

    /// Tells the server something. What it has no room for is not told.
    pub(super) fn tell(&self, line: String) {
        self.calls.tell(|_| line);
    }

    /// Hands an answer to its call.
    pub(super) fn answer(&self, id: u64, answer: Result<Value, String>) {
        self.calls.answer(id, answer);
    }

    /// Waits until a call was not answered in time.
    pub(super) async fn suspect(&self) {
        self.suspect.notified().await;
    }

    /// Ends all calls, and those to come: the server is gone.
    pub(super) fn end(&self) {
        self.calls.end();
    }
}

/// Why a call of a tool gave nothing, as the gateway is told of it.
pub(super) fn failure(error: CallError, server: &str, timeout: Duration) -> Failure {
    let (code, message) = match error {
        CallError::Gone => ("MCP_SERVER_UNAVAILABLE", format!("MCP server {server:?} disconnected")),
        CallError::Late => (
            "MCP_TOOL_TIMEOUT",
            format!("MCP server {server:?} did not answer within {} ms", timeout.as_millis()),
        ),
        CallError::Refused(problem) => ("MCP_TOOL_ERROR", problem),
    };
    Failure { code, message }
}
