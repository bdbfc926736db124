//! One connection: a task that owns the socket, the way out and the requests in flight. When it ends, by whatever
//! way, its guards take it off the hub and its requests are dropped; runs that it began go on.

pub(crate) mod handshake;
pub(crate) mod hello;
pub(crate) mod outbound;
pub(crate) mod socket;

use crate::auth::peer::Peer;
use crate::methods::{self, Answer, Call};
use crate::shared::Shared;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use handshake::{Admitted, Refusal};
use outbound::{ConnHandle, Outgoing, Principal};
use protocol::ErrorShape;
use protocol::frame::{self, ClientFrame};
use protocol::limits::{CloseCode, HANDSHAKE_TIMEOUT, PING_INTERVAL};
use serde_json::json;
use socket::{Incoming, Lost, Socket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

/// Requests of one connection that may be in flight; beyond it nothing more is read from it until one is answered.
const MAX_IN_FLIGHT: usize = 256;
/// Frames that are written before the socket is flushed and looked at again.
const WRITE_BATCH: usize = 64;
/// Calls without the needed scope or method, one after the other, before the connection is closed.
const MAX_UNAUTHORIZED: u32 = 100;

/// Serves a connection from the challenge to the goodbye.
pub(crate) async fn serve(mut socket: Socket, peer: Peer, shared: Arc<Shared>) {
    let conn_id = model::new_id();
    let admitted = match tokio::time::timeout(HANDSHAKE_TIMEOUT, shake(&mut socket, &peer, &shared)).await {
        Ok(Ok(admitted)) => admitted,
        Ok(Err(refusal)) => return refuse(socket, refusal, &peer).await,
        Err(_) => return socket.close(CloseCode::Policy, "handshake timeout").await,
    };
    socket.open_gate();
    let principal = Principal {
        role: admitted.granted.role.clone(),
        scopes: admitted.granted.scopes.clone(),
        device_id: admitted.device.as_ref().map(|d| d.id.clone()),
        client_id: admitted.params.client.id.clone(),
        client_mode: admitted.params.client.mode.clone(),
    };
    let (handle, queue) = ConnHandle::new(conn_id, principal);
    run(socket, handle, queue, admitted, shared).await;
}

async fn shake(socket: &mut Socket, peer: &Peer, shared: &Shared) -> Result<Admitted, Refusal> {
    let gone = |_: Lost| Refusal::silent(CloseCode::Normal);
    let nonce = model::new_id();
    let challenge = hello::to_raw(&json!({"nonce": nonce, "ts": shared.clock.now_ms()}));
    socket.feed(frame::encode_event("connect.challenge", &challenge, None, None)).await.map_err(gone)?;
    socket.flush().await.map_err(gone)?;
    loop {
        match socket.receive().await {
            Incoming::Text(text) if text.len() > protocol::limits::MAX_PREAUTH_PAYLOAD => {
                return Err(Refusal::silent(CloseCode::TooLarge));
            }
            Incoming::Text(text) => return handshake::judge(&text, &nonce, peer, shared).await,
            Incoming::TooLarge => return Err(Refusal::silent(CloseCode::TooLarge)),
            Incoming::Control => {}
            Incoming::Binary | Incoming::Gone => return Err(Refusal::silent(CloseCode::Normal)),
        }
    }
}

async fn refuse(mut socket: Socket, refusal: Refusal, peer: &Peer) {
    if let Some((id, error)) = &refusal.answer {
        tracing::info!(ip = %peer.ip, error = %error, code = error.detail_code(), "connect refused");
        if socket.feed(frame::encode_error(id, error)).await.is_err() || socket.flush().await.is_err() {
            return;
        }
    }
    socket.close(refusal.code, &refusal.reason).await;
}

/// The handshake was good and the store was not.
async fn refuse_late(mut socket: Socket, request_id: &str, error: &ErrorShape) {
    if socket.feed(frame::encode_error(request_id, error)).await.is_ok() && socket.flush().await.is_ok() {
        socket.close(CloseCode::Policy, &error.message).await;
    }
}

type InFlight = FuturesUnordered<Pin<Box<dyn Future<Output = (String, Answer)> + Send>>>;

struct Loop {
    socket: Socket,
    handle: ConnHandle,
    queue: mpsc::Receiver<Outgoing>,
    in_flight: InFlight,
    seq: u64,
    unauthorized: u32,
    last_heard: Instant,
    shared: Arc<Shared>,
}

async fn run(
    mut socket: Socket,
    handle: ConnHandle,
    queue: mpsc::Receiver<Outgoing>,
    admitted: Admitted,
    shared: Arc<Shared>,
) {
    // The others know of this connection before it hears that it is in: whoever acts on `hello-ok` finds it there.
    // Events wait in the queue meanwhile. The guard makes the others forget it.
    let _joined = match shared.hub.join(&shared, &handle, &admitted).await {
        Ok(guard) => guard,
        Err(error) => return refuse_late(socket, &admitted.request_id, &error).await,
    };
    let hello = hello::payload(&shared, handle.id(), &admitted.granted).await;
    if socket.feed(frame::encode_ok(&admitted.request_id, &hello)).await.is_err() || socket.flush().await.is_err() {
        return;
    }
    let mut connection = Loop {
        socket,
        handle,
        queue,
        in_flight: FuturesUnordered::new(),
        seq: 0,
        unauthorized: 0,
        last_heard: Instant::now(),
        shared,
    };
    let (code, reason) = connection.run().await;
    connection.socket.close(code, &reason).await;
}

impl Loop {
    /// Runs until the connection should be closed, and says how.
    async fn run(&mut self) -> (CloseCode, String) {
        let closing = self.handle.closing().clone();
        let soft = self.shared.lifecycle.soft().clone();
        let mut pings = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let gone = (CloseCode::Normal, String::new());
        loop {
            let step = tokio::select! {
                () = closing.cancelled() => {
                    return self.handle.close_reason().unwrap_or_else(|| gone.clone());
                }
                () = soft.cancelled() => {
                    return (CloseCode::Restart, "gateway shutting down".into());
                }
                incoming = self.socket.receive(), if self.in_flight.len() < MAX_IN_FLIGHT => {
                    self.last_heard = Instant::now();
                    self.take(incoming).await
                }
                Some((id, answer)) = self.in_flight.next() => {
                    self.respond(&id, answer);
                    Ok(())
                }
                Some(outgoing) = self.queue.recv() => self.write(outgoing, &closing).await,
                _ = pings.tick() => self.check_alive().await,
            };
            if let Err(end) = step {
                return end.unwrap_or_else(|| gone.clone());
            }
        }
    }

    async fn check_alive(&mut self) -> Step {
        // While nothing is read from it, nothing can be heard.
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            self.last_heard = Instant::now();
        }
        // A ping went out one interval ago; its pong, or anything else, must have come since.
        if self.last_heard.elapsed() > PING_INTERVAL * 2 {
            return Err(Some((CloseCode::Normal, "no answer to pings".into())));
        }
        self.socket.ping().await.map_err(|Lost| None)
    }

    async fn write(&mut self, first: Outgoing, closing: &tokio_util::sync::CancellationToken) -> Step {
        let batch = async {
            let mut next = Some(first);
            for _ in 0..WRITE_BATCH {
                let Some(outgoing) = next.take() else { break };
                self.handle.sent(&outgoing);
                let text = render(outgoing, &mut self.seq);
                self.socket.feed(text).await?;
                next = self.queue.try_recv().ok();
            }
            if let Some(last) = next {
                self.handle.sent(&last);
                let text = render(last, &mut self.seq);
                self.socket.feed(text).await?;
            }
            self.socket.flush().await
        };
        tokio::select! {
            // A slow consumer is closed even while a write to it hangs.
            () = closing.cancelled() => Ok(()),
            written = batch => written.map_err(|Lost| None),
        }
    }

    async fn take(&mut self, incoming: Incoming) -> Step {
        match incoming {
            Incoming::Text(text) => self.take_text(&text).await,
            Incoming::Control | Incoming::Binary => Ok(()),
            Incoming::TooLarge => Err(Some((CloseCode::TooLarge, String::new()))),
            Incoming::Gone => Err(None),
        }
    }

    async fn take_text(&mut self, text: &str) -> Step {
        let request = match frame::read_client_frame(text) {
            ClientFrame::Request(request) => request,
            ClientFrame::NotJson => return Ok(()),
            ClientFrame::Bad { id, problem } => {
                let error = ErrorShape::invalid(format!("invalid request frame: {problem}"));
                self.handle.respond(&id, Err(&error));
                return Ok(());
            }
        };
        let id = request.id.clone();
        let call = Call {
            shared: self.shared.clone(),
            conn: self.handle.clone(),
            request_id: id.clone(),
            params: request.params,
        };
        match methods::dispatch(&request.method, call) {
            Err(error) => {
                let refused = error.detail_code() == Some("MISSING_SCOPE");
                self.unauthorized = if refused { self.unauthorized + 1 } else { self.unauthorized };
                self.handle.respond(&id, Err(&error));
                if self.unauthorized > MAX_UNAUTHORIZED {
                    return Err(Some((CloseCode::Policy, "repeated unauthorized calls".into())));
                }
            }
            Ok(mut future) => {
                self.unauthorized = 0;
                // Most answers are there at once and need no place among those in flight.
                match futures_util::poll!(&mut future) {
                    Poll::Ready(answer) => self.respond(&id, answer),
                    Poll::Pending => self.in_flight.push(Box::pin(async move { (id, future.await) })),
                }
            }
        }
        Ok(())
    }

    fn respond(&self, id: &str, answer: Answer) {
        match answer {
            Ok(reply) => self.handle.respond(id, Ok(reply.raw())),
            Err(error) => self.handle.respond(id, Err(&error)),
        }
    }
}

/// Goes on, or ends the connection with a goodbye (`None`: there is nobody to say it to).
type Step = Result<(), Option<(CloseCode, String)>>;

fn render(outgoing: Outgoing, seq: &mut u64) -> String {
    match outgoing {
        Outgoing::Text(text) => text,
        Outgoing::Event(event) => {
            let number = event.broadcast.then(|| {
                *seq += 1;
                *seq
            });
            frame::encode_event(event.name, &event.payload, number, event.versions.as_deref())
        }
    }
}
