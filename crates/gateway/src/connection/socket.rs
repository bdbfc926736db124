//! The WebSocket under a connection: limits before and after authentication, deadlines, and a proper goodbye.

use crate::tap::Tap;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use protocol::limits::{CloseCode, MAX_PAYLOAD, MAX_PREAUTH_PAYLOAD, close_reason};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

/// A write that makes no progress for this long means that nobody is there.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// After our close frame the other side has this long to read it.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes of an oversized frame that are read and thrown away, so that the close frame is not lost to a reset.
const MAX_DISCARDED: u64 = 1024 * 1024;
/// Room for frame headers and the upgrade's leftovers beside the payload.
const PREAUTH_SLACK: u64 = 1024;

/// The stream, with a counter that stops reading once more came than a stranger may send.
struct Gate {
    io: TokioIo<Upgraded>,
    left: Option<u64>,
}

impl AsyncRead for Gate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == Some(0) {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "too much before authentication",
            )));
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Some(left) = self.left.as_mut() {
            *left = left.saturating_sub((buf.filled().len() - before) as u64);
        }
        result
    }
}

impl AsyncWrite for Gate {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A text frame.
    Text(String),
    /// A binary frame: nothing in this protocol is.
    Binary,
    /// A pong, or a ping that was answered.
    Control,
    /// More bytes than allowed.
    TooLarge,
    /// The other side is gone.
    Gone,
}

/// A WebSocket.
pub(crate) struct Socket {
    ws: WebSocketStream<Gate>,
    /// Who looks on, and the connection's id for it.
    tap: Option<(Arc<dyn Tap>, String)>,
}

impl Socket {
    /// Takes over an upgraded stream. Buffers are small because tungstenite fills them with zeros on each read, and
    /// because an idle connection should cost next to nothing.
    pub(crate) async fn new(io: TokioIo<Upgraded>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_PAYLOAD))
            .max_frame_size(Some(MAX_PAYLOAD));
        let gate = Gate { io, left: Some(MAX_PREAUTH_PAYLOAD as u64 + PREAUTH_SLACK) };
        Self { ws: WebSocketStream::from_raw_socket(gate, Role::Server, Some(config)).await, tap: None }
    }

    /// Lets somebody look on.
    pub(crate) fn tap(&mut self, tap: Arc<dyn Tap>, connection: &str) {
        self.tap = Some((tap, connection.to_owned()));
    }

    /// Lets the client send as much as `policy.maxPayload` allows.
    pub(crate) fn open_gate(&mut self) {
        self.ws.get_mut().left = None;
    }

    /// The next thing that comes in. Cancellation-safe: nothing is lost when this is dropped.
    pub(crate) async fn receive(&mut self) -> Incoming {
        use tokio_tungstenite::tungstenite::Error;
        match self.ws.next().await {
            Some(Ok(Message::Text(text))) => {
                if let Some((tap, connection)) = &self.tap {
                    tap.came(connection, &text);
                }
                Incoming::Text(text.as_str().to_owned())
            }
            Some(Ok(Message::Binary(_))) => Incoming::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Incoming::Control,
            Some(Ok(Message::Close(_))) | None => Incoming::Gone,
            Some(Err(Error::Capacity(_))) => Incoming::TooLarge,
            Some(Err(Error::Io(e))) if e.kind() == io::ErrorKind::QuotaExceeded => Incoming::TooLarge,
            Some(Err(_)) => Incoming::Gone,
        }
    }

    /// Writes a text without flushing.
    pub(crate) async fn feed(&mut self, text: String) -> Result<(), Lost> {
        if let Some((tap, connection)) = &self.tap {
            tap.leaves(connection, &text);
        }
        self.within(|ws| Box::pin(ws.feed(Message::text(text)))).await
    }

    /// Flushes what was fed.
    pub(crate) async fn flush(&mut self) -> Result<(), Lost> {
        match tokio::time::timeout(WRITE_TIMEOUT, self.ws.flush()).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Lost),
        }
    }

    /// Sends a ping.
    pub(crate) async fn ping(&mut self) -> Result<(), Lost> {
        self.within(|ws| Box::pin(ws.send(Message::Ping(Vec::new().into())))).await
    }

    async fn within<'a, F>(&'a mut self, write: F) -> Result<(), Lost>
    where
        F: FnOnce(&'a mut WebSocketStream<Gate>) -> WriteFuture<'a>,
    {
        match tokio::time::timeout(WRITE_TIMEOUT, write(&mut self.ws)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Lost),
        }
    }

    /// Says goodbye and makes sure, within [`LINGER`], that it can be heard.
    pub(crate) async fn close(mut self, code: CloseCode, reason: &str) {
        let frame = CloseFrame { code: (code as u16).into(), reason: close_reason(reason).to_owned().into() };
        let goodbye = async {
            if self.ws.send(Message::Close(Some(frame))).await.is_err() {
                return;
            }
            if code == CloseCode::TooLarge {
                // The rest of the frame is still on its way; unread bytes would turn our close into a reset.
                let mut rest = (&mut self.ws.get_mut().io).take(MAX_DISCARDED);
                let mut sink = tokio::io::sink();
                // Whether this ends by limit, error or end of stream: the connection is over.
                let _ = tokio::io::copy(&mut rest, &mut sink).await;
            } else {
                while let Some(Ok(_)) = self.ws.next().await {}
            }
        };
        // Nobody is left to be told when the time is over.
        let _ = tokio::time::timeout(LINGER, goodbye).await;
    }
}

type WriteFuture<'a> =
    Pin<Box<dyn Future<Output = Result<(), tokio_tungstenite::tungstenite::Error>> + Send + 'a>>;

/// The connection is gone, or stuck.
#[derive(Debug)]
pub(crate) struct Lost;
