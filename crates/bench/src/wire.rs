//! A bare connection: frames out, frames in, nothing between. The load must cost less than what it loads, so responses
//! are looked at and not read through.

use crate::failure::{Context, Failure, Result};
use client::Identity;
use futures_util::{SinkExt, StreamExt};
use model::{ExposeSecret, SecretString};
use protocol::frame::encode_request;
use protocol::signature::SignedFields;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// A gateway that says nothing for this long has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// The commands that our nodes offer.
pub(crate) const NODE_COMMAND: &str = "system.which";
const PLATFORM: &str = "linux";
const SCOPES: [&str; 4] = ["operator.admin", "operator.read", "operator.write", "operator.pairing"];

/// Which gateway.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) token: SecretString,
}

/// An open connection.
pub(crate) struct Wire(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What is looked at in a frame; the payload stays text.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(crate) ok: Option<bool>,
    #[serde(borrow, default)]
    pub(crate) event: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
}

impl<'a> Frame<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self> {
        serde_json::from_str(text).context("a frame")
    }

    /// The payload of a response that says ok.
    pub(crate) fn accepted(&self) -> Result<&'a RawValue> {
        match (self.ok, self.payload, self.error) {
            (Some(true), payload, _) => Ok(payload.unwrap_or(RawValue::NULL)),
            (_, _, error) => Err(Failure::new(error.unwrap_or(RawValue::NULL).get())),
        }
    }
}

impl Wire {
    /// Connects as an operator who may do everything.
    pub(crate) async fn operator(target: &Target) -> Result<Self> {
        Self::open(target, None).await
    }

    /// Connects as a node with one command.
    pub(crate) async fn node(target: &Target, identity: &Identity) -> Result<Self> {
        Self::open(target, Some(identity)).await
    }

    async fn open(target: &Target, node: Option<&Identity>) -> Result<Self> {
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        let opening = connect_async_with_config(target.url.as_str(), Some(config), true);
        let (socket, _) = timeout(PATIENCE, opening).await.context(&target.url)??;
        let mut wire = Self(socket);
        let challenge = wire.receive().await?;
        let params = connect_params(target, node, &serde_json::from_str(&challenge)?);
        wire.send(encode_request("connect", "connect", &params)).await?;
        loop {
            let text = wire.receive().await?;
            let frame = Frame::read(&text)?;
            if frame.id.is_some() {
                frame.accepted().context("connect")?;
                return Ok(wire);
            }
        }
    }

    pub(crate) async fn send(&mut self, text: String) -> Result<()> {
        Ok(self.0.send(Message::text(text)).await?)
    }

    /// The next text.
    pub(crate) async fn receive(&mut self) -> Result<Utf8Bytes> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.context("the gateway is silent")? {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(frame))) => {
                    return Err(Failure::new(format!("the gateway closed the connection: {frame:?}")));
                }
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(e.into()),
                None => return Err(Failure::new("the gateway closed the connection")),
            }
        }
    }

    /// Calls a method and waits for an answer that `is_last` takes; other frames are passed over.
    pub(crate) async fn call(
        &mut self,
        id: &str,
        method: &str,
        params: &Value,
        is_last: fn(&RawValue) -> bool,
    ) -> Result<String> {
        self.send(encode_request(id, method, params)).await?;
        loop {
            let text = self.receive().await?;
            let frame = Frame::read(&text)?;
            if frame.id.as_deref() == Some(id) {
                let payload = frame.accepted().context(method)?;
                if is_last(payload) {
                    return Ok(payload.get().to_owned());
                }
            }
        }
    }
}

fn connect_params(target: &Target, node: Option<&Identity>, challenge: &Value) -> Value {
    let token = target.token.expose_secret();
    let (role, client, mode) =
        if node.is_some() { ("node", "node-host", "node") } else { ("operator", "cli", "cli") };
    let scopes: Vec<String> =
        if node.is_some() { vec![] } else { SCOPES.iter().map(|s| (*s).to_owned()).collect() };
    let mut params = json!({
        "minProtocol": protocol::limits::PROTOCOL, "maxProtocol": protocol::limits::PROTOCOL,
        "client": {"id": client, "version": env!("CARGO_PKG_VERSION"), "platform": PLATFORM, "mode": mode},
        "role": role, "scopes": scopes, "caps": [], "auth": {"token": token},
    });
    let Some(identity) = node else { return params };
    let nonce = challenge["payload"]["nonce"].as_str().unwrap_or_default();
    let signed_at = challenge["payload"]["ts"].as_i64().unwrap_or_default();
    let fields = SignedFields {
        device_id: identity.device_id(),
        client_id: client,
        client_mode: mode,
        role,
        scopes: &scopes,
        signed_at,
        token,
        nonce,
        platform: PLATFORM,
        device_family: "",
    };
    params["caps"] = json!(["system"]);
    params["commands"] = json!([NODE_COMMAND]);
    params["device"] = json!({
        "id": identity.device_id(), "publicKey": identity.public_key(), "signature": identity.sign(&fields.v3()),
        "signedAt": signed_at, "nonce": nonce,
    });
    params
}

/// For [`Wire::call`]: the first answer is the last.
pub(crate) fn first(_: &RawValue) -> bool {
    true
}
