//! The way out to one client: a bounded queue, and a handle that anyone may hold.

use crate::methods::Answer;
use protocol::frame;
use protocol::limits::{CloseCode, MAX_BUFFERED_BYTES, MAX_PAYLOAD};
use protocol::{ErrorShape, Scope};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Frames that may wait for one client. Bytes are bounded too ([`MAX_BUFFERED_BYTES`]); this bounds the many small
/// ones: a client that is 4,096 events behind will not catch up.
const MAX_QUEUED_FRAMES: usize = 4096;

/// Why a client that does not keep up is closed.
pub(crate) const SLOW_CONSUMER: &str = "slow consumer";

/// Something on its way out.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A finished frame.
    Text(String),
    /// An event; the connection adds its own `seq` where it is a broadcast.
    Event(Arc<Event>),
}

/// An event, serialised once and shared by all who get it.
#[derive(Debug)]
pub(crate) struct Event {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its payload.
    pub(crate) payload: Box<RawValue>,
    /// `stateVersion`, where it belongs.
    pub(crate) versions: Option<Box<RawValue>>,
    /// Whether it counts in the connection's `seq`.
    pub(crate) broadcast: bool,
}

impl Outgoing {
    fn len(&self) -> usize {
        match self {
            Outgoing::Text(text) => text.len(),
            // The frame around the payload is about this long.
            Outgoing::Event(event) => event.payload.get().len() + 96,
        }
    }
}

/// Who is at the other end, as the gateway verified it.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    /// `operator` or `node`.
    pub(crate) role: String,
    /// What an operator may do.
    pub(crate) scopes: Vec<String>,
    /// The proven device.
    pub(crate) device_id: Option<String>,
    /// Whether it came as that device alone, and not with the shared secret, which is the owner's.
    pub(crate) is_device_alone: bool,
    /// Whether it was let in by a user's name, and not by anything of its own.
    pub(crate) by_identity: bool,
    /// Whether it came from the internet, by Tailscale Funnel.
    pub(crate) over_funnel: bool,
    /// `client.id`.
    pub(crate) client_id: String,
    /// `client.mode`.
    pub(crate) client_mode: String,
}

impl Principal {
    /// Whether it is a node.
    pub(crate) fn is_node(&self) -> bool {
        self.role == "node"
    }

    /// Whether it is an operator with this scope.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        !self.is_node() && protocol::scope::covers(&self.scopes, scope)
    }

    /// Whether it may manage this device: itself, and every other one as the owner or an administrator.
    pub(crate) fn may_manage(&self, device_id: &str) -> bool {
        !self.is_device_alone || self.device_id.as_deref() == Some(device_id) || self.may(Scope::Admin)
    }

    #[cfg(test)]
    pub(crate) fn of_test(role: &str, scopes: &[&str]) -> Self {
        Self {
            by_identity: false,
            over_funnel: false,
            role: role.into(),
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            device_id: None,
            is_device_alone: false,
            client_id: "cli".into(),
            client_mode: "cli".into(),
        }
    }

    /// Who idempotency keys belong to: the device, or the holders of the shared secret.
    pub(crate) fn key_owner(&self) -> &str {
        self.device_id.as_deref().unwrap_or("shared-secret")
    }
}

/// How a connection should be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Goodbye {
    pub(crate) code: CloseCode,
    pub(crate) reason: String,
    /// Whether what is queued goes out first.
    pub(crate) drain: bool,
}

/// A handle on a connection. Cloning is cheap; holding one keeps nothing open.
#[derive(Debug, Clone)]
pub(crate) struct ConnHandle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: String,
    principal: Principal,
    queue: mpsc::Sender<Outgoing>,
    queued_bytes: AtomicUsize,
    closing: CancellationToken,
    close: OnceLock<Goodbye>,
}

impl ConnHandle {
    /// A handle and the end of the queue that the connection's task empties.
    pub(crate) fn new(id: String, principal: Principal) -> (Self, mpsc::Receiver<Outgoing>) {
        let (queue, receiver) = mpsc::channel(MAX_QUEUED_FRAMES);
        let inner = Inner {
            id,
            principal,
            queue,
            queued_bytes: AtomicUsize::new(0),
            closing: CancellationToken::new(),
            close: OnceLock::new(),
        };
        (Self(Arc::new(inner)), receiver)
    }

