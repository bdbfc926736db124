//! `node.invoke.request` and its answer, as they are on the wire.

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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

impl InvokeRequest {
    /// What makes two requests the same wish: the key, and what was asked under it. `None` where there is no key. The
    /// gateway passes on its callers' keys as they are, so that two of them may use the same for different things.
    pub(crate) fn replay_key(&self) -> Option<String> {
        let key = self.idempotency_key.as_deref().filter(|key| !key.is_empty())?;
        let mut hash = Sha256::new();
        for part in [key, &self.command, self.params_json.as_deref().unwrap_or_default()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Some(hex::encode(hash.finalize()))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_wish_is_the_same_key_command_and_parameters() {
        let wish = |key: Option<&str>, command: &str, params: Option<&str>| {
            InvokeRequest {
                id: model::new_id(),
                command: command.into(),
                params_json: params.map(str::to_owned),
                timeout_ms: None,
                idempotency_key: key.map(str::to_owned),
            }
            .replay_key()
        };
        let first = wish(Some("k"), "system.which", Some("{}"));
        assert!(first.is_some());
        assert_eq!(first, wish(Some("k"), "system.which", Some("{}")));
        for other in [
            wish(Some("l"), "system.which", Some("{}")),
            wish(Some("k"), "system.run", Some("{}")),
            wish(Some("k"), "system.which", Some("[]")),
            wish(Some("k"), "system.which{}", None),
        ] {
            assert_ne!(first, other);
        }
        assert_eq!((wish(None, "a", None), wish(Some(""), "a", None)), (None, None));
    }
}
