//! The handshake: challenge, `connect`, and either a [`Granted`] or a [`Refusal`]. Authority comes from what is verified
//! here, in this order: shape, protocol, role, origin, device proof, credential, pairing.

use super::hello::Granted;
use crate::auth::device::ProvenDevice;
use crate::auth::peer::Peer;
use crate::auth::{device, origin, secret};
use crate::pairing::{self, Shortfall};
use crate::settings::Settings;
use crate::shared::Shared;
use protocol::connect::{CONNECT, ConnectParams};
use protocol::frame::{ClientFrame, read_client_frame};
use protocol::limits::{CloseCode, MIN_NODE_PROTOCOL, PROTOCOL};
use protocol::{Auth, ErrorCode, ErrorShape};
use serde_json::json;
use std::sync::Arc;
use store::{Device, DeviceToken};

/// A handshake that ends here.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The request to answer and the error; `None` closes without a word.
    pub(crate) answer: Option<Box<(String, ErrorShape)>>,
    /// The close code.
    pub(crate) code: CloseCode,
    /// The close reason.
    pub(crate) reason: String,
}

impl Refusal {
    /// Closes without an answer.
    pub(crate) fn silent(code: CloseCode) -> Self {
        Self { answer: None, code, reason: String::new() }
    }

    fn error(id: &str, error: ErrorShape, code: CloseCode) -> Self {
        let reason = match error.details.as_ref().and_then(|d| d["requestId"].as_str()) {
            Some(request) => format!("{} (requestId: {request})", error.message),
            None => error.message.clone(),
        };
        Self { answer: Some(Box::new((id.to_owned(), error))), code, reason }
    }
}

/// A client that is in.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// The `connect` request's id.
    pub(crate) request_id: String,
    /// What it said.
    pub(crate) params: ConnectParams,
    /// What it got.
    pub(crate) granted: Granted,
    /// The device that it proved to be.
    pub(crate) device: Option<ProvenDevice>,
}

/// Judges the first frame.
pub(crate) async fn judge(
    text: &str,
    nonce: &str,
    peer: &Peer,
    shared: &Shared,
) -> Result<Admitted, Refusal> {
    let (id, params) = read_connect(text)?;
    let refuse = |error: ErrorShape| Refusal::error(&id, error, CloseCode::Policy);
    check_protocol(&params).map_err(|error| Refusal::error(&id, error, CloseCode::ProtocolMismatch))?;
    let role = params.role.clone().unwrap_or_else(|| "operator".into());
    if role != "operator" && role != "node" {
        return Err(refuse(ErrorShape::invalid("invalid role")));
    }
    let settings = shared.settings();
    check_origin(peer, &settings).map_err(refuse)?;
    let proven = match &params.device {
        Some(proof) => {
            Some(device::verify(&params, proof, &role, nonce, shared.clock.now_ms()).map_err(refuse)?)
        }
        None => None,
    };
    let admission = Admission { params: &params, role: &role, peer, shared, settings };
    let granted = admission.decide(proven.as_ref()).await.map_err(refuse)?;
    Ok(Admitted { request_id: id, params, granted, device: proven })
}

fn read_connect(text: &str) -> Result<(String, ConnectParams), Refusal> {
    let not_connect = "invalid handshake: first request must be connect";
    let refuse =
        |id: &str, message: String| Refusal::error(id, ErrorShape::invalid(message), CloseCode::Policy);
    let request = match read_client_frame(text) {
        ClientFrame::NotJson => return Err(Refusal::silent(CloseCode::Normal)),
        // JSON, but nothing that could be answered for certain.
        ClientFrame::Bad { .. } => {
            let reason = "invalid request frame".into();
            return Err(Refusal { answer: None, code: CloseCode::Policy, reason });
        }
        ClientFrame::Request(request) => request,
    };
    if request.method != "connect" {
        return Err(refuse(&request.id, not_connect.into()));
    }
    let invalid = |problem: String| refuse(&request.id, format!("invalid connect params: {problem}"));
    CONNECT.check(&request.params).map_err(invalid)?;
    let params = serde_json::from_value(request.params.clone()).map_err(|e| invalid(e.to_string()))?;
    Ok((request.id, params))
}

