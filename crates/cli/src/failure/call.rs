//! What a call can fail of, in words, with the next step.

use super::{Exit, Failure};
use client::{CallError, CloseInfo};
use protocol::{ErrorCode, ErrorShape};
use serde_json::{Value, json};

/// Turns an error of calling `method` into a failure.
pub(crate) fn explain(error: CallError, method: &str) -> Failure {
    match error {
        CallError::Server(shape) => refused(&shape, method),
        CallError::Timeout { .. } => Failure::new(Exit::Timeout, "TIMEOUT", error.to_string())
            .details(json!({"method": method}))
            .hint("give it longer with --timeout; what was asked for may still happen"),
        CallError::Closed(close) => cut(&close, method, None),
        CallError::Busy { .. } | CallError::TooLarge { .. } => {
            Failure::new(Exit::Failed, "TOO_MUCH", error.to_string())
        }
    }
}

/// Why a connection that was lost in the middle of a call could not be had again.
#[derive(Debug)]
pub(crate) struct NotAgain {
    /// What connecting, or the tunnel to it, failed of.
    pub(crate) failure: Failure,
    /// Whether it stays so until somebody changes something.
    pub(crate) lasts: bool,
}

/// The connection ended in the middle of a call, and, where that was tried, could not be had again. What stands in the way for
/// good has its own exit code and name; everything else may pass.
pub(crate) fn cut(close: &CloseInfo, method: &str, not_again: Option<NotAgain>) -> Failure {
    let what = format!("the connection to the gateway ended while {method} was under way ({close})");
    let mut details = json!({"method": method, "retryable": true, "closeCode": close.code});
    let (mut failure, hints) = match not_again {
        None => (Failure::new(Exit::Dropped, "CONNECTION_LOST", what), Vec::new()),
        Some(NotAgain { failure, lasts }) => {
            let Failure { exit, code, message, details: more, hints } = failure;
            let what = format!("{what}, and could not be opened again: {message}");
            details["retryable"] = (!lasts).into();
            details["reason"] = json!({"code": code, "details": more});
            let failure = if lasts {
                Failure::new(exit, code, what)
            } else {
                Failure::new(Exit::Dropped, "CONNECTION_LOST", what)
            };
            (failure, hints)
        }
    };
    failure = failure.details(details).hint(
        "what was asked for may have been done all the same: look before you repeat what changes something",
    );
    if hints.is_empty() {
        return failure.hint("the gateway may be restarting: openclaw health");
    }
    hints.into_iter().fold(failure, Failure::hint)
}

