//! One open connection: calls, events, its end.

use crate::handshake::{self, CONNECT_ID};
use crate::pump::Pump;
use crate::shared::{Place, Shared};
use crate::transport::{self, Trust};
use crate::{CallError, CloseInfo, ConnectError, ConnectOptions};
use protocol::frame::encode_request;
use protocol::limits::{MAX_PAYLOAD, TICK_INTERVAL};
use protocol::{EventFrame, Response};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

pub use crate::shared::MAX_IN_FLIGHT;

/// Events that may wait to be read. A gateway sends some ten a second in an agent's turn: this is more than a minute.
pub const EVENT_QUEUE: usize = 1024;
/// Frames that may wait to be sent: as many as calls may be under way.
const OUTBOUND_QUEUE: usize = MAX_IN_FLIGHT;
/// How long [`Connection::close`] waits for the task to end; the task itself takes 1 s at most.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// One open connection. It owns one task, which ends when the connection is closed or dropped.
pub struct Connection {
    caller: Caller,
    hello: Value,
    events: mpsc::Receiver<EventFrame>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// A handle to make calls with, for tasks beside the owner of the [`Connection`]. It does not keep the connection open.
#[derive(Clone)]
pub struct Caller {
    shared: Arc<Shared>,
    outbound: mpsc::Sender<Message>,
    max_payload: usize,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("closed", &self.caller.shared.close_info()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("closed", &self.shared.close_info()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects and does the handshake, within `options.connect_timeout`. Dropping the future gives it up.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn open(options: &ConnectOptions) -> Result<Connection, ConnectError> {
        let deadline = deadline(options.connect_timeout);
        let timeout =
            |stage| ConnectError::Timeout { url: options.url.clone(), stage, after: options.connect_timeout };
        let accepted = match &options.pinned {
            Some(pinned) => Some(pinned.accepted(&options.name()).await),
            None => None,
        };
        let trust = accepted.as_deref().map_or(Trust::Authorities, Trust::Pins);
        let opened = timeout_at(deadline, transport::open(&options.url, trust)).await;
        let mut socket = opened.map_err(|_| timeout("the connection"))??;
        let shaken = timeout_at(deadline, handshake::perform(&mut socket, options)).await;
        let hello = shaken.map_err(|_| timeout("the handshake"))??;
        if let (Some(pinned), Some(seen)) = (&options.pinned, transport::shown(&socket)) {
            pinned.learn((&options.name(), &options.url), &seen, &hello).await;
        }
        Ok(Self::start(socket, hello))
    }

    fn start(socket: transport::Socket, hello: Value) -> Self {
        let policy = |name: &str| hello.get("policy").and_then(|p| p.get(name)).and_then(Value::as_u64);
        let tick = policy("tickIntervalMs").filter(|ms| *ms > 0).map_or(TICK_INTERVAL, Duration::from_millis);
        let max_payload = policy("maxPayload").and_then(|m| usize::try_from(m).ok()).unwrap_or(MAX_PAYLOAD);
        let shared = Arc::new(Shared::new(CONNECT_ID));
        let (outbound, outbound_rx) = mpsc::channel(OUTBOUND_QUEUE);
        let (events_tx, events) = mpsc::channel(EVENT_QUEUE);
        let stop = CancellationToken::new();
        let pump = Pump {
            shared: Arc::clone(&shared),
            outbound: outbound_rx,
            events: events_tx,
            silence: tick.saturating_mul(2),
            stop: stop.clone(),
        };
        // Owned by the connection: aborted when it is dropped.
        #[allow(clippy::disallowed_methods)]
        let task = tokio::spawn(pump.run(socket));
        Self { caller: Caller { shared, outbound, max_payload }, hello, events, stop, task }
    }

    /// The payload of `hello-ok`.
    pub fn hello(&self) -> &Value {
        &self.hello
    }

    /// A handle to make calls with from other tasks.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// Calls a method and waits for its (first) answer, `timeout` at most. Dropping the future stops the waiting, not
    /// the call.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, method: &str, params: Value, timeout: Duration) -> Result<Value, CallError> {
        self.caller.call(method, params, timeout).await
    }

    /// As [`Caller::call_two_phase`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call_two_phase(
        &self,
        method: &str,
        params: Value,
        timeout: Duration,
        on_accepted: impl FnOnce(&Value),
    ) -> Result<Value, CallError> {
        self.caller.call_two_phase(method, params, timeout, on_accepted).await
    }

