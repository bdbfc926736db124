//! Tailscale's local API over its unix socket: who has an address. One question, one connection, a short deadline.

use super::caller::{Ends, is_daemon};
use axum::body::Bytes;
use config::Env;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UnixStream;

/// Names another socket.
pub(super) const SOCKET_VARIABLE: &str = "OPENCLAW_TAILSCALE_SOCKET";
/// Where the daemon has it.
const SOCKET: &str = "/var/run/tailscale/tailscaled.sock";
/// The name that the daemon wants to be called by: pages in browsers cannot.
const NAME: &str = "local-tailscaled.sock";
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Bytes of an answer; a real one has a few thousand.
const MAX_ANSWER: usize = 256 * 1024;

/// Whom to ask.
#[derive(Debug)]
pub(super) struct LocalApi {
    socket: PathBuf,
}

/// Why it is not known who has an address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WhoisError {
    #[error("{socket}: {source}", socket = socket.display())]
    Socket { socket: PathBuf, source: std::io::Error },
    #[error("no answer within {} s", ANSWER_WITHIN.as_secs())]
    Late,
    #[error("nobody in the tailnet has that address")]
    Nobody,
    #[error("another program than Tailscale connected to its listener")]
    Stranger,
    #[error("it is a machine without a user")]
    Tagged,
    #[error("an answer that cannot be used: {0}")]
    Unusable(String),
}

impl LocalApi {
    pub(super) fn new(env: &Env) -> Self {
        Self { socket: env.get_filled(SOCKET_VARIABLE).unwrap_or(SOCKET).into() }
    }

    /// The login name of whoever has this address.
    pub(super) async fn whois(&self, caller: Ends, ip: IpAddr) -> Result<String, WhoisError> {
        let asking = async {
            let socket = |source| WhoisError::Socket { socket: self.socket.clone(), source };
            if !is_daemon(caller, &self.socket).await.map_err(socket)? {
                return Err(WhoisError::Stranger);
            }
            self.ask(ip).await
        };
        tokio::time::timeout(ANSWER_WITHIN, asking).await.unwrap_or(Err(WhoisError::Late))
    }

    async fn ask(&self, ip: IpAddr) -> Result<String, WhoisError> {
        let socket = |source| WhoisError::Socket { socket: self.socket.clone(), source };
        let unusable = |error: hyper::Error| WhoisError::Unusable(error.to_string());
        let stream = UnixStream::connect(&self.socket).await.map_err(socket)?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(unusable)?;
        let uri = format!("/localapi/v0/whois?addr={}", encoded(ip));
        let request = Request::get(uri).header(HOST, NAME).body(axum::body::Body::empty());
        let request = request.map_err(|error| WhoisError::Unusable(error.to_string()))?;
        let answering = async {
            let answer = sender.send_request(request).await.map_err(unusable)?;
            let status = answer.status();
            let body = axum::body::to_bytes(axum::body::Body::new(answer.into_body()), MAX_ANSWER).await;
            Ok((status, body.map_err(|error| WhoisError::Unusable(error.to_string()))?))
        };
        let mut connection = std::pin::pin!(connection);
        let mut answering = std::pin::pin!(answering);
        let (status, body) = tokio::select! {
            answer = &mut answering => answer?,
            // It ends when the daemon closes; what it had answered by then is there.
            _ = &mut connection => answering.await?,
        };
        login(status, &body)
    }
}

fn encoded(ip: IpAddr) -> String {
    ip.to_string().replace(':', "%3A")
}

fn login(status: StatusCode, body: &Bytes) -> Result<String, WhoisError> {
    match status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(WhoisError::Nobody),
        other => return Err(WhoisError::Unusable(format!("HTTP {other}"))),
    }
    let answer: Value =
        serde_json::from_slice(body).map_err(|error| WhoisError::Unusable(error.to_string()))?;
    if answer["Node"]["Tags"].as_array().is_some_and(|tags| !tags.is_empty()) {
        return Err(WhoisError::Tagged);
    }
    match answer["UserProfile"]["LoginName"].as_str().map(str::trim) {
        Some(login) if !login.is_empty() && login != "tagged-devices" => Ok(login.to_owned()),
        _ => Err(WhoisError::Unusable("it names no login".into())),
    }
}
