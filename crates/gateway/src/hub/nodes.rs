//! Connected nodes and the calls to them. A call is a pending entry with a deadline; the node leaving fails its entries
//! at once, and a caller that goes away takes its entry with it.

use super::Audience;
use super::policy::approval_scopes;
use crate::connection::handshake::Admitted;
use crate::connection::hello::to_raw;
use crate::connection::outbound::{ConnHandle, Event};
use crate::methods::store_error;
use crate::shared::Shared;
use protocol::{ErrorCode, ErrorShape, Scope};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use store::{NodeDeclaration, NodeRequest, NodeSurface};
use tokio::sync::oneshot;

/// Calls that may be pending at all nodes together; each is a few hundred bytes and somebody's open request.
const MAX_PENDING: usize = 4096;
/// Where a call names no deadline.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// No call may take longer.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(6 * 3600);

/// A node that is connected.
#[derive(Debug, Clone)]
pub(crate) struct NodeConn {
    handle: ConnHandle,
    /// What it declared, policy applied.
    pub(crate) declared: NodeDeclaration,
    /// Of that, what an operator approved.
    pub(crate) approved: Option<Vec<String>>,
    /// The request that waits for approval.
    pub(crate) pending_request: Option<String>,
    /// Since when.
    pub(crate) connected_at_ms: i64,
    /// Its last `node.host.stats`.
    pub(crate) host_stats: Option<Value>,
}

impl NodeConn {
    /// The commands that may be called now.
    pub(crate) fn commands(&self) -> Vec<String> {
        let approved = self.approved.as_deref().unwrap_or_default();
        self.declared.commands.iter().filter(|c| approved.contains(c)).cloned().collect()
    }
}

struct Pending {
    conn_id: String,
    node_id: String,
    answer: oneshot::Sender<Result<Option<String>, ErrorShape>>,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("node_id", &self.node_id).finish_non_exhaustive()
    }
}

/// Nodes and pending calls.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    connected: Mutex<HashMap<String, NodeConn>>,
    pending: Mutex<HashMap<String, Pending>>,
}

/// A call.
#[derive(Debug, Clone)]
pub(crate) struct Invoke {
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
    fn connected(&self) -> MutexGuard<'_, HashMap<String, NodeConn>> {
        self.connected.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        self.pending.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A connected node.
    pub(crate) fn get(&self, node_id: &str) -> Option<NodeConn> {
        self.connected().get(node_id).cloned()
    }

    /// All connected nodes.
    pub(crate) fn all(&self) -> Vec<NodeConn> {
        self.connected().values().cloned().collect()
    }

    /// Tells a connected node's entry what was decided about its commands.
    pub(crate) fn decided(&self, node_id: &str, approved: Option<&NodeSurface>) {
        if let Some(node) = self.connected().get_mut(node_id) {
            node.approved = approved.map(|s| s.declaration.commands.clone());
            node.pending_request = None;
        }
    }

    /// Keeps a node's statistics.
    pub(crate) fn set_stats(&self, node_id: &str, stats: Value) {
        if let Some(node) = self.connected().get_mut(node_id) {
            node.host_stats = Some(stats);
        }
    }

    /// Calls a command; the answer is its payload as JSON text.
    pub(crate) async fn invoke(&self, shared: &Shared, call: Invoke) -> Result<Option<String>, ErrorShape> {
        let handle = self.admit(shared, &call).await?;
        let id = model::new_id();
        let (answer, answered) = oneshot::channel();
        {
            let mut pending = self.pending();
            if pending.len() >= MAX_PENDING {
                return Err(
                    ErrorShape::unavailable("too many node calls are pending; try again later").retryable()
                );
            }
            let entry = Pending { conn_id: handle.id().to_owned(), node_id: call.node_id.clone(), answer };
            pending.insert(id.clone(), entry);
        }
        let _guard = PendingGuard { nodes: self, id: &id, handle: &handle, node_id: &call.node_id };
        handle.send_event(&Arc::new(request_event(&id, &call)));
        // The node may have left between the look-up and the entry; its leaving then found nothing to fail.
        let still_there = self.connected().get(&call.node_id).is_some_and(|n| n.handle.id() == handle.id());
        if !still_there {
            return Err(not_connected(true));
        }
        match tokio::time::timeout(call.timeout, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(not_connected(true)),
            Err(_) => Err(timed_out(&call)),
        }
    }