    /// The events, in the order they came. Up to [`EVENT_QUEUE`] are kept until somebody asks for them here the first
    /// time; the ones after that are discarded. From then on a reader that falls behind by as many loses the
    /// connection (close 1008).
    pub fn events(&mut self) -> &mut mpsc::Receiver<EventFrame> {
        self.caller.shared.listen();
        &mut self.events
    }

    /// As [`Connection::events`], to be read by another task. Dropping the receiver discards all further events. A
    /// second call gives a receiver that has ended.
    pub fn take_events(&mut self) -> mpsc::Receiver<EventFrame> {
        self.caller.shared.listen();
        std::mem::replace(&mut self.events, mpsc::channel(1).1)
    }

    /// Waits until the connection is over, from whichever side.
    pub async fn closed(&self) -> CloseInfo {
        self.caller.shared.finished().await
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        self.caller.shared.close_info().is_some()
    }

    /// Closes in good order: 1000, and 2 s at most for the gateway to do the same.
    pub async fn close(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(CLOSE_WAIT, &mut self.task).await.is_err() {
            tracing::debug!("the connection's task was ended");
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Caller {
    /// As [`Connection::call`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, method: &str, params: Value, timeout: Duration) -> Result<Value, CallError> {
        let deadline = deadline(timeout);
        let mut place = self.send(method, &params, deadline, timeout).await?;
        self.answer(&mut place, method, deadline, timeout).await
    }

    /// Calls a method that answers twice (`agent`): `on_accepted` gets the first answer, and the second is returned,
    /// both within `timeout`. A first answer whose `status` is not `accepted` is the last one.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call_two_phase(
        &self,
        method: &str,
        params: Value,
        timeout: Duration,
        on_accepted: impl FnOnce(&Value),
    ) -> Result<Value, CallError> {
        let deadline = deadline(timeout);
        let mut place = self.send(method, &params, deadline, timeout).await?;
        let first = self.answer(&mut place, method, deadline, timeout).await?;
        if first.get("status").and_then(Value::as_str) != Some("accepted") {
            return Ok(first);
        }
        on_accepted(&first);
        self.answer(&mut place, method, deadline, timeout).await
    }

    async fn send(
        &self,
        method: &str,
        params: &Value,
        deadline: Instant,
        after: Duration,
    ) -> Result<Place<'_>, CallError> {
        let place = self.shared.enter()?;
        let text = encode_request(&place.id.to_string(), method, params);
        if text.len() > self.max_payload {
            let (size, limit) = (text.len(), self.max_payload);
            return Err(CallError::TooLarge { method: method.to_owned(), size, limit });
        }
        match timeout_at(deadline, self.outbound.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(place),
            Ok(Err(_)) => Err(CallError::Closed(self.end())),
            Err(_) => Err(CallError::Timeout { method: method.to_owned(), after }),
        }
    }

    async fn answer(
        &self,
        place: &mut Place<'_>,
        method: &str,
        deadline: Instant,
        after: Duration,
    ) -> Result<Value, CallError> {
        match timeout_at(deadline, place.answers.recv()).await {
            Ok(Some(response)) => read_answer(response),
            Ok(None) => Err(CallError::Closed(self.end())),
            Err(_) => Err(CallError::Timeout { method: method.to_owned(), after }),
        }
    }

    fn end(&self) -> CloseInfo {
        self.shared.close_info().unwrap_or_else(|| CloseInfo::lost("the connection was dropped"))
    }
}

/// A time too far away to be told is a year.
fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600))
}

fn read_answer(response: Response) -> Result<Value, CallError> {
    if response.ok {
        return Ok(response.payload.unwrap_or(Value::Null));
    }
    let error = response.error.unwrap_or_else(|| {
        protocol::ErrorShape::unavailable("the gateway said that the call failed and not why; see its log")
    });
    Err(CallError::Server(Box::new(error)))
}
