//! `hello-ok`: what a client is told once it is in (`samples/hello-ok.json`, schema `HelloOk`).

use super::outbound::ConnHandle;
use crate::health::Sight;
use crate::shared::Shared;
use protocol::limits::{
    MAX_ATTACHMENT_BYTES, MAX_BUFFERED_BYTES, MAX_IMAGE_BYTES, MAX_PAYLOAD, PROTOCOL, TICK_INTERVAL,
};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;

/// What the handshake found out. `Debug` does not show the token.
#[derive(Clone, PartialEq)]
pub(crate) struct Granted {
    /// `none`, `token`, `password`, `device-token`, `bootstrap-token`, `trusted-proxy` or `tailscale`.
    pub(crate) method: &'static str,
    /// The role.
    pub(crate) role: String,
    /// What this socket may do.
    pub(crate) scopes: Vec<String>,
    /// The device's token for this role, where there is a device.
    pub(crate) device_token: Option<IssuedToken>,
    /// Its tokens for other roles: a setup code gives several.
    pub(crate) more_tokens: Vec<IssuedToken>,
    /// The setup code that it came with, where it came with one.
    pub(crate) setup_id: Option<String>,
    /// The generation of the token that it came with, where it came with one.
    pub(crate) generation: Option<i64>,
}

/// A device token on its way to its device. `Debug` does not show it.
#[derive(Clone, PartialEq)]
pub(crate) struct IssuedToken {
    pub(crate) role: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) token: String,
    pub(crate) issued_at_ms: i64,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken").field("role", &self.role).finish_non_exhaustive()
    }
}

impl Granted {
    /// What the shared secret, or no secret, lets in without a device's token.
    pub(crate) fn without_token(method: &'static str, role: &str, scopes: Vec<String>) -> Self {
        Self {
            method,
            role: role.to_owned(),
            scopes,
            device_token: None,
            more_tokens: Vec::new(),
            setup_id: None,
            generation: None,
        }
    }

    /// Whether it came as a device or a user alone, and not with the shared secret.
    pub(crate) fn is_device_alone(&self) -> bool {
        self.generation.is_some() || self.setup_id.is_some() || self.is_by_identity()
    }

    /// Whether a proxy's or Tailscale's word let it in.
    pub(crate) fn is_by_identity(&self) -> bool {
        matches!(self.method, "trusted-proxy" | "tailscale")
    }
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Granted")
            .field("method", &self.method)
            .field("role", &self.role)
            .field("scopes", &self.scopes)
            .field("device_token", &self.device_token)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hello<'a> {
    r#type: &'static str,
    protocol: u32,
    server: Value,
    features: &'a RawValue,
    snapshot: Snapshot<'a>,
    auth: Value,
    policy: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot<'a> {
    suspension: Value,
    presence: &'a RawValue,
    health: &'a RawValue,
    state_version: Value,
    uptime_ms: u64,
    session_defaults: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_dir: Option<String>,
    auth_mode: &'static str,
}

/// The payload. Paths are shown to administrators alone, and who else is here to those who may read.
pub(crate) async fn payload(shared: &Shared, handle: &ConnHandle, granted: &Granted) -> Box<RawValue> {
    let (conn_id, sight) = (handle.id(), Sight::of(handle.principal()));
    let health = shared.health.current(shared).await.at_hello(sight);
    let presence = match sight {
        Sight::Outline => Arc::from(to_raw(&json!([]))),
        Sight::Sessions | Sight::Everything => shared.hub.presence.list_raw(),
    };
    let is_admin = sight == Sight::Everything;
    let path = |p: &std::path::Path| is_admin.then(|| p.display().to_string());
    let told = shared.tls.as_ref().map(|tls| Fixed::features(&[&tls.offer()]));
    let hello = Hello {
        r#type: "hello-ok",
        protocol: PROTOCOL,
        server: json!({"version": shared.version, "bootId": shared.boot_id, "connId": conn_id}),
        features: told.as_ref().unwrap_or(&shared.fixed.features),
        snapshot: Snapshot {
            suspension: json!({"phase": "accepting"}),
            presence: &presence,
            health: &health,
            state_version: shared.hub.state_versions(),
            uptime_ms: shared.uptime_ms(),
            session_defaults: session_defaults(shared),
            config_path: path(&shared.paths.config_file),
            state_dir: path(&shared.paths.state_dir),
            auth_mode: shared.settings().auth.as_str(),
        },
        auth: auth_part(granted),
        policy: &shared.fixed.policy,
    };
    to_raw(&hello)
}

fn auth_part(granted: &Granted) -> Value {
    let mut auth = json!({"method": granted.method, "role": granted.role, "scopes": granted.scopes});
    if let Some(token) = &granted.device_token {
        auth["deviceToken"] = json!(token.token);
        auth["issuedAtMs"] = json!(token.issued_at_ms);
    }
    if !granted.more_tokens.is_empty() {
        let more = granted.more_tokens.iter().map(|t| {
            json!({"deviceToken": t.token, "role": t.role, "scopes": t.scopes, "issuedAtMs": t.issued_at_ms})
        });
        auth["deviceTokens"] = more.collect();
    }
    auth
}

fn session_defaults(shared: &Shared) -> Value {
    let current = shared.current();
    let agent = &current.settings.default_agent;
    json!({
        "defaultAgentId": agent,
        "modelConfigured": current.models.is_configured(),
        "mainKey": "main",
        "mainSessionKey": format!("agent:{agent}:main"),
        "scope": "per-sender",
    })
}

/// The parts of `hello-ok` that never change while the gateway runs.
pub(crate) struct Fixed {
    features: Box<RawValue>,
    policy: Box<RawValue>,
}

impl Fixed {
    pub(crate) fn new() -> Self {
        Self {
            features: Self::features(&[]),
            policy: to_raw(&json!({
                "maxPayload": MAX_PAYLOAD,
                "maxBufferedBytes": MAX_BUFFERED_BYTES,
                "tickIntervalMs": TICK_INTERVAL.as_millis() as u64,
                "attachments": {"maxBytes": MAX_ATTACHMENT_BYTES, "maxImageBytes": MAX_IMAGE_BYTES},
            })),
        }
    }
}

impl Fixed {
    fn features(capabilities: &[&str]) -> Box<RawValue> {
        let methods: Vec<&str> =
            protocol::methods::all().map(|m| m.name).filter(|name| *name != "connect").collect();
        to_raw(&json!({"methods": methods, "events": protocol::events::EVENTS, "capabilities": capabilities}))
    }
}

/// Serialises plain data, which cannot fail.
pub(crate) fn to_raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_token_is_not_printed() {
        let token =
            IssuedToken { role: "node".into(), scopes: vec![], token: "hunter2".into(), issued_at_ms: 5 };
        let granted = Granted {
            device_token: Some(token.clone()),
            more_tokens: vec![token],
            ..Granted::without_token("token", "node", vec![])
        };
        assert!(!format!("{granted:?}").contains("hunter2"));
    }
}
