//! Calls to nodes. A call is a pending entry with a deadline; the node leaving fails its entries at once, and a caller
//! that goes away takes its entry with it.

use super::progress::Progress;
use super::{NodeConn, Nodes};
use crate::connection::hello::to_raw;
use crate::connection::outbound::{ConnHandle, Event};
use crate::hub::policy::is_for_near_only;
use crate::methods::store_error;
use crate::shared::Shared;
use agent::tool::ToolContext;
use protocol::limits::MAX_PAYLOAD;
use protocol::{ErrorCode, ErrorShape};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Calls that may be pending at all nodes together; each is a few hundred bytes and somebody's open request.
const MAX_PENDING: usize = 4096;
/// Where a call names no deadline.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of the frame around an event's payload, at most.
const FRAME_AROUND: usize = 256;
/// No call may take longer.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(6 * 3600);

/// A call that waits for its answer.
pub(super) struct Pending {
    conn_id: String,
    node_id: String,
    pub(super) command: String,
    /// Whether the node was told of it.
    dispatched: bool,
    answer: oneshot::Sender<Result<Option<String>, ErrorShape>>,
    progress: Arc<Mutex<Progress>>,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("node_id", &self.node_id).finish_non_exhaustive()
    }
}

/// Who makes a call, and is asked for where people have to be asked.
#[derive(Debug, Clone)]
pub(crate) enum By {
    /// An agent's turn.
    Agent(ToolContext),
    /// A client's request.
    Client(ConnHandle),
}

/// A call.
#[derive(Debug, Clone)]
pub(crate) struct Invoke {
    /// Who makes it.
    pub(crate) by: By,
    /// The node.
    pub(crate) node_id: String,
    /// The command.
    pub(crate) command: String,
    /// Its parameters.
    pub(crate) params: Option<Value>,
    /// The deadline.
    pub(crate) timeout: Duration,
    /// What tells repetitions from new calls.
    pub(crate) idempotency_key: String,
}

impl Nodes {
    /// Calls a command, whatever it is about; [`Nodes::invoke`] is the way here.
    pub(super) async fn send(&self, shared: &Shared, call: Invoke) -> Result<Option<String>, ErrorShape> {
        let node = self.admit(shared, &call)?;
        let id = model::new_id();
        let Call { node_id, command, timeout, event } = Call::new(&id, call)?;
        let progress = Arc::<Mutex<Progress>>::default();
        let answered = self.enter(&id, (&node_id, &command), &node.handle, &progress)?;
        let _guard = PendingGuard { nodes: self, id: &id, handle: &node.handle, node_id: &node_id };
        // The entry comes before this look: an approval that is taken back after it fails the entry.
        check_approved(shared, &node, &command).await?;
        let dispatched = self.dispatch(&id, &node.handle, event);
        // The node may have left between the look-up and the entry; its leaving then found nothing to fail.
        let still_there = self.connected().get(&node_id).is_some_and(|n| n.handle.id() == node.handle.id());
        if dispatched && !still_there {
            return Err(disconnected(&command));
        }
        let answer = match tokio::time::timeout(timeout, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(disconnected(&command)),
            Err(_) => Err(timed_out(&command, timeout)),
        };
        answer.map_err(|error| with_what_came(error, &progress))
    }

    /// Takes what a call has given so far. False where nobody waits for it (any more), it is another node's, or it came before.
    pub(crate) fn progress(&self, conn: &ConnHandle, id: &str, seq: u64, chunk: String) -> bool {
        let pending = self.pending();
        let entry = pending.get(id).filter(|p| p.conn_id == conn.id() && p.dispatched);
        let Some(progress) = entry.map(|p| p.progress.clone()) else { return false };
        drop(pending);
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.take(seq, chunk)
    }

    /// Policy, then connection, then what the node declared.
    pub(super) fn admit(&self, shared: &Shared, call: &Invoke) -> Result<NodeConn, ErrorShape> {
        let command = &call.command;
        if !shared.settings().node_commands.allows(command) {
            return Err(not_allowed(
                &format!(
                    "node command not allowed: {command:?} requires explicit gateway.nodes.commands.allow opt-in"
                ),
                "command not allowlisted",
                command,
            ));
        }
        let Some(node) = self.get(&call.node_id) else { return Err(not_connected()) };
        if node.handle.principal().over_funnel && is_for_near_only(command) {
            return Err(crate::methods::over_funnel::refusal(&format!(
                "{command} on a node that is connected that way"
            )));
        }
        if !node.declared.commands.contains(command) {
            return Err(not_allowed(
                &format!("node command not allowed: the node did not declare {command:?}"),
                "command not declared by node",
                command,
            ));
        }
        Ok(node)
    }