fn refused(shape: &ErrorShape, method: &str) -> Failure {
    let code = match (shape.detail_code(), shape.code) {
        (Some("MISSING_SCOPE"), _) => "MISSING_SCOPE",
        (_, other) => other.as_str(),
    };
    let exit = match shape.code {
        ErrorCode::Forbidden | ErrorCode::NotPaired => Exit::Refused,
        ErrorCode::AgentTimeout => Exit::Timeout,
        // Of a node: the call was given up, here or there.
        ErrorCode::Unavailable if shape.detail_code() == Some("TIMEOUT") => Exit::Timeout,
        _ => Exit::Failed,
    };
    let mut failure = Failure::new(exit, code, shape.message.clone());
    failure.details = shape.details.clone().map(Box::new);
    match hint(shape, method) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The next step, where the gateway's message does not name it already.
fn hint(shape: &ErrorShape, method: &str) -> Option<String> {
    if shape.message.contains("openclaw ") {
        return None;
    }
    let detail = |name: &str| shape.details.as_ref().and_then(|d| d.get(name)).and_then(Value::as_str);
    let message = shape.message.as_str();
    Some(match detail("code") {
        Some("NOT_CONNECTED") => {
            "on that computer: openclaw node run; see which nodes are there: openclaw nodes status".into()
        }
        Some("TIMEOUT") => {
            "give it longer (nodes invoke: --invoke-timeout MS); what was asked for may still happen".into()
        }
        Some("MISSING_SCOPE") => format!(
            "this device was not granted {}: approve its new request on the gateway's host, openclaw devices list",
            detail("missingScope").unwrap_or("that")
        ),
        _ if message.starts_with("unknown method") => {
            "the gateway does not have it: compare versions with openclaw status".into()
        }
        _ if message.contains("idempotencyKey") => {
            "it changes something: add \"idempotencyKey\":\"SOMETHING-UNIQUE\" to --params".into()
        }
        _ if method == "node.invoke" && detail("reason").is_some() => {
            "if its approval is missing: openclaw nodes pending, then openclaw nodes approve REQUEST".into()
        }
        _ if shape.code == ErrorCode::AgentTimeout => "give it longer with --timeout SECONDS".into(),
        _ if shape.retryable == Some(true) => "the same again may work in a moment".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn server(code: ErrorCode, message: &str, details: Value) -> CallError {
        CallError::Server(Box::new(ErrorShape::new(code, message).with_details(details)))
    }

    #[test]
    fn every_refusal_has_an_exit_code_and_a_next_step() {
        let late = CallError::Timeout { method: "health".into(), after: Duration::ZERO };
        let cases = [
            (late, "health", Exit::Timeout, "--timeout"),
            (CallError::Closed(CloseInfo::new(1012, "x")), "health", Exit::Dropped, "openclaw health"),
            (
                server(
                    ErrorCode::Forbidden,
                    "missing scope: operator.admin",
                    json!({"code":"MISSING_SCOPE","missingScope":"operator.admin"}),
                ),
                "node.pair.approve",
                Exit::Refused,
                "operator.admin",
            ),
            (
                server(ErrorCode::Unavailable, "node not connected", json!({"code":"NOT_CONNECTED"})),
                "node.invoke",
                Exit::Failed,
                "openclaw node run",
            ),
            (
                server(
                    ErrorCode::InvalidRequest,
                    "node command not allowed",
                    json!({"reason":"not-approved"}),
                ),
                "node.invoke",
                Exit::Failed,
                "openclaw nodes approve",
            ),
            (
                server(ErrorCode::InvalidRequest, "unknown method: x", json!({})),
                "x",
                Exit::Failed,
                "openclaw status",
            ),
            (
                server(ErrorCode::InvalidRequest, "must have required property 'idempotencyKey'", json!({})),
                "send",
                Exit::Failed,
                "--params",
            ),
            (server(ErrorCode::AgentTimeout, "late", json!({})), "agent", Exit::Timeout, "--timeout"),
            (
                server(ErrorCode::Unavailable, "node did not answer", json!({"code":"TIMEOUT"})),
                "node.invoke",
                Exit::Timeout,
                "--invoke-timeout",
            ),
        ];
        for (error, method, exit, hint) in cases {
            let text = error.to_string();
            let failure = explain(error, method);
            assert_eq!(failure.exit, exit, "{text}");
            assert!(failure.hints.iter().any(|h| h.contains(hint)), "{text}: {:?}", failure.hints);
        }
    }

    #[test]
    fn what_keeps_a_lost_connection_from_coming_back_is_said_with_its_way_out() {
        let close = CloseInfo::new(1006, "gone");
        let denied = || {
            Failure::new(Exit::Tunnel, "SSH_PERMISSION_DENIED", "nobody is let in").hint("ssh-copy-id me@far")
        };
        for (lasts, exit, code) in
            [(true, Exit::Tunnel, "SSH_PERMISSION_DENIED"), (false, Exit::Dropped, "CONNECTION_LOST")]
        {
            let failure = cut(&close, "agent", Some(NotAgain { failure: denied(), lasts }));
            assert_eq!((failure.exit, failure.code.as_str()), (exit, code));
            assert!(
                failure.message.ends_with("could not be opened again: nobody is let in"),
                "{}",
                failure.message
            );
            let details = failure.details.unwrap();
            assert_eq!((&details["retryable"], &details["method"]), (&json!(!lasts), &json!("agent")));
            assert_eq!(details["reason"]["code"], "SSH_PERMISSION_DENIED");
            assert!(failure.hints.iter().any(|hint| hint == "ssh-copy-id me@far"), "{:?}", failure.hints);
            assert!(!failure.hints.iter().any(|hint| hint.contains("restarting")), "{:?}", failure.hints);
        }
    }

    #[test]
    fn a_message_that_names_the_next_step_gets_no_other() {
        let said = "awaiting approval; run `openclaw nodes approve r1`";
        assert!(
            explain(server(ErrorCode::Unavailable, said, json!({"reason":"x"})), "node.invoke")
                .hints
                .is_empty()
        );
    }
}
