//! Opening the socket: address, TCP, TLS and the upgrade to WebSocket.

use crate::loopback::Ends;
use crate::pins::{client_config, mismatch};
use crate::{CloseInfo, ConnectError, Seen};
use model::Pin;
use protocol::limits::MAX_PAYLOAD;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{self, protocol::WebSocketConfig};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

/// An open socket.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Bytes of an HTTP answer that an error shows.
const MAX_SHOWN_BODY: usize = 1024;

/// Makes ring the process's TLS provider unless there is one. Only `wss://` needs it, and opening such a connection
/// calls it; a program that uses TLS elsewhere too may call it first.
pub fn install_crypto() {
    // An error says that a provider is installed already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Who may be at the other end of TLS.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trust<'a> {
    /// Whoever an authority vouches for.
    Authorities,
    /// Whoever shows one of these.
    Pins(&'a [Pin]),
    /// Anybody: for what tells nothing and believes nothing.
    Anybody,
}

/// Connects and upgrades; with pins, only where the certificate is one of theirs, and nothing is sent before that is known. Has
/// no deadline of its own.
pub(crate) async fn open(url: &str, trust: Trust<'_>) -> Result<Socket, ConnectError> {
    pins_of(trust, url)?;
    upgrade(dial(url).await?, url, trust).await
}

/// The pins, which only TLS can hold anybody to.
fn pins_of<'a>(trust: Trust<'a>, url: &str) -> Result<&'a [Pin], ConnectError> {
    match trust {
        Trust::Pins(_) if address(url)?.0.uri().scheme_str() != Some("wss") => {
            let problem = "its certificate is pinned, and without wss:// there is none".to_owned();
            Err(ConnectError::Url { url: url.to_owned(), problem })
        }
        Trust::Pins(pins) => Ok(pins),
        Trust::Authorities | Trust::Anybody => Ok(&[]),
    }
}

/// Connects, and sends nothing. Has no deadline of its own.
pub(crate) async fn dial(url: &str) -> Result<TcpStream, ConnectError> {
    let (_, host, port) = address(url)?;
    let io_error = |source| ConnectError::Io { url: url.to_owned(), source };
    let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(io_error)?;
    // Frames are small and each waits for an answer: delaying them to fill packets only costs time.
    tcp.set_nodelay(true).map_err(io_error)?;
    Ok(tcp)
}

/// Upgrades a connection to this URL; as [`open`].
pub(crate) async fn upgrade(tcp: TcpStream, url: &str, trust: Trust<'_>) -> Result<Socket, ConnectError> {
    let (request, ..) = address(url)?;
    let is_tls = request.uri().scheme_str() == Some("wss");
    let pins = pins_of(trust, url)?;
    let connector = match trust {
        Trust::Authorities => None,
        Trust::Pins(_) | Trust::Anybody => {
            let tls = |e: rustls::Error| ConnectError::Tls { url: url.to_owned(), problem: e.to_string() };
            Some(Connector::Rustls(Arc::new(client_config(trust).map_err(tls)?)))
        }
    };
    if is_tls {
        install_crypto();
    }
    let opened =
        tokio_tungstenite::client_async_tls_with_config(request, tcp, Some(config()), connector).await;
    opened.map(|(socket, _)| socket).map_err(|e| explain(url, e, pins))
}

/// The certificate that the other side showed, where there is TLS.
pub(crate) fn shown(socket: &Socket) -> Option<Seen> {
    match socket.get_ref() {
        MaybeTlsStream::Rustls(stream) => Seen::of(stream.get_ref().1.peer_certificates()?.first()?).ok(),
        _ => None,
    }
}

/// The user of this host who has the other end, where that is another one than whoever runs this.
pub(crate) fn stranger(socket: &Socket) -> Option<u32> {
    let tcp = match socket.get_ref() {
        MaybeTlsStream::Plain(tcp) => tcp,
        MaybeTlsStream::Rustls(stream) => stream.get_ref().0,
        _ => return None,
    };
    Ends::of(tcp)?.stranger()
}

/// A small read buffer, since most programs have one idle connection; and no write buffer, since each frame is flushed.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_PAYLOAD))
        .max_frame_size(Some(MAX_PAYLOAD))
}