    /// Enters a call that waits for its answer.
    fn enter(
        &self,
        id: &str,
        (node_id, command): (&str, &str),
        handle: &ConnHandle,
        progress: &Arc<Mutex<Progress>>,
    ) -> Result<oneshot::Receiver<Result<Option<String>, ErrorShape>>, ErrorShape> {
        let (answer, answered) = oneshot::channel();
        let mut pending = self.pending();
        if pending.len() >= MAX_PENDING {
            return Err(
                ErrorShape::unavailable("too many node calls are pending; try again later").retryable()
            );
        }
        let (conn_id, node_id, command) = (handle.id().to_owned(), node_id.to_owned(), command.to_owned());
        let progress = progress.clone();
        let entry = Pending { conn_id, node_id, command, dispatched: false, answer, progress };
        pending.insert(id.to_owned(), entry);
        Ok(answered)
    }

    /// Tells the node, unless the call was failed meanwhile; says which. Under the lock, so that whoever fails it knows whether the
    /// node was told.
    fn dispatch(&self, id: &str, handle: &ConnHandle, event: Event) -> bool {
        let mut pending = self.pending();
        let Some(entry) = pending.get_mut(id) else { return false };
        entry.dispatched = true;
        handle.send_event(&Arc::new(event));
        true
    }

    /// Fails the calls to a node whose approval was taken back.
    pub(crate) fn approval_removed(&self, node_id: &str) {
        let why = ("PAIRING_CHANGED", "node pairing changed while invocation was active");
        self.end_calls(|p| p.node_id == node_id, why);
    }

    /// Ends calls, and tells the nodes that know of them.
    pub(super) fn end_calls(&self, meant: impl Fn(&Pending) -> bool, (code, message): (&str, &str)) {
        for (id, entry) in self.take_pending(meant) {
            if entry.dispatched
                && let Some(node) = self.get(&entry.node_id)
            {
                send_cancel(&node.handle, &id, &entry.node_id);
            }
            let error = ErrorShape::unavailable(message)
                .with_details(json!({"code": code, "nodeCommandDispatched": entry.dispatched}));
            // A caller that is gone already needs no answer.
            let _ = entry.answer.send(Err(error.retryable()));
        }
    }

    fn take_pending(&self, meant: impl Fn(&Pending) -> bool) -> Vec<(String, Pending)> {
        self.pending().extract_if(|_, entry| meant(entry)).collect()
    }

    /// Takes a node's answer. An id that is unknown, answered before, or another node's is ignored: the caller is gone.
    pub(crate) fn answer(
        &self,
        conn: &ConnHandle,
        id: &str,
        answer: Result<Option<String>, ErrorShape>,
    ) -> bool {
        let mut pending = self.pending();
        if pending.get(id).is_none_or(|p| p.conn_id != conn.id()) {
            return false;
        }
        let Some(entry) = pending.remove(id) else { return false };
        drop(pending);
        entry.answer.send(answer).is_ok()
    }
}

/// Removes the entry of a call that nobody waits for any more, and tells the node. After an answer there is no entry
/// left, and nothing happens.
struct PendingGuard<'a> {
    nodes: &'a Nodes,
    id: &'a str,
    handle: &'a ConnHandle,
    node_id: &'a str,
}

impl Drop for PendingGuard<'_> {
    fn drop(&mut self) {
        if self.nodes.pending().remove(self.id).is_some_and(|entry| entry.dispatched) {
            send_cancel(self.handle, self.id, self.node_id);
        }
    }
}

fn send_cancel(handle: &ConnHandle, id: &str, node_id: &str) {
    let payload = to_raw(&json!({"id": id, "invokeId": id, "nodeId": node_id}));
    let event = Event { name: "node.invoke.cancel", payload, versions: None, broadcast: false };
    handle.send_event(&Arc::new(event));
}

/// A call whose parameters are in the event for the node, and nowhere else: they may be large, and the wait long.
struct Call {
    node_id: String,
    command: String,
    timeout: Duration,
    event: Event,
}

