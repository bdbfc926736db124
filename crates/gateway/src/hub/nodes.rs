//! Connected nodes: what each declared, what was approved of it, and its way out.

pub(crate) mod calls;
pub(crate) mod files;
pub(crate) mod foreground;
mod progress;
pub(crate) mod published;
pub(crate) mod reconsider;
pub(crate) mod skills;

use super::Audience;
use super::platform::Platform;
use super::policy::approval_scopes;
use crate::connection::handshake::Admitted;
use crate::connection::outbound::ConnHandle;
use crate::methods::store_error_unseen;
use crate::shared::Shared;
use calls::Pending;
pub(crate) use calls::{By, DEFAULT_TIMEOUT, Invoke, MAX_TIMEOUT, node_error};
use protocol::{ErrorCode, ErrorShape, Scope};
use published::PluginTool;
use serde_json::{Map, Value, json};
use skills::NodeSkill;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use store::{Declared, NodeDeclaration, NodeRequest, NodeSurface};
use tokio::time::Instant;

/// A node's statistics are passed on at most this often; what comes in between is kept and not passed on.
const STATS_GAP: Duration = Duration::from_secs(1);

/// A node that is connected.
#[derive(Debug, Clone)]
pub(crate) struct NodeConn {
    handle: ConnHandle,
    /// The commands that it offers, whatever the policy says.
    offered: Arc<[String]>,
    platform: Platform,
    /// What it declared, policy applied.
    pub(crate) declared: NodeDeclaration,
    /// Of that, what an operator approved: a copy, to be shown. Whether a command may be called is asked of the store.
    pub(crate) approved: Option<Vec<String>>,
    /// The request that waits for approval: to be shown.
    pub(crate) pending_request: Option<String>,
    /// Since when.
    pub(crate) connected_at_ms: i64,
    /// Its last `node.host.stats`.
    pub(crate) host_stats: Option<Value>,
    stats_sent: Option<Instant>,
    /// What it lends to agents, whether or not it may be called.
    published: Arc<[PluginTool]>,
    /// Its skills, whether or not they are told.
    skills: Arc<[NodeSkill]>,
}

impl NodeConn {
    /// The commands that may be called now.
    pub(crate) fn commands(&self) -> Vec<String> {
        let approved = self.approved.as_deref().unwrap_or_default();
        self.declared.commands.iter().filter(|c| approved.contains(c)).cloned().collect()
    }
}

/// Nodes and pending calls.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    connected: Mutex<HashMap<String, NodeConn>>,
    pending: Mutex<HashMap<String, Pending>>,
    /// Held while all nodes are held against a new policy.
    reconsidering: tokio::sync::Mutex<()>,
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

    /// Tells a connected node's entry what was decided about its commands. A newer request of it goes on waiting.
    pub(crate) fn decided(&self, node_id: &str, request_id: Option<&str>, approved: Option<&NodeSurface>) {
        if let Some(node) = self.connected().get_mut(node_id) {
            node.approved = approved.map(|s| s.declaration.commands.clone());
            if node.pending_request.as_deref() == request_id {
                node.pending_request = None;
            }
        }
    }

    /// Keeps a node's statistics; true where they should be passed on now.
    pub(crate) fn set_stats(&self, node_id: &str, stats: Value) -> bool {
        let mut connected = self.connected();
        let Some(node) = connected.get_mut(node_id) else { return false };
        node.host_stats = Some(stats);
        let now = Instant::now();
        let due = node.stats_sent.is_none_or(|at| now.duration_since(at) >= STATS_GAP);
        if due {
            node.stats_sent = Some(now);
        }
        due
    }
}

/// Takes a node in: its declaration is compared with what was approved, in one transaction.
pub(super) async fn join(
    shared: &Arc<Shared>,
    handle: &ConnHandle,
    admitted: &Admitted,
) -> Result<(), ErrorShape> {
    let Some(node_id) = handle.principal().device_id.clone() else {
        return Err(ErrorShape::new(ErrorCode::NotPaired, "device identity required"));
    };
    let client = &admitted.params.client;
    let platform = Platform::of(&client.platform, client.device_family.as_deref());
    let declaration = NodeDeclaration {
        node_id: node_id.clone(),
        client_id: client.id.clone(),
        client_mode: client.mode.clone(),
        display_name: client.display_name.clone(),
        platform: Some(client.platform.clone()),
        version: Some(client.version.clone()),
        device_family: client.device_family.clone(),
        caps: admitted.params.caps.clone(),
        commands: shared.settings().node_commands.filter(platform, &admitted.params.commands),
        path_env: admitted.params.path_env.clone(),
    };
    let declared = shared.store.declare_node(declaration.clone()).await.map_err(store_error_unseen)?;
    let node = NodeConn {
        handle: handle.clone(),
        offered: admitted.params.commands.clone().into(),
        platform,
        declared: declaration,
        approved: declared.approved.as_ref().map(|s| s.declaration.commands.clone()),
        pending_request: declared.pending.as_ref().map(|p| p.request_id.clone()),
        connected_at_ms: shared.clock.now_ms(),
        host_stats: None,
        stats_sent: None,
        published: Arc::default(),
        skills: Arc::default(),
    };
    let (offered, filtered) = (node.offered.clone(), node.declared.commands.clone());
    let previous = shared.hub.nodes.connected().insert(node_id, node);
    if let Some(previous) = previous {
        previous
            .handle
            .close(protocol::limits::CloseCode::Normal, "replaced by a newer connection of this node");
        calls::fail(shared, previous.handle.id());
    }
    announce(shared, &declared);
    // The policy may have changed between the look at it and the entry, which the change then did not find.
    if shared.settings().node_commands.filter(platform, &offered) != filtered {
        let shared = shared.clone();
        shared.clone().lifecycle.spawn(async move { reconsider::reconsider(&shared).await });
    }
    shared.voice_wake.tell(handle);
    Ok(())
}

/// Tells operators of a request that is new.
fn announce(shared: &Shared, declared: &Declared) {
    if let (true, Some(request)) = (declared.newly_pending, &declared.pending) {
        tracing::info!(node = %request.declaration.node_id, request = %request.request_id,
            "node commands wait for approval: openclaw nodes approve {}", request.request_id);
        let to = Audience::Operators(Scope::Pairing);
        shared.hub.broadcast(to, "node.pair.requested", &request_json(request), false);
    }
}

/// Takes a node out, unless a newer connection of it is there already.
pub(super) fn leave(shared: &Shared, handle: &ConnHandle) {
    if let Some(node_id) = handle.principal().device_id.as_deref() {
        let mut connected = shared.hub.nodes.connected();
        if connected.get(node_id).is_some_and(|n| n.handle.id() == handle.id()) {
            connected.remove(node_id);
        }
        drop(connected);
        calls::fail(shared, handle.id());
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