    /// The connection's id.
    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    /// Who is at the other end.
    pub(crate) fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// Bytes that wait for this client.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.0.queued_bytes.load(Ordering::Relaxed)
    }

    /// Answers a request with what a method gave.
    pub(crate) fn answer(&self, request_id: &str, answer: Answer) {
        match answer {
            Ok(reply) => self.respond(request_id, Ok(reply.raw())),
            Err(error) => self.respond(request_id, Err(&error)),
        }
    }

    /// Answers a request. What no frame can hold becomes an error.
    pub(crate) fn respond(&self, request_id: &str, answer: Result<&RawValue, &ErrorShape>) {
        let text = match answer {
            Ok(payload) => frame::encode_ok(request_id, payload),
            Err(error) => frame::encode_error(request_id, error),
        };
        if text.len() <= MAX_PAYLOAD {
            return self.push(Outgoing::Text(text));
        }
        let error = ErrorShape::unavailable(format!(
            "the answer has {} bytes, and a frame may have {MAX_PAYLOAD}; ask for less at once",
            text.len()
        ));
        // An id of that size came in a frame of that size; its owner knows which one it was.
        let id = if request_id.len() < MAX_PAYLOAD / 2 { request_id } else { frame::NO_ID };
        self.push(Outgoing::Text(frame::encode_error(id, &error)));
    }

    /// Sends an event.
    pub(crate) fn send_event(&self, event: &Arc<Event>) {
        self.push(Outgoing::Event(event.clone()));
    }

    /// Puts a frame into the queue. A client that does not keep up is closed; nobody waits for it.
    fn push(&self, frame: Outgoing) {
        let len = frame.len();
        let queued = self.0.queued_bytes.fetch_add(len, Ordering::Relaxed) + len;
        if queued > MAX_BUFFERED_BYTES || self.0.queue.try_send(frame).is_err() {
            self.0.queued_bytes.fetch_sub(len, Ordering::Relaxed);
            self.close(CloseCode::Policy, SLOW_CONSUMER);
        }
    }

    /// Takes a frame that left the queue off the count.
    pub(crate) fn sent(&self, frame: &Outgoing) {
        self.0.queued_bytes.fetch_sub(frame.len(), Ordering::Relaxed);
    }

    /// Asks the connection's task to close. The first reason stands.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        self.say_goodbye(Goodbye { code, reason: reason.to_owned(), drain: false });
    }

    /// The same, once what is queued has gone out.
    pub(crate) fn close_after_queue(&self, code: CloseCode, reason: &str) {
        self.say_goodbye(Goodbye { code, reason: reason.to_owned(), drain: true });
    }

    fn say_goodbye(&self, goodbye: Goodbye) {
        // A second reason changes nothing: `set` then returns what it was given, which nobody needs.
        let _ = self.0.close.set(goodbye);
        self.0.closing.cancel();
    }

    /// Cancelled when the connection should close.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }

    /// Why it should close.
    pub(crate) fn goodbye(&self) -> Option<Goodbye> {
        self.0.close.get().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle() -> (ConnHandle, mpsc::Receiver<Outgoing>) {
        ConnHandle::new("c".into(), Principal::of_test("operator", &[]))
    }

    #[test]
    fn a_client_that_never_reads_is_closed_by_count_and_by_bytes() {
        let raw = |len: usize| RawValue::from_string(format!("\"{}\"", "x".repeat(len))).unwrap();
        for (frames, size) in [(MAX_QUEUED_FRAMES + 1, 1), (4, MAX_BUFFERED_BYTES / 3)] {
            let (handle, _receiver) = handle();
            let payload = raw(size);
            for _ in 0..frames {
                handle.respond("1", Ok(&payload));
            }
            let goodbye = Goodbye { code: CloseCode::Policy, reason: "slow consumer".into(), drain: false };
            assert_eq!(handle.goodbye(), Some(goodbye));
        }
    }

    #[test]
    fn an_answer_that_no_frame_can_hold_becomes_an_error() {
        let (handle, mut receiver) = handle();
        let payload = RawValue::from_string(format!("\"{}\"", "x".repeat(MAX_PAYLOAD))).unwrap();
        handle.respond("1", Ok(&payload));
        let Outgoing::Text(text) = receiver.try_recv().unwrap() else { panic!("an answer is a text") };
        assert!(text.len() < 1000 && text.contains("UNAVAILABLE") && text.contains(r#""id":"1""#), "{text}");
        assert_eq!(handle.goodbye(), None);
    }

    #[test]
    fn what_was_sent_no_longer_counts() {
        let (handle, mut receiver) = handle();
        let payload = RawValue::from_string(format!("\"{}\"", "x".repeat(MAX_BUFFERED_BYTES / 3))).unwrap();
        for _ in 0..5 {
            handle.respond("1", Ok(&payload));
            handle.sent(&receiver.try_recv().unwrap());
        }
        assert_eq!(handle.goodbye(), None);
    }
}
