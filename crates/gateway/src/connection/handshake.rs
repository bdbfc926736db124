//! The handshake: challenge, `connect`, and either a [`Granted`] or a [`Refusal`]. Authority comes from what is verified
//! here, in this order: shape, protocol, role, origin, device proof, credential, pairing.

use super::admission::Admission;
use super::hello::Granted;
use crate::auth::device::ProvenDevice;
use crate::auth::peer::Peer;
use crate::auth::{device, origin};
use crate::settings::Settings;
use crate::shared::Shared;
use protocol::ErrorShape;
use protocol::connect::{CONNECT, ConnectParams};
use protocol::frame::{ClientFrame, read_client_frame};
use protocol::limits::{CloseCode, MIN_NODE_PROTOCOL, PROTOCOL};
use serde_json::json;

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
    let admission = Admission { params: &params, role: &role, peer, shared, settings: settings.clone() };
    let granted = admission.decide(proven.as_ref()).await.map_err(refuse)?;
    // Whom a name lets in may have changed while others were asked about it.
    if granted.is_by_identity() && shared.settings().rules != settings.rules {
        return Err(refuse(super::admission::changed_meanwhile()));
    }
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
        Some(from) if !origin::is_allowed(from, peer, &settings.rules.allowed_origins) => Err(ErrorShape::invalid(
            "origin not allowed (open the Control UI from the gateway host or allow it in gateway.controlUi.allowedOrigins)",
        )
        .with_details(json!({"code": "CONTROL_UI_ORIGIN_NOT_ALLOWED", "reason": "origin not allowed"}))),
        _ => Ok(()),
    }
}
