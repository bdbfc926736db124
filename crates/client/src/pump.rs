//! The one task of a connection: it reads, writes, answers pings and watches for ticks.

use crate::CloseInfo;
use crate::shared::Shared;
use crate::transport::{Socket, end_of};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use protocol::limits::close_reason;
use protocol::{EventFrame, ServerFrame};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_util::sync::CancellationToken;

/// How long closing may take: sending the close and waiting for the peer's.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection's ends, as its task holds them.
pub(crate) struct Pump {
    /// Who waits for what.
    pub(crate) shared: Arc<Shared>,
    /// Frames to send.
    pub(crate) outbound: mpsc::Receiver<Message>,
    /// Where events go.
    pub(crate) events: mpsc::Sender<EventFrame>,
    /// Without any frame for so long, the gateway is gone.
    pub(crate) silence: Duration,
    /// Close in good order.
    pub(crate) stop: CancellationToken,
}

enum End {
    /// The peer closed, or the connection was lost: nothing is left to say.
    Theirs(CloseInfo),
    /// This side closes.
    Ours(CloseInfo),
}

/// Whoever waits learns of the end also where the task is aborted.
struct Finisher(Arc<Shared>);

impl Drop for Finisher {
    fn drop(&mut self) {
        self.0.finish(CloseInfo::lost("the connection was dropped"));
    }
}

impl Pump {
    /// Runs until the connection is over.
    pub(crate) async fn run(self, socket: Socket) {
        let finisher = Finisher(Arc::clone(&self.shared));
        let Pump { shared, outbound, events, silence, stop } = self;
        let (mut sink, mut stream) = socket.split();
        let end = tokio::select! {
            end = read_all(&mut stream, &shared, &events, silence) => end,
            end = write_all(&mut sink, outbound) => end,
            () = stop.cancelled() => End::Ours(CloseInfo::new(1000, "")),
        };
        let (info, ours) = match end {
            End::Theirs(info) => (info, false),
            End::Ours(info) => (info, true),
        };
        shared.finish(info.clone());
        drop(finisher);
        let goodbye = async {
            if ours {
                say_goodbye(&mut sink, &mut stream, &info).await;
            } else {
                // Sends what is still owed, such as the answer to the peer's close. It may be gone already.
                let _ = sink.close().await;
            }
        };
        if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
            tracing::debug!("the gateway did not close in time");
        }
    }
}

async fn read_all(
    stream: &mut SplitStream<Socket>,
    shared: &Shared,
    events: &mpsc::Sender<EventFrame>,
    silence: Duration,
) -> End {
    loop {
        let message = match tokio::time::timeout(silence, stream.next()).await {
            Err(_) => return End::Ours(CloseInfo::tick_timeout()),
            Ok(None) => return End::Theirs(CloseInfo::lost("the connection was closed")),
            Ok(Some(Err(e))) => return End::Theirs(end_of(&e)),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(ServerFrame::Response(response)) => shared.answer(response),
                Ok(ServerFrame::Event(event)) => {
                    if let Err(end) = pass_on(event, shared, events) {
                        return end;
                    }
                }
                // Frames of a newer gateway are none of this client's business.
                Err(_) => tracing::debug!(bytes = text.len(), "a frame of an unknown kind was left aside"),
            },
            Message::Close(frame) => return End::Theirs(CloseInfo::by_peer(frame)),
            // Pings are answered by the library as it reads on.
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => {}
        }
    }
}

/// The queue is bounded: a reader that falls behind loses the connection, and learns why, rather than events.
fn pass_on(event: EventFrame, shared: &Shared, events: &mpsc::Sender<EventFrame>) -> Result<(), End> {
    match events.try_send(event) {
        Err(TrySendError::Full(_)) if shared.is_listening() => {
            let waiting = events.max_capacity();
            Err(End::Ours(CloseInfo::new(
                1008,
                format!("slow consumer: {waiting} events wait to be read here"),
            )))
        }
        // Nobody listens.
        Err(TrySendError::Full(_) | TrySendError::Closed(_)) | Ok(()) => Ok(()),
    }
}

async fn write_all(sink: &mut SplitSink<Socket, Message>, mut outbound: mpsc::Receiver<Message>) -> End {
    while let Some(message) = outbound.recv().await {
        if let Err(e) = sink.send(message).await {
            return End::Theirs(end_of(&e));
        }
    }
    End::Ours(CloseInfo::new(1000, ""))
}

async fn say_goodbye(
    sink: &mut SplitSink<Socket, Message>,
    stream: &mut SplitStream<Socket>,
    info: &CloseInfo,
) {
    let frame = CloseFrame { code: info.code.into(), reason: close_reason(&info.reason).into() };
    if sink.send(Message::Close(Some(frame))).await.is_ok() {
        // Until the peer has closed too; what it still sends is too late.
        while let Some(Ok(message)) = stream.next().await {
            if message.is_close() {
                break;
            }
        }
    }
}
