//! What connecting can fail of, in words, with the next step.

use super::{Exit, Failure};
use crate::link::is_loopback;
use client::{ConnectError, Seen};
use model::Pin;
use protocol::ErrorShape;
use remote::Target;
use serde_json::{Value, json};

/// Turns an error of connecting into a failure.
pub(crate) fn explain(error: ConnectError, target: &Target, flags: &str) -> Failure {
    let failure = of(&error, target, flags);
    match failure.details {
        Some(_) => failure,
        None => failure.details(json!({"url": target.url, "via": target.via})),
    }
}

fn of(error: &ConnectError, target: &Target, flags: &str) -> Failure {
    let message = error.to_string();
    match error {
        ConnectError::Refused(shape, _) => refused(shape, target, flags),
        ConnectError::Io { .. } => unreachable(message, target, flags),
        ConnectError::Closed { .. } => Failure::new(Exit::Unreachable, "UNREACHABLE", message)
            .hint("the gateway may be starting or stopping: try again in a moment"),
        ConnectError::Timeout { .. } => Failure::new(Exit::Timeout, "TIMEOUT", message)
            .hint("give it longer with --timeout MS, or check that a gateway runs there"),
        ConnectError::Stranger { .. } => Failure::new(Exit::Unreachable, "NOT_THE_TUNNEL", message).hint(
            format!("the tunnel has lost its port; what it says of that: openclaw{flags} remote status"),
        ),
        ConnectError::Http { status: 403, .. } => Failure::new(Exit::Refused, "FORBIDDEN", message)
            .hint("a proxy stands between: name it in gateway.trustedProxies on the gateway's host"),
        ConnectError::Http { .. } | ConnectError::Protocol(_) => {
            Failure::new(Exit::Unreachable, "NOT_A_GATEWAY", message)
                .hint(format!("something else may listen there: check the address {}", target.url))
        }
        ConnectError::Tls { .. } => Failure::new(Exit::Unreachable, "TLS", message)
            .hint("check the certificate, or that the gateway is meant to speak wss:// there"),
        ConnectError::Pin { expected, seen, .. } => pin(message, expected, seen, target),
        ConnectError::Url { .. } => Failure::usage(message),
    }
}

/// Somebody stands between, or the certificate is another: only a look at the gateway's own host tells.
fn pin(message: String, expected: &[Pin], seen: &Seen, target: &Target) -> Failure {
    let expected: Vec<String> = expected.iter().map(Pin::to_string).collect();
    let failure = Failure::new(Exit::Pin, "TLS_PIN_MISMATCH", message).details(json!({
        "url": target.url, "via": target.via, "expected": expected,
        "seen": {"leaf": seen.leaf.to_string(), "spki": seen.spki.to_string()},
    }));
    if target.local {
        return failure
            .hint("another program may listen on that port, or the gateway's certificate was changed and not taken up")
            .hint("see what its files hold: openclaw gateway tls fingerprint; its log says what it refused");
    }
    failure
        .hint("do not go on unless you know why: on the gateway's own host, run: openclaw gateway tls fingerprint")
        .hint(format!(
            "if that shows what was seen here, pin it in --tls-fingerprint or gateway.remote.tlsFingerprint, or: openclaw remote trust {} --fingerprint {}",
            target.url, seen.leaf
        ))
}

fn unreachable(message: String, target: &Target, flags: &str) -> Failure {
    let failure = Failure::new(Exit::Unreachable, "UNREACHABLE", message);
    if target.local {
        failure
            .hint(format!("start it: openclaw{flags} gateway run"))
            .hint(format!("or have it run from now on, as a service: openclaw{flags} gateway install"))
            .hint(format!(
                "if yours is on another computer: openclaw{flags} connect CODE, with the code that openclaw qr makes there"
            ))
    } else if let Some(tunnel) = &target.tunnel {
        failure.hint(format!(
            "the tunnel to {} was there a moment ago; look at it: openclaw{flags} remote status",
            tunnel.target
        ))
    } else if is_loopback(&target.url) {
        failure
            .hint(format!("if it should run on this host, start it: openclaw{flags} gateway run"))
            .hint("if it is at the other end of a tunnel, check that the tunnel is up")
    } else {
        failure
            .hint(format!(
                "check that the gateway runs there and that {} can be reached from here",
                target.url
            ))
            .hint("a tunnel by hand: ssh -N -L 18789:127.0.0.1:18789 USER@HOST")
    }
}

fn refused(shape: &ErrorShape, target: &Target, flags: &str) -> Failure {
    let code = shape.detail_code().unwrap_or(shape.code.as_str());
    let exit = if code == "PROTOCOL_MISMATCH" { Exit::Failed } else { Exit::Refused };
    let mut failure = Failure::new(exit, code, shape.message.clone());
    failure.details = shape.details.clone().map(Box::new);
    for hint in hints(code, shape, target, flags) {
        failure = failure.hint(hint);
    }
    failure
}