fn address(url: &str) -> Result<(Request, String, u16), ConnectError> {
    let wrong = |problem: &str| ConnectError::Url { url: url.to_owned(), problem: problem.to_owned() };
    let request = url.into_client_request().map_err(|e| wrong(&e.to_string()))?;
    let uri = request.uri();
    let default_port = match uri.scheme_str() {
        Some("ws") => 80,
        Some("wss") => 443,
        _ => return Err(wrong("it must begin with ws:// or wss://")),
    };
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err(wrong("a user name or password in it is not supported"));
    }
    let host = uri.host().filter(|h| !h.is_empty()).ok_or_else(|| wrong("it names no host"))?;
    let names_port = uri.authority().is_some_and(|a| a.as_str().len() > host.len());
    if names_port && uri.port_u16().is_none_or(|p| p == 0) {
        return Err(wrong("its port is no number from 1 to 65535"));
    }
    // Brackets around an IPv6 address belong to the URL.
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(default_port);
    Ok((request, host, port))
}

fn explain(url: &str, error: tungstenite::Error, pins: &[Pin]) -> ConnectError {
    let url = url.to_owned();
    if let tungstenite::Error::Io(source) = &error
        && let Some(seen) = mismatch(source)
    {
        return ConnectError::Pin { url, expected: pins.to_vec(), seen };
    }
    match error {
        tungstenite::Error::Http(response) => {
            let status = response.status().as_u16();
            let body = response.into_body().unwrap_or_default();
            let body = body.get(..MAX_SHOWN_BODY).unwrap_or(&body);
            ConnectError::Http { url, status, body: String::from_utf8_lossy(body).trim().to_owned() }
        }
        tungstenite::Error::Io(source) if source.get_ref().is_some_and(|e| e.is::<rustls::Error>()) => {
            ConnectError::Tls { url, problem: in_words(&source) }
        }
        tungstenite::Error::Io(source) => ConnectError::Io { url, source },
        tungstenite::Error::Tls(e) => ConnectError::Tls { url, problem: e.to_string() },
        tungstenite::Error::Url(e) => ConnectError::Url { url, problem: e.to_string() },
        other => ConnectError::Protocol(format!("{url}: {other}")),
    }
}

/// The TLS library's words, and plainer ones for what happens to people.
fn in_words(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidMessage(_)) => "the other side speaks no TLS on that port; use ws:// if it is a gateway without gateway.tls".to_owned(),
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
            "no authority that is known here stands behind its certificate; a gateway's own is pinned (--tls-fingerprint, gateway.remote.tlsFingerprint)".to_owned()
        }
        _ => error.to_string(),
    }
}

/// What a socket's error says about its end.
pub(crate) fn end_of(error: &tungstenite::Error) -> CloseInfo {
    use tungstenite::error::CapacityError;
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            CloseInfo::lost("the connection was closed")
        }
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            CloseInfo::new(1009, format!("the gateway sent a frame of {size} bytes; {max_size} are allowed"))
        }
        other => CloseInfo::lost(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_with_a_reason() {
        let cases = [
            ("ws://127.0.0.1:18789", Ok(("127.0.0.1", 18789))),
            ("ws://[::1]:7/path", Ok(("::1", 7))),
            ("wss://example.org", Ok(("example.org", 443))),
            ("ws://example.org", Ok(("example.org", 80))),
            ("http://example.org", Err("must begin with ws://")),
            ("example.org:1", Err("example.org:1")),
            ("ws://user:pw@example.org", Err("user name")),
            ("", Err("is not a gateway address")),
            ("ws://", Err("is not a gateway address")),
            ("ws://a b", Err("is not a gateway address")),
            ("ws://h:99999", Err("its port")),
            ("ws://h:0", Err("its port")),
            ("ws://h:", Err("its port")),
            ("ws://[::1]/", Ok(("::1", 80))),
        ];
        for (url, expected) in cases {
            match (address(url), expected) {
                (Ok((_, host, port)), Ok(wanted)) => assert_eq!((host.as_str(), port), wanted, "{url}"),
                (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{url}: {e}"),
                (got, _) => panic!("{url}: {:?}", got.map(|(_, h, p)| (h, p))),
            }
        }
    }
}
