//! One connection: a task that owns the socket, the way out and the requests in flight. When it ends, by whatever
//! way, its guards take it off the hub and its requests are dropped; runs that it began go on.

mod admission;
pub(crate) mod handshake;
pub(crate) mod hello;
mod identity;
mod in_flight;
pub(crate) mod outbound;
pub(crate) mod socket;

use crate::auth::peer::Peer;
use crate::listener::{ListenerKind, Place};
use crate::methods::{self, Answer, Call};
use crate::shared::Shared;
use handshake::{Admitted, Refusal};
use in_flight::InFlight;
use outbound::{ConnHandle, Goodbye, Outgoing, Principal, SLOW_CONSUMER};
use protocol::ErrorShape;
use protocol::frame::{self, ClientFrame};
use protocol::limits::{CloseCode, HANDSHAKE_TIMEOUT, PING_INTERVAL};
use serde_json::json;
use socket::{Incoming, Lost, Socket};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// Frames that are written before the socket is flushed and looked at again.
const WRITE_BATCH: usize = 64;
/// Calls of what is not there, or without the needed scope or role, one after the other, before the connection is closed.
const MAX_UNAUTHORIZED: u32 = 100;
/// Before the goodbye, what is queued already (last answers, `shutdown`) may take this long.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// A frame may have this many bytes where its sender has no reason for more: operators that may do nothing, and nodes
/// but for the results of their commands.
const MAX_PLAIN_FRAME: usize = 1024 * 1024;

/// Serves a connection from the challenge to the goodbye.
pub(crate) async fn serve(mut socket: Socket, peer: Peer, shared: Arc<Shared>, place: Arc<Place>) {
    let conn_id = model::new_id();
    if let Some(tap) = &shared.tap {
        socket.tap(tap.clone(), &conn_id);
    }
    let admitted = match tokio::time::timeout(HANDSHAKE_TIMEOUT, shake(&mut socket, &peer, &shared)).await {
        Ok(Ok(admitted)) => admitted,
        Ok(Err(refusal)) => return refuse(socket, refusal, &peer).await,
        Err(_) => return socket.close(CloseCode::Policy, "handshake timeout").await,
    };
    socket.open_gate();
    place.is_known();
    let principal = Principal {
        role: admitted.granted.role.clone(),
        scopes: admitted.granted.scopes.clone(),
        device_id: admitted.device.as_ref().map(|d| d.id.clone()),
        is_device_alone: admitted.granted.is_device_alone(),
        by_identity: admitted.granted.is_by_identity(),
        over_funnel: peer.via == ListenerKind::Funnel,
        client_id: admitted.params.client.id.clone(),
        client_mode: admitted.params.client.mode.clone(),
    };
    drop(peer);
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
    if let Some((id, error)) = refusal.answer.as_deref() {
        let code = error.detail_code();
        // That an address is locked out is said once, when it comes to that.
        if code == Some("AUTH_RATE_LIMITED") {
            tracing::debug!(ip = %peer.ip, error = %error, code, "connect refused");
        } else {
            tracing::info!(ip = %peer.ip, error = %error, code, "connect refused");
        }
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

/// How a connection ends.
struct End {
    code: CloseCode,
    reason: String,
    /// Whether what is queued goes out first. Not to one that must hear no more, or cannot.
    drain: bool,
}

impl End {
    fn saying(code: CloseCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), drain: true }
    }

    fn gone() -> Self {
        Self { code: CloseCode::Normal, reason: String::new(), drain: false }
    }

    /// It takes nothing any more. If it is there and only slow, it reads why.
    fn stuck(handle: &ConnHandle) -> Self {
        handle.close(CloseCode::Policy, SLOW_CONSUMER);
        Self::asked_for(handle)
    }

    /// Says once that a client was put out, and why. Those who leave or are asked to come again are not worth a line.
    fn log(&self, handle: &ConnHandle) {
        let reason = match self.code {
            CloseCode::TooLarge => "a frame was too large",
            CloseCode::Policy => self.reason.as_str(),
            CloseCode::Normal | CloseCode::ProtocolMismatch | CloseCode::Restart => return,
        };
        let Principal { role, client_id, device_id, .. } = handle.principal();
        tracing::warn!(
            conn = handle.id(),
            role,
            client = client_id,
            device = device_id,
            reason,
            "connection closed"
        );
    }

    /// Somebody asked for it; see [`ConnHandle::close`].
    fn asked_for(handle: &ConnHandle) -> Self {
        handle.goodbye().map_or_else(Self::gone, |Goodbye { code, reason, drain }| Self {
            code,
            reason,
            drain,
        })
    }
}

