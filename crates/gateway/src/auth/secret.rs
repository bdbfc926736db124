//! The shared secret: what the configuration asks for, and whether a client has it.

use protocol::{Auth, ErrorShape};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use subtle::ConstantTimeEq;

/// What clients have to prove.
#[derive(Debug, Clone)]
pub(crate) enum AuthMode {
    /// Nothing.
    None,
    /// The gateway's token.
    Token(SecretString),
    /// The gateway's password.
    Password(SecretString),
    /// A proxy's word; programs on this host may prove the password instead, where there is one.
    TrustedProxy(Option<SecretString>),
}

impl AuthMode {
    /// As `gateway.auth.mode` spells it.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            AuthMode::None => "none",
            AuthMode::Token(_) => "token",
            AuthMode::Password(_) => "password",
            AuthMode::TrustedProxy(_) => "trusted-proxy",
        }
    }

    /// How whoever has proven the secret came in.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            AuthMode::TrustedProxy(_) => "password",
            other => other.as_str(),
        }
    }

    /// Whether the credential holds the shared secret, in either field. Behind a proxy that says who somebody is, a secret is for
    /// this host alone (`local`).
    pub(crate) fn is_proven_by(&self, auth: &Auth, local: bool) -> bool {
        let secret = match self {
            AuthMode::None => return true,
            AuthMode::Token(secret) | AuthMode::Password(secret) => secret,
            AuthMode::TrustedProxy(Some(secret)) if local => secret,
            AuthMode::TrustedProxy(_) => return false,
        };
        let given = [&auth.token, &auth.password];
        given.into_iter().flatten().any(|given| same(given, secret.expose_secret()))
    }
}

/// Compares in constant time. An empty secret never matches.
pub(crate) fn same(given: &str, secret: &str) -> bool {
    !secret.is_empty() && bool::from(given.as_bytes().ct_eq(secret.as_bytes()))
}

/// What the refused client is told to do, which depends on what it is.
fn advice(client_id: &str, mode: &str) -> &'static str {
    if mode == "node" {
        "provide gateway auth token"
    } else if matches!(mode, "ui" | "webchat") || client_id == "openclaw-control-ui" {
        "open the dashboard URL and paste the token in Control UI settings"
    } else {
        "use this gateway's gateway.auth.token or pair the device"
    }
}

/// The credential is missing or wrong.
pub(crate) fn refusal(
    mode: &AuthMode,
    auth: &Auth,
    client_id: &str,
    client_mode: &str,
    has_device: bool,
) -> ErrorShape {
    let noun =
        if matches!(mode, AuthMode::Password(_) | AuthMode::TrustedProxy(_)) { "password" } else { "token" };
    let given = |field: &Option<String>| field.as_deref().is_some_and(|f| !f.is_empty());
    let missing = !given(&auth.token) && !given(&auth.password) && !given(&auth.device_token);
    let device_token_alone = given(&auth.device_token) && !given(&auth.token) && !given(&auth.password);
    let can_retry = has_device && given(&auth.token);
    let (what, step) = match (missing, can_retry) {
        (true, _) => ("missing", "update_auth_configuration"),
        (false, true) => ("mismatch", "retry_with_device_token"),
        (false, false) => ("mismatch", "update_auth_credentials"),
    };
    let subject = if device_token_alone { "device_token" } else { noun };
    let message = if device_token_alone {
        "unauthorized: device token mismatch (rotate or pair the device again)".to_owned()
    } else {
        format!("unauthorized: gateway {noun} {what} ({})", advice(client_id, client_mode))
    };
    ErrorShape::invalid(message).with_details(json!({
        "code": format!("AUTH_{}_{}", subject.to_uppercase(), what.to_uppercase()),
        "authReason": format!("{subject}_{what}"),
        "canRetryWithDeviceToken": can_retry,
        "recommendedNextStep": step,
    }))
}

/// The setup code is over, another device's, or none of this gateway's.
pub(crate) fn setup_refusal() -> ErrorShape {
    ErrorShape::invalid(
        "unauthorized: bootstrap token invalid or expired (make a new setup code on the gateway and use that)",
    )
    .with_details(json!({
        "code": "AUTH_BOOTSTRAP_TOKEN_INVALID",
        "authReason": "bootstrap_token_invalid",
        "canRetryWithDeviceToken": false,
        "recommendedNextStep": "review_auth_configuration",
    }))
}

/// The device token is good, but grants less than is asked for.
pub(crate) fn scope_refusal() -> ErrorShape {
    ErrorShape::invalid("unauthorized: device token scope mismatch (re-pair or approve scope upgrade)")
        .with_details(json!({
            "code": "AUTH_SCOPE_MISMATCH",
            "authReason": "scope_mismatch",
            "canRetryWithDeviceToken": false,
            "recommendedNextStep": "review_auth_configuration",
        }))
}

/// The address has failed too often.
pub(crate) fn rate_refusal(left: std::time::Duration) -> ErrorShape {
    let mut error =
        ErrorShape::invalid("unauthorized: too many failed authentication attempts (retry later)")
            .with_details(json!({
                "code": "AUTH_RATE_LIMITED",
                "authReason": "rate_limited",
                "canRetryWithDeviceToken": false,
                "recommendedNextStep": "wait_then_retry",
            }));
    error.retryable = Some(true);
    error.retry_after_ms = u64::try_from(left.as_millis()).ok();
    error
}