fn hints(code: &str, shape: &ErrorShape, target: &Target, flags: &str) -> Vec<String> {
    let mut hints = Vec::new();
    match code {
        "PAIRING_REQUIRED" => {
            let id = shape.details.as_ref().and_then(|d| d.get("requestId")).and_then(Value::as_str);
            hints.push(match id {
                Some(id) => format!("on the gateway's host: openclaw devices approve {id}"),
                None => "on the gateway's host: openclaw devices list, then openclaw devices approve REQUEST"
                    .into(),
            });
        }
        "DEVICE_AUTH_SIGNATURE_EXPIRED" => {
            hints.push("the clocks of the two computers differ: set them right".into());
        }
        "PROTOCOL_MISMATCH" => hints.push("one of the two is older: bring both to the same version".into()),
        "AUTH_RATE_LIMITED" => hints.push("too many wrong attempts: wait, then try the right secret".into()),
        _ if code.contains("PASSWORD") => {
            hints.extend(secrets("password", "OPENCLAW_GATEWAY_PASSWORD", target, flags))
        }
        _ if code.starts_with("AUTH_") || code == "DEVICE_IDENTITY_REQUIRED" => {
            hints.extend(secrets("token", "OPENCLAW_GATEWAY_TOKEN", target, flags));
        }
        _ => {}
    }
    hints
}

/// Where a secret comes from.
fn secrets(name: &str, variable: &str, target: &Target, flags: &str) -> Vec<String> {
    let key = if target.local { format!("gateway.auth.{name}") } else { format!("gateway.remote.{name}") };
    let mut hints = vec![format!("the {name} is taken from --{name}, {key} or {variable}")];
    if matches!(target.via, "OPENCLAW_GATEWAY_URL" | "--host") {
        hints.push(format!(
            "what .env in the state directory keeps is for the configured gateway: openclaw{flags} gateway probe shows what was passed over"
        ));
    }
    hints.push(format!("on the gateway's host, see where it keeps its own: openclaw{flags} gateway status"));
    hints
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::CloseInfo;
    use protocol::ErrorCode;

    fn target(local: bool) -> Target {
        let far = Target::far(if local { "ws://127.0.0.1:18789" } else { "wss://far.example" }, "--url");
        Target { local, ..far }
    }

    fn refusal(code: &str, details: Value) -> ConnectError {
        let mut all = json!({"code": code});
        if let (Some(all), Value::Object(more)) = (all.as_object_mut(), details) {
            all.extend(more);
        }
        let shape = ErrorShape::new(ErrorCode::InvalidRequest, "no").with_details(all);
        ConnectError::Refused(Box::new(shape), CloseInfo::new(1008, "no"))
    }

    #[test]
    fn every_way_of_not_connecting_has_an_exit_code_and_a_next_step() {
        let io = || ConnectError::Io {
            url: "ws://x".into(),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        };
        let another = || ConnectError::Pin {
            url: "wss://x".into(),
            expected: vec![Pin::leaf([3; 32])],
            seen: Seen { leaf: Pin::leaf([1; 32]), spki: Pin::spki([2; 32]) },
        };
        let http = |status| ConnectError::Http { url: "ws://x".into(), status, body: String::new() };
        let late = ConnectError::Timeout {
            url: "ws://x".into(),
            stage: "the handshake",
            after: std::time::Duration::ZERO,
        };
        let cases = [
            (io(), true, Exit::Unreachable, "openclaw --dev gateway run"),
            (io(), false, Exit::Unreachable, "wss://far.example"),
            (late, true, Exit::Timeout, "--timeout"),
            (
                ConnectError::Stranger { url: "ws://x".into(), uid: 7 },
                false,
                Exit::Unreachable,
                "openclaw --dev remote status",
            ),
            (http(403), true, Exit::Refused, "gateway.trustedProxies"),
            (http(404), true, Exit::Unreachable, "something else"),
            (ConnectError::Protocol("x".into()), true, Exit::Unreachable, "something else"),
            (
                another(),
                false,
                Exit::Pin,
                "openclaw remote trust wss://far.example --fingerprint sha256:0101",
            ),
            (another(), true, Exit::Pin, "openclaw gateway tls fingerprint"),
            (refusal("AUTH_TOKEN_MISMATCH", json!({})), true, Exit::Refused, "gateway.auth.token"),
            (refusal("AUTH_TOKEN_MISSING", json!({})), false, Exit::Refused, "gateway.remote.token"),
            (refusal("AUTH_PASSWORD_MISMATCH", json!({})), true, Exit::Refused, "OPENCLAW_GATEWAY_PASSWORD"),
            (refusal("DEVICE_IDENTITY_REQUIRED", json!({})), true, Exit::Refused, "OPENCLAW_GATEWAY_TOKEN"),
            (
                refusal("PAIRING_REQUIRED", json!({"requestId":"r-1"})),
                false,
                Exit::Refused,
                "openclaw devices approve r-1",
            ),
            (refusal("PAIRING_REQUIRED", json!({})), false, Exit::Refused, "openclaw devices list"),
            (refusal("PROTOCOL_MISMATCH", json!({})), true, Exit::Failed, "same version"),
        ];
        for (error, local, exit, hint) in cases {
            let failure = of(&error, &target(local), " --dev");
            assert_eq!(failure.exit, exit, "{error}");
            assert!(failure.hints.iter().any(|h| h.contains(hint)), "{error}: {:?}", failure.hints);
        }
    }
}
