//! What can go wrong while connecting and while calling.

use crate::{CloseInfo, Seen};
use model::Pin;
use protocol::ErrorShape;
use serde_json::Value;
use std::time::Duration;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The gateway answered `connect` with an error. What it advises is in [`ConnectError::detail_code`] and the
    /// methods beside it.
    #[error("the gateway refused the connection: {0}")]
    Refused(Box<ErrorShape>, CloseInfo),
    /// The upgrade to WebSocket was answered with something else.
    #[error("{url} answered with HTTP {status} instead of a WebSocket{}", said(body))]
    Http {
        /// Where.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer's body, at most 1 KiB.
        body: String,
    },
    /// Connecting and the handshake together took too long.
    #[error("{url} did not complete {stage} within {} s; check that it is a gateway and that it is not overloaded", after.as_secs_f32())]
    Timeout {
        /// Where.
        url: String,
        /// How far it came: `the connection` or `the handshake`.
        stage: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The network said no.
    #[error("cannot connect to {url}: {source}")]
    Io {
        /// Where.
        url: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// TLS failed: the certificate is not trusted, or the other side speaks no TLS.
    #[error("cannot connect to {url}: TLS failed: {problem}")]
    Tls {
        /// Where.
        url: String,
        /// What the TLS library said.
        problem: String,
    },
    /// The other side shows another certificate than the pinned one. Nothing was sent.
    #[error("{url} shows another certificate than the one that is pinned, and nothing was sent to it\n  expected: {}\n  seen:     {}\n            {}", listed(expected), seen.leaf, seen.spki)]
    Pin {
        /// Where.
        url: String,
        /// Any of these would have done.
        expected: Vec<Pin>,
        /// What it showed.
        seen: Seen,
    },
    /// Another user of this host listens where this user's tunnel ends. Nothing was sent.
    #[error(
        "at {url} another user of this host (uid {uid}) listens, and not the tunnel; nothing was sent there"
    )]
    Stranger {
        /// Where.
        url: String,
        /// Who.
        uid: u32,
    },
    /// The gateway hung up in the middle of the handshake.
    #[error("{url} hung up during the handshake ({close})")]
    Closed {
        /// Where.
        url: String,
        /// With which code and reason.
        close: CloseInfo,
    },
    /// The address is none that can be connected to.
    #[error("{url:?} is not a gateway address: {problem}; write ws://HOST:PORT or wss://HOST:PORT")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The other side does not speak the protocol.
    #[error("the other side does not speak the gateway protocol: {0}")]
    Protocol(String),
}

fn said(body: &str) -> String {
    if body.is_empty() { String::new() } else { format!(" ({body})") }
}

fn listed(pins: &[Pin]) -> String {
    if pins.is_empty() {
        return "none is known".to_owned();
    }
    let texts: Vec<String> = pins.iter().map(Pin::to_string).collect();
    texts.join("\n            ")
}

impl ConnectError {
    /// The gateway's error, where it gave one.
    pub fn shape(&self) -> Option<&ErrorShape> {
        match self {
            ConnectError::Refused(shape, _) => Some(shape),
            _ => None,
        }
    }

    /// How the gateway closed the socket, where it did.
    pub fn close_info(&self) -> Option<&CloseInfo> {
        match self {
            ConnectError::Refused(_, close) | ConnectError::Closed { close, .. } => Some(close),
            _ => None,
        }
    }

    fn detail(&self, name: &str) -> Option<&Value> {
        self.shape()?.details.as_ref()?.get(name)
    }

    /// `details.code`, such as `PAIRING_REQUIRED`.
    pub fn detail_code(&self) -> Option<&str> {
        self.detail("code")?.as_str()
    }

    /// `details.recommendedNextStep`, such as `retry_with_device_token`.
    pub fn recommended_next_step(&self) -> Option<&str> {
        self.detail("recommendedNextStep")?.as_str()
    }

    /// How long the gateway asks to stay away.
    pub fn retry_after(&self) -> Option<Duration> {
        let named = self.shape()?.retry_after_ms;
        named.or_else(|| self.detail("retryAfterMs")?.as_u64()).map(Duration::from_millis)
    }

    /// `details.pauseReconnect`: trying again is of no use until somebody has done something.
    pub fn pause_reconnect(&self) -> Option<bool> {
        self.detail("pauseReconnect")?.as_bool()
    }

    /// Whether the device has to be approved first.
    pub fn is_pairing_required(&self) -> bool {
        self.detail_code() == Some("PAIRING_REQUIRED")
    }

    /// The pairing request that an operator has to approve.
    pub fn pairing_request_id(&self) -> Option<&str> {
        if self.is_pairing_required() { self.detail("requestId")?.as_str() } else { None }
    }
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The gateway answered with an error.
    #[error("{0}")]
    Server(Box<ErrorShape>),
    /// No answer in time. The call may still take effect.
    #[error("no answer to {method} within {} s", after.as_secs_f32())]
    Timeout {
        /// The method.
        method: String,
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended before the answer came. The call may still take effect.
    #[error("the connection to the gateway ended ({0})")]
    Closed(CloseInfo),
    /// Too many calls wait for their answers already.
    #[error("{limit} calls wait for their answers on this connection; wait for some of them first")]
    Busy {
        /// How many may wait.
        limit: usize,
    },
    /// The request is larger than the gateway takes; sending it would end the connection.
    #[error("the request {method} has {size} bytes and the gateway takes {limit}; send less at once")]
    TooLarge {
        /// The method.
        method: String,
        /// Bytes of the request.
        size: usize,
        /// Bytes that the gateway takes.
        limit: usize,
    },
}

impl CallError {
    /// The gateway's error, where it gave one.
    pub fn shape(&self) -> Option<&ErrorShape> {
        match self {
            CallError::Server(shape) => Some(shape),
            _ => None,
        }
    }
}
