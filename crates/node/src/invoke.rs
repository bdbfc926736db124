//! `node.invoke.request` and its answer, as they are on the wire.

use serde::Deserialize;
use serde_json::{Value, json};

/// The gateway asks for a command.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvokeRequest {
    /// The call; the answer carries it.
    pub(crate) id: String,
    /// The command's name.
    pub(crate) command: String,
    /// Its parameters as JSON text.
    #[serde(default, rename = "paramsJSON")]
    pub(crate) params_json: Option<String>,
    /// How long the gateway waits, in ms; 0 is not said.
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
    /// The same key is the same wish.
    #[serde(default)]
    pub(crate) idempotency_key: Option<String>,
}

/// The payload as JSON text, or why there is none.
pub(crate) type Outcome = Result<String, Failure>;

/// Why a command gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// As in the gateway's own errors.
    pub(crate) code: &'static str,
    /// What people read.
    pub(crate) message: String,
}

impl Failure {
    /// The request cannot be served as it is.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { code: "INVALID_REQUEST", message: message.into() }
    }

    /// Not now.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { code: "UNAVAILABLE", message: message.into() }
    }

    /// Somebody ended it.
    pub(crate) fn cancelled() -> Self {
        Self::unavailable("the command was cancelled before it ended; what it did until then stays done")
    }
}

/// The parameters of `node.invoke.result`.
pub(crate) fn result_params(id: &str, node_id: &str, outcome: &Outcome) -> Value {
    match outcome {
        Ok(payload) => json!({"id": id, "nodeId": node_id, "ok": true, "payloadJSON": payload}),
        Err(failure) => json!({
            "id": id, "nodeId": node_id, "ok": false,
            "error": {"code": failure.code, "message": failure.message},
        }),
    }
}

/// The parameters of `node.event`.
pub(crate) fn event_params(event: &str, payload: &Value) -> Value {
    json!({"event": event, "payloadJSON": payload.to_string()})
}
