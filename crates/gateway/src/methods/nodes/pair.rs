//! `node.pair.*`: the second approval, which says what a paired node may be asked to do.

use crate::hub::Audience;
use crate::hub::nodes::{declaration_json, request_json};
use crate::hub::policy::approval_scopes;
use crate::methods::request::{self, RequestId};
use crate::methods::{Answer, Call, store_error};
use protocol::{ErrorShape, Scope};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::NodeSurface;

pub(super) async fn list(call: Call) -> Answer {
    let pending = call.shared.store.node_requests().await.map_err(store_error)?;
    let paired = call.shared.store.nodes().await.map_err(store_error)?;
    let paired: Vec<Value> = paired
        .iter()
        .map(|surface| {
            let mut out = surface_json(surface);
            if let Some(node) = call.shared.hub.nodes.get(&surface.declaration.node_id) {
                out.insert("lastConnectedAtMs".into(), json!(node.connected_at_ms));
                if let Some(stats) = node.host_stats {
                    out.insert("lastHostStats".into(), stats);
                }
            }
            Value::Object(out)
        })
        .collect();
    let pending: Vec<Value> = pending.iter().map(request_json).collect();
    Ok(json!({"pending": pending, "paired": paired}).into())
}

fn unknown(request_id: &str) -> ErrorShape {
    request::unknown(request_id, "node.pair.list")
}

pub(super) async fn approve(mut call: Call) -> Answer {
    let p: RequestId = call.params()?;
    let shared = &call.shared;
    let request = shared.store.node_request(&p.request_id).await.map_err(store_error)?;
    let request = request.ok_or_else(|| unknown(&p.request_id))?;
    let needed = approval_scopes(&request.declaration.commands);
    if let Some(missing) = needed.iter().find(|s| !call.conn.principal().may(**s)) {
        let required: Vec<&str> = needed.iter().map(|s| s.as_str()).collect();
        return Err(ErrorShape::missing_scope(missing.as_str(), &required));
    }
    // The request's content is fixed under its id, so what was checked above is what is approved here.
    let Some((_, surface)) = shared.store.approve_node(&p.request_id).await.map_err(store_error)? else {
        return Err(unknown(&p.request_id));
    };
    let node_id = &surface.declaration.node_id;
    shared.hub.nodes.decided(node_id, Some(&p.request_id), Some(&surface));
    tracing::info!(node = %node_id, commands = ?surface.declaration.commands, "node commands approved");
    resolved(&call, &p.request_id, node_id, "approved");
    Ok(json!({"requestId": p.request_id, "node": surface_json(&surface)}).into())
}

pub(super) async fn reject(mut call: Call) -> Answer {
    let p: RequestId = call.params()?;
    let rejected = call.shared.store.reject_node(&p.request_id).await.map_err(store_error)?;
    let request = rejected.ok_or_else(|| unknown(&p.request_id))?;
    let node_id = request.declaration.node_id;
    let approved = call.shared.store.node(&node_id).await.map_err(store_error)?;
    call.shared.hub.nodes.decided(&node_id, Some(&p.request_id), approved.as_deref());
    resolved(&call, &p.request_id, &node_id, "rejected");
    Ok(json!({"requestId": p.request_id, "nodeId": node_id}).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeId {
    node_id: String,
}

/// Takes the approval of a node's commands back, and its request with it; the device stays paired.
pub(super) async fn remove(mut call: Call) -> Answer {
    let p: NodeId = call.params()?;
    let nodes = &call.shared.hub.nodes;
    let (was_approved, request) = call.shared.store.remove_node(&p.node_id).await.map_err(store_error)?;
    let request_id = request.as_ref().map(|r| r.request_id.as_str());
    nodes.decided(&p.node_id, request_id, None);
    nodes.approval_removed(&p.node_id);
    if !was_approved && request.is_none() {
        return Err(ErrorShape::invalid(format!(
            "unknown node {}; node.pair.list names those with approved commands, and those that ask",
            p.node_id
        )));
    }
    tracing::info!(node = %p.node_id, "approval of node commands taken back");
    if let Some(request_id) = request_id {
        resolved(&call, request_id, &p.node_id, "rejected");
    }
    Ok(json!({"nodeId": p.node_id}).into())
}

fn resolved(call: &Call, request_id: &str, node_id: &str, decision: &str) {
    let payload = request::resolution(call, request_id, ("nodeId", node_id), decision);
    let hub = &call.shared.hub;
    hub.broadcast(Audience::Operators(Scope::Pairing), "node.pair.resolved", &payload, true);
    hub.broadcast(Audience::Device(node_id), "node.pair.resolved", &payload, false);
}

fn surface_json(surface: &NodeSurface) -> Map<String, Value> {
    let mut out = declaration_json(&surface.declaration);
    out.insert("createdAtMs".into(), json!(surface.created_at_ms));
    out.insert("approvedAtMs".into(), json!(surface.approved_at_ms));
    if let Some(seen) = surface.last_seen_at_ms {
        out.insert("lastSeenAtMs".into(), json!(seen));
        out.insert("lastSeenReason".into(), json!("connect"));
    }
    out
}
