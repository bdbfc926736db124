//! `node.pending.pull`, `node.pending.ack`: the calls that a node's app could not take while it was not in front.

use crate::methods::{Answer, Call, store_error};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::{MAX_NODE_CALLS, NodeCallRow};

/// The calls go on waiting until the node says that it has taken them up. Those that it may not be asked for any more are not shown.
pub(super) async fn pull(call: Call) -> Answer {
    let node_id = call.conn.principal().device_id.clone().unwrap_or_default();
    let shared = &call.shared;
    let calls = shared.store.node_calls(&node_id).await.map_err(store_error)?;
    let approved = shared.store.node(&node_id).await.map_err(store_error)?;
    let declared = shared.hub.nodes.get(&node_id).map(|node| node.declared.commands).unwrap_or_default();
    let settings = shared.settings();
    let may_be_asked = |command: &String| {
        let approved = approved.as_ref().is_some_and(|s| s.declaration.commands.contains(command));
        approved && declared.contains(command) && settings.node_commands.allows(command)
    };
    let actions: Vec<Value> =
        calls.into_iter().filter(|call| may_be_asked(&call.command)).map(action).collect();
    Ok(json!({"nodeId": node_id, "actions": actions}).into())
}

fn action(call: NodeCallRow) -> Value {
    let mut out = Map::new();
    out.insert("id".into(), json!(call.id));
    out.insert("command".into(), json!(call.command));
    crate::pairing::put_some(&mut out, "paramsJSON", &call.params);
    out.insert("enqueuedAtMs".into(), json!(call.created_at_ms));
    Value::Object(out)
}

#[derive(Deserialize)]
struct Ack {
    ids: Vec<String>,
}

pub(super) async fn ack(mut call: Call) -> Answer {
    let p: Ack = call.params()?;
    if p.ids.is_empty() || p.ids.len() > MAX_NODE_CALLS {
        return Err(ErrorShape::invalid(format!(
            "invalid node.pending.ack params: at /ids: must have 1 to {MAX_NODE_CALLS} items"
        )));
    }
    let node_id = call.conn.principal().device_id.clone().unwrap_or_default();
    let (ended, left) = call.shared.store.end_node_calls(&node_id, p.ids).await.map_err(store_error)?;
    Ok(json!({"nodeId": node_id, "ackedIds": ended, "remainingCount": left}).into())
}
