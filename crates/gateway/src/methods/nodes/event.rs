//! `node.event`: what a node reports by itself.

use crate::hub::Audience;
use crate::methods::{Answer, Call, store_error};
use protocol::{ErrorShape, Scope};
use serde::Deserialize;
use serde_json::{Value, json};

/// Statistics larger than this are no statistics.
const MAX_STATS_BYTES: usize = 4096;

#[derive(Deserialize)]
struct Params {
    event: String,
    payload: Option<Value>,
    #[serde(rename = "payloadJSON")]
    payload_json: Option<Value>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let payload = match (p.payload_json, p.payload) {
        (Some(Value::String(text)), _) => serde_json::from_str(&text).unwrap_or_default(),
        (_, payload) => payload.unwrap_or_default(),
    };
    let node_id = call.conn.principal().device_id.clone().unwrap_or_default();
    check_approved(&call, &node_id).await?;
    let outcome = match p.event.as_str() {
        "node.host.stats" => host_stats(&call, &node_id, payload),
        // The caller of the command gets its result; these are for the log.
        "exec.started" | "exec.finished" | "exec.denied" => {
            tracing::debug!(node = %node_id, event = %p.event, run = payload["runId"].as_str(), "node");
            Ok(())
        }
        "node.presence.alive" => {
            call.shared.store.touch_device(&node_id).await.map_err(store_error)?;
            Ok(())
        }
        other => {
            let other: String = other.chars().take(80).collect();
            tracing::debug!(node = %node_id, event = %other, "a node event that nothing here uses");
            Err("unsupported_event")
        }
    };
    let mut out = json!({"ok": true, "event": p.event, "handled": outcome.is_ok()});
    if let Err(reason) = outcome {
        out["reason"] = json!(reason);
    }
    Ok(out.into())
}

/// Until an operator has approved what the node offers, it is told so, and by which command (recorded in
/// `samples/flow-node-pair-approve-invoke.jsonl`). A node that offers nothing has nothing to wait for.
async fn check_approved(call: &Call, node_id: &str) -> Result<(), ErrorShape> {
    let Some(node) = call.shared.hub.nodes.get(node_id) else { return Ok(()) };
    let offers = !node.declared.commands.is_empty() || !node.declared.caps.is_empty();
    if node.approved.is_some() || !offers {
        return Ok(());
    }
    // What is shown of a node may be behind; the store is not.
    if call.shared.store.node(node_id).await.map_err(store_error)?.is_some() {
        return Ok(());
    }
    Err(ErrorShape::unavailable(match node.pending_request {
        Some(request) => format!(
            "node capability surface is awaiting operator approval; run `openclaw nodes approve {request}` \
             (see `openclaw nodes pending`), then this node retries automatically"
        ),
        None => {
            "node capability surface was rejected or its approval removed; reconnect the node to ask again"
                .to_owned()
        }
    }))
}

fn host_stats(call: &Call, node_id: &str, mut stats: Value) -> Result<(), &'static str> {
    if !stats.is_object() || stats.to_string().len() > MAX_STATS_BYTES {
        return Err("invalid_payload");
    }
    stats["updatedAtMs"] = json!(call.shared.clock.now_ms());
    if !call.shared.hub.nodes.set_stats(node_id, stats.clone()) {
        return Err("too_soon");
    }
    let payload = json!({"nodeId": node_id, "hostStats": stats});
    call.shared.hub.broadcast(Audience::Operators(Scope::Read), "node.hostStats", &payload, true);
    Ok(())
}