impl Call {
    fn new(id: &str, call: Invoke) -> Result<Self, ErrorShape> {
        let event = request_event(id, &call);
        let size = event.payload.get().len() + FRAME_AROUND;
        if size > MAX_PAYLOAD {
            return Err(ErrorShape::invalid(format!(
                "the parameters of {} make a frame of {size} bytes for the node, and one may have {MAX_PAYLOAD}; send less",
                call.command
            )));
        }
        let Invoke { node_id, command, timeout, .. } = call;
        Ok(Self { node_id, command, timeout, event })
    }
}

/// The store alone says what is approved: a copy might be older than a decision.
async fn check_approved(shared: &Shared, node: &NodeConn, command: &str) -> Result<(), ErrorShape> {
    let approved = shared.store.node(&node.declared.node_id).await.map_err(store_error)?;
    if approved.is_some_and(|surface| surface.declaration.commands.iter().any(|c| c == command)) {
        return Ok(());
    }
    let how = match &node.pending_request {
        Some(request) => format!("approve it with: openclaw nodes approve {request}"),
        None => "the request was rejected or withdrawn; reconnect the node to ask again".into(),
    };
    Err(not_allowed(
        &format!("node command not approved: {command:?} ({how})"),
        "command not approved",
        command,
    ))
}

fn request_event(id: &str, call: &Invoke) -> Event {
    let mut payload = Map::new();
    payload.insert("id".into(), json!(id));
    payload.insert("nodeId".into(), json!(call.node_id));
    payload.insert("command".into(), json!(call.command));
    if let Some(params) = &call.params {
        payload.insert("paramsJSON".into(), json!(params.to_string()));
    }
    payload.insert("timeoutMs".into(), json!(call.timeout.as_millis() as u64));
    payload.insert("idempotencyKey".into(), json!(call.idempotency_key));
    Event { name: "node.invoke.request", payload: to_raw(&payload), versions: None, broadcast: false }
}

fn not_allowed(message: &str, reason: &str, command: &str) -> ErrorShape {
    ErrorShape::invalid(message).with_details(json!({"reason": reason, "command": command}))
}

/// It is not there: nothing was sent.
fn not_connected() -> ErrorShape {
    ErrorShape::unavailable("node not connected").with_details(json!({
        "code": "NOT_CONNECTED",
        "nodeError": {"code": "NOT_CONNECTED", "message": "node not connected"},
        "nodeCommandDispatched": false,
    }))
}

/// It left while it worked on the command: nobody knows how far it came.
fn disconnected(command: &str) -> ErrorShape {
    let message = format!("node disconnected ({command})");
    ErrorShape::unavailable(format!("DISCONNECTED: {message}")).with_details(json!({
        "code": "DISCONNECTED",
        "nodeError": {"code": "DISCONNECTED", "message": message},
        "nodeCommandDispatched": true,
    }))
}

fn timed_out(command: &str, timeout: Duration) -> ErrorShape {
    let message = format!("node did not answer {command} within {} ms", timeout.as_millis());
    ErrorShape::unavailable(message.clone()).with_details(json!({
        "code": "TIMEOUT",
        "nodeError": {"code": "TIMEOUT", "message": message},
        "nodeCommandDispatched": true,
    }))
}

/// Where no result comes, the caller gets what had come until then.
fn with_what_came(mut error: ErrorShape, progress: &Mutex<Progress>) -> ErrorShape {
    let text = progress.lock().unwrap_or_else(PoisonError::into_inner).text();
    if let (Some(text), Some(details)) = (text, &mut error.details) {
        details["partialOutput"] = json!(text);
    }
    error
}

/// An error that the node itself gave.
pub(crate) fn node_error(error: &Value) -> ErrorShape {
    let text = |name: &str| error[name].as_str().map(|s| s.chars().take(2000).collect::<String>());
    let message = text("message").unwrap_or_else(|| "the node reported a failure without saying why".into());
    let code = text("code").unwrap_or_else(|| "NODE_ERROR".into());
    ErrorShape::new(ErrorCode::Unavailable, message.clone()).with_details(json!({
        "code": code,
        "nodeError": {"code": code, "message": message},
        "nodeCommandDispatched": true,
    }))
}

/// Fails the calls that a connection will not answer any more.
pub(super) fn fail(shared: &Shared, conn_id: &str) {
    for (_, entry) in shared.hub.nodes.take_pending(|p| p.conn_id == conn_id) {
        // A caller that is gone already needs no answer.
        let error = if entry.dispatched { disconnected(&entry.command) } else { not_connected() };
        let _ = entry.answer.send(Err(error));
    }
}