fn check_protocol(params: &ConnectParams) -> Result<(), ErrorShape> {
    let older_is_fine = params.client.mode == "probe"
        || (params.role.as_deref() == Some("node") && params.client.mode == "node");
    let lowest = i64::from(if older_is_fine { MIN_NODE_PROTOCOL } else { PROTOCOL });
    if params.min_protocol <= i64::from(PROTOCOL) && params.max_protocol >= lowest {
        return Ok(());
    }
    Err(ErrorShape::invalid("protocol mismatch").with_details(json!({
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": params.min_protocol,
        "clientMaxProtocol": params.max_protocol,
        "expectedProtocol": PROTOCOL,
        "minimumProbeProtocol": MIN_NODE_PROTOCOL,
    })))
}

fn check_origin(peer: &Peer, settings: &Settings) -> Result<(), ErrorShape> {
    match &peer.origin {
        Some(from) if !origin::is_allowed(from, peer, &settings.allowed_origins) => Err(ErrorShape::invalid(
            "origin not allowed (open the Control UI from the gateway host or allow it in gateway.controlUi.allowedOrigins)",
        )
        .with_details(json!({"code": "CONTROL_UI_ORIGIN_NOT_ALLOWED", "reason": "origin not allowed"}))),
        _ => Ok(()),
    }
}

/// How somebody proved to be allowed in.
enum Credential {
    /// The shared secret, or none was asked for.
    Shared,
    /// A device token, with what it grants.
    DeviceToken(DeviceToken),
}

struct Admission<'a> {
    params: &'a ConnectParams,
    role: &'a str,
    peer: &'a Peer,
    shared: &'a Shared,
    /// Those of when it came in.
    settings: Arc<Settings>,
}

