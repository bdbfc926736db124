//! The handshake: challenge, signed `connect`, `hello-ok` or a refusal.

use crate::transport::{Socket, end_of, stranger};
use crate::{CloseInfo, ConnectError, ConnectOptions};
use futures_util::{SinkExt, StreamExt};
use model::{ExposeSecret, SecretString};
use protocol::frame::encode_request;
use protocol::signature::SignedFields;
use protocol::{Response, ServerFrame};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// The id of the `connect` request; calls count up from the next number.
pub(crate) const CONNECT_ID: u64 = 1;
/// How long a gateway that refused may take to close.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

pub(crate) struct Challenge {
    nonce: String,
    ts: i64,
}

/// Does the handshake; the payload of `hello-ok`. Has no deadline of its own.
pub(crate) async fn perform(socket: &mut Socket, options: &ConnectOptions) -> Result<Value, ConnectError> {
    let challenge = read_challenge(socket, &options.url).await?;
    // Who speaks has accepted the connection, so that it is known whose it is.
    if let Some(uid) = options.known_as.as_ref().and_then(|_| stranger(socket)) {
        return Err(ConnectError::Stranger { url: options.url.clone(), uid });
    }
    let params = connect_params(options, &challenge);
    let request = encode_request(&CONNECT_ID.to_string(), "connect", &params);
    let sent = socket.send(Message::text(request)).await;
    if let Err(e) = sent {
        return Err(ConnectError::Closed { url: options.url.clone(), close: end_of(&e) });
    }
    let response = read_response(socket, &options.url).await?;
    match (response.ok, response.payload, response.error) {
        (true, Some(hello), _) if hello.get("type").and_then(Value::as_str) == Some("hello-ok") => Ok(hello),
        (false, _, Some(error)) => Err(ConnectError::Refused(Box::new(error), read_close(socket).await)),
        _ => Err(ConnectError::Protocol("the answer to connect is neither hello-ok nor an error".to_owned())),
    }
}

pub(crate) async fn read_challenge(socket: &mut Socket, url: &str) -> Result<Challenge, ConnectError> {
    match read_frame(socket, url).await? {
        ServerFrame::Event(event) if event.event == "connect.challenge" => {
            let nonce = event.payload.get("nonce").and_then(Value::as_str);
            let ts = event.payload.get("ts").and_then(Value::as_i64);
            match (nonce, ts) {
                (Some(nonce), Some(ts)) => Ok(Challenge { nonce: nonce.to_owned(), ts }),
                _ => Err(ConnectError::Protocol("its connect.challenge has no nonce or no ts".to_owned())),
            }
        }
        ServerFrame::Event(event) => Err(ConnectError::Protocol(format!(
            "it began with the event {:?} instead of connect.challenge",
            event.event
        ))),
        ServerFrame::Response(_) => Err(ConnectError::Protocol("it began with a response".to_owned())),
    }
}

async fn read_response(socket: &mut Socket, url: &str) -> Result<Response, ConnectError> {
    loop {
        match read_frame(socket, url).await? {
            ServerFrame::Response(response) if response.id == CONNECT_ID.to_string() => return Ok(response),
            // A refusal may come for a frame that the gateway could not read far enough to know its id.
            ServerFrame::Response(response) if !response.ok => return Ok(response),
            ServerFrame::Response(response) => {
                return Err(ConnectError::Protocol(format!(
                    "it answered a request {:?} that was not sent",
                    response.id
                )));
            }
            ServerFrame::Event(event) => {
                tracing::debug!(event = event.event, "event before hello-ok left aside")
            }
        }
    }
}

async fn read_frame(socket: &mut Socket, url: &str) -> Result<ServerFrame, ConnectError> {
    let closed = |close| ConnectError::Closed { url: url.to_owned(), close };
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                return serde_json::from_str(&text).map_err(|_| {
                    ConnectError::Protocol("it sent a text that is no frame of the protocol".to_owned())
                });
            }
            Some(Ok(Message::Close(frame))) => return Err(closed(CloseInfo::by_peer(frame))),
            Some(Ok(Message::Binary(_))) => {
                return Err(ConnectError::Protocol("it sent a binary frame".to_owned()));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(e)) => return Err(closed(end_of(&e))),
            None => return Err(closed(CloseInfo::lost("the connection was closed"))),
        }
    }
}