    /// Policy, then connection, then what the node declared and what was approved.
    async fn admit(&self, shared: &Shared, call: &Invoke) -> Result<ConnHandle, ErrorShape> {
        let command = &call.command;
        if !shared.settings.node_commands.allows(command) {
            return Err(not_allowed(
                &format!(
                    "node command not allowed: {command:?} requires explicit gateway.nodes.commands.allow opt-in"
                ),
                "command not allowlisted",
                command,
            ));
        }
        let Some(node) = self.get(&call.node_id) else { return Err(not_connected(false)) };
        if !node.declared.commands.contains(command) {
            return Err(not_allowed(
                &format!("node command not allowed: the node did not declare {command:?}"),
                "command not declared by node",
                command,
            ));
        }
        if !node.approved.as_ref().is_some_and(|approved| approved.contains(command)) {
            let how = match &node.pending_request {
                Some(request) => format!("approve it with: openclaw nodes approve {request}"),
                None => "the request was rejected or withdrawn; reconnect the node to ask again".into(),
            };
            return Err(not_allowed(
                &format!("node command not approved: {command:?} ({how})"),
                "command not approved",
                command,
            ));
        }
        Ok(node.handle)
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
        if self.nodes.pending().remove(self.id).is_some() {
            let payload = to_raw(&json!({"id": self.id, "invokeId": self.id, "nodeId": self.node_id}));
            let event = Event { name: "node.invoke.cancel", payload, versions: None, broadcast: false };
            self.handle.send_event(&Arc::new(event));
        }
    }
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

fn not_connected(dispatched: bool) -> ErrorShape {
    ErrorShape::unavailable("node not connected").with_details(json!({
        "code": "NOT_CONNECTED",
        "nodeError": {"code": "NOT_CONNECTED", "message": "node not connected"},
        "nodeCommandDispatched": dispatched,
    }))
}

fn timed_out(call: &Invoke) -> ErrorShape {
    let message = format!("node did not answer {} within {} ms", call.command, call.timeout.as_millis());
    ErrorShape::unavailable(message.clone()).with_details(json!({
        "code": "TIMEOUT",
        "nodeError": {"code": "TIMEOUT", "message": message},
        "nodeCommandDispatched": true,
    }))
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

/// Takes a node in: its declaration is compared with what was approved, in one transaction.
pub(super) async fn join(
    shared: &Shared,
    handle: &ConnHandle,
    admitted: &Admitted,
) -> Result<(), ErrorShape> {
    let Some(node_id) = handle.principal().device_id.clone() else {
        return Err(ErrorShape::new(ErrorCode::NotPaired, "device identity required"));
    };
    let client = &admitted.params.client;
    let declaration = NodeDeclaration {
        node_id: node_id.clone(),
        client_id: client.id.clone(),
        client_mode: client.mode.clone(),
        display_name: client.display_name.clone(),
        platform: Some(client.platform.clone()),
        version: Some(client.version.clone()),
        device_family: client.device_family.clone(),
        caps: admitted.params.caps.clone(),
        commands: shared.settings.node_commands.filter(&admitted.params.commands),
        path_env: admitted.params.path_env.clone(),
    };
    let declared = shared.store.declare_node(declaration.clone()).await.map_err(store_error)?;
    let node = NodeConn {
        handle: handle.clone(),
        declared: declaration,
        approved: declared.approved.as_ref().map(|s| s.declaration.commands.clone()),
        pending_request: declared.pending.as_ref().map(|p| p.request_id.clone()),
        connected_at_ms: shared.clock.now_ms(),
        host_stats: None,
    };
    let previous = shared.hub.nodes.connected().insert(node_id, node);
    if let Some(previous) = previous {
        previous
            .handle
            .close(protocol::limits::CloseCode::Normal, "replaced by a newer connection of this node");
        fail_pending(shared, previous.handle.id());
    }
    if let (true, Some(request)) = (declared.newly_pending, &declared.pending) {
        tracing::info!(node = %request.declaration.node_id, request = %request.request_id,
            "node commands wait for approval: openclaw nodes approve {}", request.request_id);
        let to = Audience::Operators(Scope::Pairing);
        shared.hub.broadcast(to, "node.pair.requested", &request_json(request), false);
    }
    Ok(())
}

/// Takes a node out, unless a newer connection of it is there already.
pub(super) fn leave(shared: &Shared, handle: &ConnHandle) {
    if let Some(node_id) = handle.principal().device_id.as_deref() {
        let mut connected = shared.hub.nodes.connected();
        if connected.get(node_id).is_some_and(|n| n.handle.id() == handle.id()) {
            connected.remove(node_id);
        }
        drop(connected);
        fail_pending(shared, handle.id());
    }
}

fn fail_pending(shared: &Shared, conn_id: &str) {
    let mut pending = shared.hub.nodes.pending();
    let ids: Vec<String> =
        pending.iter().filter(|(_, p)| p.conn_id == conn_id).map(|(id, _)| id.clone()).collect();
    let lost: Vec<Pending> = ids.iter().filter_map(|id| pending.remove(id)).collect();
    drop(pending);
    for entry in lost {
        // A caller that is gone already needs no answer.
        let _ = entry.answer.send(Err(not_connected(true)));
    }
}

/// A request as `node.pair.list` and `node.pair.requested` show it.
pub(crate) fn request_json(request: &NodeRequest) -> Value {
    let mut out = Map::new();
    out.insert("requestId".into(), json!(request.request_id));
    out.extend(declaration_json(&request.declaration));
    let scopes: Vec<&str> =
        approval_scopes(&request.declaration.commands).iter().map(|s| s.as_str()).collect();
    out.insert("requiredApproveScopes".into(), json!(scopes));
    out.insert("ts".into(), json!(request.ts));
    Value::Object(out)
}

/// A declaration's fields, in the recorded order.
pub(crate) fn declaration_json(declaration: &NodeDeclaration) -> Map<String, Value> {
    use crate::pairing::put_some;
    let mut out = Map::new();
    out.insert("nodeId".into(), json!(declaration.node_id));
    out.insert("clientId".into(), json!(declaration.client_id));
    out.insert("clientMode".into(), json!(declaration.client_mode));
    put_some(&mut out, "displayName", &declaration.display_name);
    put_some(&mut out, "platform", &declaration.platform);
    put_some(&mut out, "version", &declaration.version);
    put_some(&mut out, "deviceFamily", &declaration.device_family);
    out.insert("caps".into(), json!(declaration.caps));
    out.insert("commands".into(), json!(declaration.commands));
    out
}
