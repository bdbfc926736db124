//! What a request to the browser came to that did not succeed, as OpenClaw's control service says it.

use crate::calls::CallError;
use serde_json::{Map, Value, json};

/// A request that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// As of HTTP, 400 to 599.
    pub(super) status: u16,
    /// What happened, and what to do.
    pub(super) message: String,
    /// One of the codes that clients know.
    pub(super) code: Option<&'static str>,
    /// One of the reasons that clients know.
    pub(super) reason: Option<&'static str>,
}

impl Refusal {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), code: None, reason: None }
    }

    /// The request cannot be served as it is.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// What is named is not there.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// Something else has to be done first.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, message)
    }

    /// There is a browser that does it, and it is not this one.
    pub(super) fn unsupported(what: &str) -> Self {
        Self::new(501, format!("{what} is not supported by this node's browser"))
    }

    /// It failed in the browser.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(500, message)
    }

    /// There is no browser to do it.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, message)
    }

    /// It was not done in time.
    pub(super) fn late(what: &str) -> Self {
        Self::new(
            504,
            format!(
                "{what} was not done in time; the page may still be at it: take a snapshot before trying again"
            ),
        )
    }

    /// The address may not be gone to.
    pub(super) fn blocked(message: impl Into<String>) -> Self {
        Self { reason: Some("navigation_blocked"), ..Self::new(403, message) }
    }

    /// The page did not let it be done.
    pub(super) fn operation(message: impl Into<String>) -> Self {
        Self::new(500, message).with_code("ACT_OPERATION_FAILED")
    }

    /// An action that is not as it must be.
    pub(super) fn action(message: impl Into<String>) -> Self {
        Self::new(400, message).with_code("ACT_INVALID_REQUEST")
    }

    pub(super) fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// A call of the browser's protocol that failed.
    pub(super) fn of_call(method: &str, error: CallError) -> Self {
        match error {
            CallError::Gone => Self::unavailable("the browser has ended; start it again"),
            CallError::Late => Self::late(method),
            CallError::Refused(problem) => Self::failed(format!("{method}: {problem}")),
        }
    }

    /// `{error, code?, reason?}`.
    pub(super) fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("error".into(), json!(self.message));
        for (name, word) in [("code", self.code), ("reason", self.reason)] {
            if let Some(word) = word {
                body.insert(name.into(), json!(word));
            }
        }
        Value::Object(body)
    }
}