impl Admission<'_> {
    async fn decide(&self, device: Option<&ProvenDevice>) -> Result<Granted, ErrorShape> {
        let auth = self.params.auth.clone().unwrap_or_default();
        let browser = self.peer.origin.is_some();
        if let Some(left) = self.shared.rate_limit.locked_for(self.peer.ip, self.peer.local, browser) {
            return Err(secret::rate_refusal(left));
        }
        let Some(device) = device else { return self.without_device(&auth, browser) };
        let known = self.shared.store.device(&device.id).await.map_err(crate::methods::store_error_unseen)?;
        // The key of a known id cannot differ: the id is its hash. Checked all the same, because authority hangs on it.
        let known = known.filter(|k| k.public_key == device.public_key);
        // Others may have guessed from there while the store was asked.
        if let Some(left) = self.shared.rate_limit.locked_for(self.peer.ip, self.peer.local, browser) {
            return Err(secret::rate_refusal(left));
        }
        match self.credential(&auth, device, known.as_ref()) {
            // It says nothing about the shared secret: what was guessed of that stays counted.
            Ok(Credential::DeviceToken(token)) => self.with_device_token(device, token, known.as_ref()).await,
            Ok(Credential::Shared) => {
                self.shared.rate_limit.succeeded(self.peer.ip, self.peer.local, browser);
                self.with_shared_secret(device, known).await
            }
            Err(error) => {
                self.shared.rate_limit.failed(self.peer.ip, self.peer.local, browser);
                Err(error)
            }
        }
    }

    /// The shared secret on direct loopback is enough for an operator; everyone else must be a device.
    fn without_device(&self, auth: &Auth, browser: bool) -> Result<Granted, ErrorShape> {
        let required = || {
            ErrorShape::new(ErrorCode::NotPaired, "device identity required")
                .with_details(json!({"code": "DEVICE_IDENTITY_REQUIRED"}))
        };
        let empty = |field: &Option<String>| field.as_deref().is_none_or(str::is_empty);
        let mode = &self.settings.auth;
        let asks_nothing = matches!(mode, secret::AuthMode::None);
        if !asks_nothing && empty(&auth.token) && empty(&auth.password) {
            return Err(required());
        }
        if !mode.is_proven_by(auth) {
            self.shared.rate_limit.failed(self.peer.ip, self.peer.local, browser);
            let client = &self.params.client;
            return Err(secret::refusal(mode, auth, &client.id, &client.mode, false));
        }
        self.shared.rate_limit.succeeded(self.peer.ip, self.peer.local, browser);
        if self.role != "operator" || !self.peer.local {
            return Err(required());
        }
        let probe = self.params.client.mode == "probe";
        let scopes = if probe { Vec::new() } else { self.params.scopes.clone() };
        Ok(Granted {
            method: mode.as_str(),
            role: self.role.into(),
            scopes,
            device_token: None,
            generation: None,
        })
    }

    fn credential(
        &self,
        auth: &Auth,
        device: &ProvenDevice,
        known: Option<&Device>,
    ) -> Result<Credential, ErrorShape> {
        let given = [&auth.token, &auth.device_token].into_iter().flatten();
        let token = known
            .and_then(|k| k.tokens.iter().find(|t| t.role == self.role && t.revoked_at_ms.is_none()))
            .filter(|token| {
                let expected = self.shared.identity.device_token(&device.id, token);
                given.into_iter().any(|given| secret::same(given, &expected))
            });
        if let Some(token) = token {
            return Ok(Credential::DeviceToken(token.clone()));
        }
        let mode = &self.settings.auth;
        if mode.is_proven_by(auth) {
            return Ok(Credential::Shared);
        }
        let client = &self.params.client;
        Err(secret::refusal(mode, auth, &client.id, &client.mode, true))
    }

    async fn with_device_token(
        &self,
        device: &ProvenDevice,
        token: DeviceToken,
        known: Option<&Device>,
    ) -> Result<Granted, ErrorShape> {
        let within = |s: &String| protocol::scope::covers_name(&token.scopes, s);
        if !self.params.scopes.iter().all(within) {
            return Err(secret::scope_refusal());
        }
        // A token that turns up on another platform may have been carried there.
        let ask = pairing::ask(self.params, self.role, device, true);
        if let Some(shortfall @ Shortfall::Metadata) = pairing::shortfall(&ask, known) {
            return Err(pairing::request(self.shared, ask, shortfall, known).await?);
        }
        self.shared.store.touch_device(&device.id).await.map_err(crate::methods::store_error_unseen)?;
        let generation = Some(token.generation);
        Ok(Granted { generation, ..self.granted("device-token", device, &token) })
    }

    async fn with_shared_secret(
        &self,
        device: &ProvenDevice,
        known: Option<Device>,
    ) -> Result<Granted, ErrorShape> {
        let ask = pairing::ask(self.params, self.role, device, known.is_some());
        let paired = match pairing::shortfall(&ask, known.as_ref()) {
            None => {
                self.shared
                    .store
                    .touch_device(&device.id)
                    .await
                    .map_err(crate::methods::store_error_unseen)?;
                known
            }
            Some(_) if self.peer.local && self.settings.auto_approve_local => {
                Some(pairing::approve_silently(self.shared, ask).await?)
            }
            Some(shortfall) => {
                return Err(pairing::request(self.shared, ask, shortfall, known.as_ref()).await?);
            }
        };
        let token = paired.and_then(|d| d.tokens.into_iter().find(|t| t.role == self.role));
        let token = token.ok_or_else(|| {
            ErrorShape::unavailable("the pairing changed meanwhile; connect again").retryable()
        })?;
        // A revoked token stays revoked: the shared secret lets the device in, and gives it no new token.
        if token.revoked_at_ms.is_some() {
            let scopes = self.params.scopes.clone();
            let method = self.settings.auth.as_str();
            return Ok(Granted {
                method,
                role: self.role.into(),
                scopes,
                device_token: None,
                generation: None,
            });
        }
        Ok(self.granted(self.settings.auth.as_str(), device, &token))
    }

    fn granted(&self, method: &'static str, device: &ProvenDevice, token: &DeviceToken) -> Granted {
        let scopes = if self.role == "node" { Vec::new() } else { self.params.scopes.clone() };
        let issued_at = token.rotated_at_ms.unwrap_or(token.created_at_ms);
        let device_token = Some((self.shared.identity.device_token(&device.id, token), issued_at));
        Granted { method, role: self.role.into(), scopes, device_token, generation: None }
    }
}
