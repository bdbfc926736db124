//! Calls that are spoken with while they run ([`client::duplex`]): the gateway's pieces come as events, this side's go as
//! progress, and whoever does the work, on a thread of its own, has whole messages.

use client::Caller;
use client::duplex::{Came, Incoming, frames, ready};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;

/// Pieces that may wait to be taken: a message of the largest kind, and a few more.
pub(crate) const WAITING: usize = 160;
/// Messages on their way between the work and the wire. Each is acknowledged before the next.
const MESSAGES: usize = 2;
/// How long the gateway may take to note a piece.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// So often the gateway hears that the call goes on, whatever it is at.
const ALIVE: Duration = Duration::from_secs(10);

/// A piece that came: its number and what it says.
pub(crate) type Piece = (u64, String);

/// The end of a stream that the work has. It goes with the stream: then nothing comes any more, and nothing is taken.
pub(crate) struct Messages {
    incoming: mpsc::Receiver<Vec<u8>>,
    outgoing: mpsc::Sender<Out>,
}

enum Out {
    Ready,
    Message(Vec<u8>),
}

impl Messages {
    /// Says that messages may come now. False: nobody is there any more.
    pub(crate) fn ready(&self) -> bool {
        self.outgoing.blocking_send(Out::Ready).is_ok()
    }

    /// The next message; `None`: nobody is there any more.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        self.incoming.blocking_recv()
    }

    /// Sends one. False: nobody is there any more.
    pub(crate) fn send(&self, message: Vec<u8>) -> bool {
        self.outgoing.blocking_send(Out::Message(message)).is_ok()
    }
}

/// The end of a stream at the wire.
pub(crate) struct Wire<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) node_id: &'a str,
    pub(crate) invoke_id: &'a str,
    /// Pieces from the gateway; it ends where more came than could wait.
    pub(crate) pieces: mpsc::Receiver<Piece>,
}

/// What is between the two ends.
pub(crate) struct Between {
    to_work: mpsc::Sender<Vec<u8>>,
    from_work: mpsc::Receiver<Out>,
}

/// A stream.
pub(crate) fn open() -> (Messages, Between) {
    let (to_work, incoming) = mpsc::channel(MESSAGES);
    let (outgoing, from_work) = mpsc::channel(MESSAGES);
    (Messages { incoming, outgoing }, Between { to_work, from_work })
}

impl Wire<'_> {
    /// Carries messages until it is dropped. When the work ends, nothing of what it has sent is left: each of its messages was
    /// acknowledged.
    ///
    /// # Errors
    /// What the other side did that it may not, or that it is gone. Both ends are closed then.
    pub(crate) async fn carry(mut self, between: Between) -> Result<Infallible, String> {
        let Between { to_work, mut from_work } = between;
        let (mut incoming, mut seq, mut message, mut expected) = (Incoming::default(), 0, 0, 0);
        let mut alive = tokio::time::interval(ALIVE);
        alive.reset();
        loop {
            tokio::select! {
                piece = self.pieces.recv() => {
                    let (number, text) = piece.ok_or("more came than could be taken")?;
                    if number != expected {
                        return Err(format!("piece {number} came in the place of {expected}"));
                    }
                    expected += 1;
                    match incoming.take(&text)? {
                        Came::Message(bytes) => to_work.try_send(bytes).map_err(|_| "a message came before it was asked for")?,
                        Came::Part => {}
                        Came::Ready => return Err("a gateway does not say that it is ready".into()),
                    }
                }
                out = from_work.recv() => match out {
                    Some(Out::Ready) => self.send(&mut seq, [ready()].into_iter()).await?,
                    Some(Out::Message(bytes)) => {
                        self.send(&mut seq, frames(message, &bytes)).await?;
                        message += 1;
                    }
                    // The work is at its end, and says what came of it.
                    None => std::future::pending().await,
                },
                _ = alive.tick() => self.send(&mut seq, [String::new()].into_iter()).await?,
            }
        }
    }

    async fn send(&self, seq: &mut u64, chunks: impl Iterator<Item = String>) -> Result<(), String> {
        for chunk in chunks {
            let params =
                json!({"invokeId": self.invoke_id, "nodeId": self.node_id, "seq": *seq, "chunk": chunk});
            *seq += 1;
            let noted = self.caller.call("node.invoke.progress", params, PIECE_TIMEOUT).await;
            let noted = noted.map_err(|e| format!("the gateway did not take a piece: {e}"))?;
            if noted.get("ignored").and_then(Value::as_bool) == Some(true) && !chunk.is_empty() {
                return Err("the gateway does not want it any more".into());
            }
        }
        Ok(())
    }
}
