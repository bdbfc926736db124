//! `node.list` and `node.describe`: paired nodes, connected or not.

use crate::hub::nodes::NodeConn;
use crate::methods::{Answer, Call, store_error};
use crate::pairing::put_some;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use store::{Device, NodeDeclaration, NodeSurface};

pub(super) async fn list(call: Call) -> Answer {
    let mut nodes: Vec<Value> = all(&call).await?.into_values().collect();
    // Connected ones first, then those seen last.
    let rank = |n: &Value| (n["connected"] != true, -n["lastSeenAtMs"].as_i64().unwrap_or(0));
    nodes.sort_by_key(rank);
    Ok(json!({"ts": call.shared.clock.now_ms(), "nodes": nodes}).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    node_id: String,
}

pub(super) async fn describe(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let node = all(&call).await?.remove(&p.node_id);
    let Some(Value::Object(node)) = node else {
        return Err(ErrorShape::invalid(format!(
            "unknown node {}; node.list names those that are paired",
            p.node_id
        )));
    };
    let mut out = Map::new();
    out.insert("ts".into(), json!(call.shared.clock.now_ms()));
    out.extend(node);
    Ok(Value::Object(out).into())
}

/// Every node: those connected, those with approved commands, and those that are paired alone.
async fn all(call: &Call) -> Result<BTreeMap<String, Value>, ErrorShape> {
    let shared = &call.shared;
    let mut surfaces: BTreeMap<String, NodeSurface> = shared
        .store
        .nodes()
        .await
        .map_err(store_error)?
        .into_iter()
        .map(|s| (s.declaration.node_id.clone(), s))
        .collect();
    let mut out = BTreeMap::new();
    for node in shared.hub.nodes.all() {
        let surface = surfaces.remove(&node.declared.node_id);
        out.insert(node.declared.node_id.clone(), connected(call, &node, surface.as_ref()).await?);
    }
    for (id, surface) in surfaces {
        out.insert(id, away(&surface.declaration, Some(&surface), surface.last_seen_at_ms));
    }
    let devices = shared.store.devices().await.map_err(store_error)?;
    for mut device in devices.into_iter().filter(|d| d.roles.iter().any(|r| r == "node")) {
        let (seen, label) = (device.last_seen_at_ms, device.label.take());
        let node =
            out.entry(device.device_id.clone()).or_insert_with(|| away(&undeclared(device), None, seen));
        // The operator's own name goes before the one that the node gives itself.
        if let Some(label) = label {
            node["displayName"] = json!(label);
        }
    }
    Ok(out)
}

async fn connected(call: &Call, node: &NodeConn, surface: Option<&NodeSurface>) -> Result<Value, ErrorShape> {
    let mut out = base(&node.declared);
    // The store says what is approved; the connection, what of that is offered now.
    let approved = surface.map(|s| &s.declaration.commands);
    let offered = node.declared.commands.iter();
    let commands = offered.filter(|c| approved.is_some_and(|a| a.contains(c))).cloned().collect();
    let caps = if surface.is_some() { node.declared.caps.clone() } else { vec![] };
    out.insert("caps".into(), json!(sorted(caps)));
    out.insert("commands".into(), json!(sorted(commands)));
    if let Some(stats) = &node.host_stats {
        out.insert("hostStats".into(), stats.clone());
    }
    let lent = if call.shared.settings().node_tools { node.tools() } else { Vec::new() };
    out.insert("nodePluginTools".into(), json!(lent));
    put_some(&mut out, "pathEnv", &node.declared.path_env);
    match &node.pending_request {
        Some(id) => {
            let request = call.shared.store.node_request(id).await.map_err(store_error)?;
            out.insert("approvalState".into(), json!("pending-approval"));
            out.insert("pendingRequestId".into(), json!(id));
            if let Some(request) = request {
                out.insert("pendingDeclaredCaps".into(), json!(request.declaration.caps));
                out.insert("pendingDeclaredCommands".into(), json!(request.declaration.commands));
            }
        }
        None => {
            let state = if surface.is_some() { "approved" } else { "unapproved" };
            out.insert("approvalState".into(), json!(state));
        }
    }
    for name in ["connectedAtMs", "lastConnectedAtMs", "lastSeenAtMs"] {
        out.insert(name.into(), json!(node.connected_at_ms));
    }
    out.insert("lastSeenReason".into(), json!("connect"));
    if let Some(surface) = surface {
        out.insert("approvedAtMs".into(), json!(surface.approved_at_ms));
    }
    out.insert("paired".into(), json!(true));
    out.insert("connected".into(), json!(true));
    Ok(Value::Object(out))
}

fn away(declaration: &NodeDeclaration, surface: Option<&NodeSurface>, seen: Option<i64>) -> Value {
    let mut out = base(declaration);
    out.insert("caps".into(), json!(sorted(declaration.caps.clone())));
    out.insert("commands".into(), json!(sorted(declaration.commands.clone())));
    out.insert("approvalState".into(), json!(if surface.is_some() { "approved" } else { "unapproved" }));
    if let Some(seen) = seen {
        out.insert("lastSeenAtMs".into(), json!(seen));
        out.insert("lastSeenReason".into(), json!("connect"));
    }
    if let Some(surface) = surface {
        out.insert("approvedAtMs".into(), json!(surface.approved_at_ms));
    }
    out.insert("paired".into(), json!(true));
    out.insert("connected".into(), json!(false));
    Value::Object(out)
}

/// Requests show names as they were declared; this list shows them in order, as recorded.
fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn base(declaration: &NodeDeclaration) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("nodeId".into(), json!(declaration.node_id));
    put_some(&mut out, "displayName", &declaration.display_name);
    put_some(&mut out, "platform", &declaration.platform);
    put_some(&mut out, "version", &declaration.version);
    out.insert("clientId".into(), json!(declaration.client_id));
    out.insert("clientMode".into(), json!(declaration.client_mode));
    put_some(&mut out, "deviceFamily", &declaration.device_family);
    out.insert("sessionHost".into(), json!(false));
    out
}

fn undeclared(device: Device) -> NodeDeclaration {
    NodeDeclaration {
        node_id: device.device_id,
        client_id: device.client_id,
        client_mode: device.client_mode,
        display_name: device.display_name,
        platform: device.platform,
        device_family: device.device_family,
        ..NodeDeclaration::default()
    }
}