/// The close that follows a refusal; what is sent before it does not matter any more.
async fn read_close(socket: &mut Socket) -> CloseInfo {
    let close = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return CloseInfo::by_peer(frame),
                Some(Ok(_)) => {}
                Some(Err(e)) => return end_of(&e),
                None => return CloseInfo::lost("the connection was closed"),
            }
        }
    };
    let waited = tokio::time::timeout(CLOSE_WAIT, close).await;
    waited.unwrap_or_else(|_| CloseInfo::lost("the gateway refused and did not close"))
}

fn connect_params(options: &ConnectOptions, challenge: &Challenge) -> Value {
    let mut params = Map::new();
    params.insert("minProtocol".into(), options.min_protocol.into());
    params.insert("maxProtocol".into(), options.max_protocol.into());
    params.insert("client".into(), client(options));
    params.insert("caps".into(), json!(options.caps));
    if !options.commands.is_empty() {
        params.insert("commands".into(), json!(options.commands));
    }
    if let Some(path) = &options.path_env {
        params.insert("pathEnv".into(), path.as_str().into());
    }
    let auth = auth(options);
    if !auth.is_empty() {
        params.insert("auth".into(), auth.into());
    }
    params.insert("role".into(), options.role.as_str().into());
    params.insert("scopes".into(), json!(options.scopes));
    if let Some(device) = device(options, challenge) {
        params.insert("device".into(), device);
    }
    params.into()
}

fn client(options: &ConnectOptions) -> Value {
    let described = &options.client;
    let mut client = Map::new();
    let mut put = |name: &str, value: Option<&String>| {
        // An empty text is refused where the field is optional; leaving it out says the same.
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            client.insert(name.to_owned(), value.as_str().into());
        }
    };
    put("id", Some(&described.id));
    put("displayName", described.display_name.as_ref());
    put("version", Some(&described.version));
    put("platform", Some(&described.platform));
    put("deviceFamily", described.device_family.as_ref());
    put("mode", Some(&described.mode));
    put("instanceId", described.instance_id.as_ref());
    client.into()
}

fn auth(options: &ConnectOptions) -> Map<String, Value> {
    let mut auth = Map::new();
    let mut put = |name: &str, secret: Option<&SecretString>| {
        if let Some(secret) = secret {
            auth.insert(name.to_owned(), secret.expose_secret().into());
        }
    };
    put("token", options.token.as_ref());
    put("password", options.password.as_ref());
    put("deviceToken", beside_no_secret(options, &options.device_token));
    put("bootstrapToken", beside_no_secret(options, &options.bootstrap_token));
    auth
}

/// What stands in for a shared secret; beside one it would only be sent to more logs than necessary.
fn beside_no_secret<'a>(
    options: &ConnectOptions,
    token: &'a Option<SecretString>,
) -> Option<&'a SecretString> {
    if options.token.is_some() || options.password.is_some() { None } else { token.as_ref() }
}

fn device(options: &ConnectOptions, challenge: &Challenge) -> Option<Value> {
    let identity = options.identity.as_ref()?;
    let others = [&options.device_token, &options.bootstrap_token];
    let other = others.into_iter().find_map(|token| beside_no_secret(options, token));
    let token = options.token.as_ref().or(other);
    let fields = SignedFields {
        device_id: identity.device_id(),
        client_id: &options.client.id,
        client_mode: &options.client.mode,
        role: &options.role,
        scopes: &options.scopes,
        signed_at: challenge.ts,
        token: token.map(ExposeSecret::expose_secret).unwrap_or_default(),
        nonce: &challenge.nonce,
        platform: &options.client.platform,
        device_family: options.client.device_family.as_deref().unwrap_or_default(),
    };
    Some(json!({
        "id": identity.device_id(),
        "publicKey": identity.public_key(),
        "signature": identity.sign(&fields.v3()),
        "signedAt": challenge.ts,
        "nonce": challenge.nonce,
    }))
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