/// Goes on, or ends.
type Step = Result<(), End>;

/// What a connection has to see to next.
enum Next {
    Incoming(Incoming),
    Answer(String, Answer),
    Outgoing(Outgoing),
    Ping,
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
    let hello = hello::payload(&shared, &handle, &admitted.granted).await;
    let is_written = socket.feed(frame::encode_ok(&admitted.request_id, &hello)).await.is_ok()
        && socket.flush().await.is_ok();
    if let Some(setup_id) = &admitted.granted.setup_id {
        crate::setup::answered(&shared, setup_id, is_written).await;
    }
    if !is_written {
        return;
    }
    let mut connection = Loop {
        socket,
        handle,
        queue,
        in_flight: InFlight::default(),
        seq: 0,
        unauthorized: 0,
        last_heard: Instant::now(),
        shared,
    };
    let end = connection.run().await;
    end.log(&connection.handle);
    connection.say_goodbye(end).await;
}

impl Loop {
    /// Runs until the connection should be closed, and says how.
    async fn run(&mut self) -> End {
        let closing = self.handle.closing().clone();
        let soft = self.shared.lifecycle.soft().clone();
        let mut pings = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // The end comes first, however much there is to do.
            let next = tokio::select! {
                biased;
                () = closing.cancelled() => return End::asked_for(&self.handle),
                () = soft.cancelled() => return End::saying(CloseCode::Restart, "gateway shutting down"),
                next = self.next(&mut pings) => next,
            };
            let step = match next {
                Next::Incoming(incoming) => {
                    self.last_heard = Instant::now();
                    self.take(incoming).await
                }
                Next::Answer(id, answer) => {
                    self.handle.answer(&id, answer);
                    Ok(())
                }
                Next::Outgoing(outgoing) => self.write(outgoing).await,
                Next::Ping => self.check_alive().await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Cancellation-safe: what it has not given is still where it was.
    async fn next(&mut self, pings: &mut Interval) -> Next {
        let reads = !self.in_flight.is_full();
        tokio::select! {
            incoming = self.socket.receive(), if reads => Next::Incoming(incoming),
            Some((id, answer)) = self.in_flight.next() => Next::Answer(id, answer),
            // The handle has a sender, so that the queue never ends before the connection.
            Some(outgoing) = self.queue.recv() => Next::Outgoing(outgoing),
            _ = pings.tick() => Next::Ping,
        }
    }

    async fn check_alive(&mut self) -> Step {
        // While nothing is read from it, nothing can be heard.
        if self.in_flight.is_full() {
            self.last_heard = Instant::now();
        }
        // A ping went out one interval ago; its pong, or anything else, must have come since.
        if self.last_heard.elapsed() > PING_INTERVAL * 2 {
            return Err(End::saying(CloseCode::Normal, "no answer to pings"));
        }
        let sent = self.in_flight.go_on_during(self.socket.ping(), &self.handle).await;
        sent.unwrap_or(Ok(())).map_err(|Lost| End::stuck(&self.handle))
    }

    async fn write(&mut self, first: Outgoing) -> Step {
        let batch = write_batch(&mut self.socket, &mut self.queue, &mut self.seq, &self.handle, first);
        // A slow consumer is closed even while a write to it hangs.
        let written = self.in_flight.go_on_during(batch, &self.handle).await;
        written.unwrap_or(Ok(())).map_err(|Lost| End::stuck(&self.handle))
    }

    async fn say_goodbye(mut self, end: End) {
        self.in_flight.clear();
        if end.drain {
            let drain = async {
                while let Ok(outgoing) = self.queue.try_recv() {
                    let (queue, seq) = (&mut self.queue, &mut self.seq);
                    write_batch(&mut self.socket, queue, seq, &self.handle, outgoing).await?;
                }
                Ok::<(), Lost>(())
            };
            // Too slow or gone: then it misses the rest, as after any broken connection.
            let _ = tokio::time::timeout(DRAIN_TIMEOUT, drain).await;
        }
        self.socket.close(end.code, &end.reason).await;
    }

    async fn take(&mut self, incoming: Incoming) -> Step {
        match incoming {
            Incoming::Text(text) => self.take_text(&text).await,
            Incoming::Control | Incoming::Binary => Ok(()),
            Incoming::TooLarge => Err(End::saying(CloseCode::TooLarge, "")),
            Incoming::Gone => Err(End::gone()),
        }
    }

    async fn take_text(&mut self, text: &str) -> Step {
        let (is_large, principal) = (text.len() > MAX_PLAIN_FRAME, self.handle.principal());
        if is_large && !principal.is_node() && principal.scopes.is_empty() {
            return Err(End::saying(CloseCode::TooLarge, ""));
        }
        let request = match frame::read_client_frame(text) {
            ClientFrame::Request(request) => request,
            ClientFrame::NotJson => return Ok(()),
            ClientFrame::Bad { id, problem } => {
                let error = ErrorShape::invalid(format!("invalid request frame: {problem}"));
                self.handle.respond(&id, Err(&error));
                return Ok(());
            }
        };
        let (id, method) = (request.id, request.method);
        if is_large && principal.is_node() && method != "node.invoke.result" {
            let error = ErrorShape::invalid(format!(
                "the frame has {} bytes; a node's may have {MAX_PLAIN_FRAME}, but for node.invoke.result",
                text.len()
            ));
            self.handle.respond(&id, Err(&error));
            return Ok(());
        }
        let (shared, conn) = (self.shared.clone(), self.handle.clone());
        let call = Call { shared, conn, request_id: id.clone(), params: request.params };
        match methods::dispatch(&method, call) {
            Err(error) => {
                self.handle.respond(&id, Err(&error));
                self.count_unauthorized(&method, &error)
            }
            Ok(mut future) => {
                self.unauthorized = 0;
                // Most answers are there at once and need no place among those in flight.
                match futures_util::poll!(&mut future) {
                    Poll::Ready(answer) => self.handle.answer(&id, answer),
                    Poll::Pending => self.in_flight.push(id, text.len(), future),
                }
                Ok(())
            }
        }
    }

    fn count_unauthorized(&mut self, method: &str, error: &ErrorShape) -> Step {
        let is_forbidden = error.code == protocol::ErrorCode::Forbidden;
        if is_forbidden || !methods::suits(method, self.handle.principal()) {
            self.unauthorized += 1;
        }
        if self.unauthorized > MAX_UNAUTHORIZED {
            return Err(End::saying(CloseCode::Policy, "repeated unauthorized calls"));
        }
        Ok(())
    }
}

/// Writes `first` and what waits behind it, up to a batch, and flushes.
async fn write_batch(
    socket: &mut Socket,
    queue: &mut mpsc::Receiver<Outgoing>,
    seq: &mut u64,
    handle: &ConnHandle,
    first: Outgoing,
) -> Result<(), Lost> {
    let mut next = Some(first);
    for written in 1..=WRITE_BATCH {
        let Some(outgoing) = next.take() else { break };
        handle.sent(&outgoing);
        socket.feed(render(outgoing, seq)).await?;
        if written < WRITE_BATCH {
            next = queue.try_recv().ok();
        }
    }
    socket.flush().await
}

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
