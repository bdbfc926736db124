//! `node.pending.enqueue`, `node.pending.drain`: requests that wait for a node until it asks for them.

use crate::methods::{Answer, Call, store_error};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::NodeWork;

/// How long a request may wait at least and at most, ms.
const LIFE_MS: std::ops::RangeInclusive<i64> = 1000..=86_400_000;
/// What a node gets at once: where it says nothing, and at most.
const GIVEN: usize = 4;
const MOST: usize = 10;
/// What a node is always asked for, whether or not somebody asked.
const STATUS: &str = "status.request";
/// The id of that request, which nobody made.
const STATUS_ID: &str = "baseline-status";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Enqueue {
    node_id: String,
    r#type: String,
    priority: Option<String>,
    expires_in_ms: Option<i64>,
}

/// A node is not woken: nothing here reaches a sleeping one.
pub(super) async fn enqueue(mut call: Call) -> Answer {
    let p: Enqueue = call.params()?;
    if p.expires_in_ms.is_some_and(|life| !LIFE_MS.contains(&life)) {
        return Err(ErrorShape::invalid(format!(
            "invalid node.pending.enqueue params: at /expiresInMs: must be {} to {}",
            LIFE_MS.start(),
            LIFE_MS.end()
        )));
    }
    let priority = p.priority.as_deref().unwrap_or("normal");
    let added = call.shared.store.add_node_work(&p.node_id, &p.r#type, priority, p.expires_in_ms).await;
    let Some(queue) = added.map_err(store_error)? else {
        return Err(ErrorShape::invalid(format!(
            "unknown node {}; node.list names those that are paired",
            p.node_id
        )));
    };
    Ok(json!({
        "nodeId": p.node_id, "revision": queue.revision, "queued": item(&queue.work), "wakeTriggered": false,
    })
    .into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Drain {
    max_items: Option<usize>,
}

pub(super) async fn drain(mut call: Call) -> Answer {
    let p: Drain = call.params()?;
    let most = p.max_items.unwrap_or(GIVEN);
    if most > MOST {
        return Err(ErrorShape::invalid(format!(
            "invalid node.pending.drain params: at /maxItems: must be <= {MOST}"
        )));
    }
    let node_id = call.conn.principal().device_id.clone().unwrap_or_default();
    let (queue, mut has_more) =
        call.shared.store.take_node_work(&node_id, most).await.map_err(store_error)?;
    let mut items: Vec<Value> = queue.work.iter().map(item).collect();
    // Where there is more, there is one of each type, and the request for the status is among them.
    if !has_more && !queue.work.iter().any(|work| work.kind == STATUS) {
        if items.len() < most {
            items.push(status(call.shared.clock.now_ms()));
        } else {
            has_more = true;
        }
    }
    Ok(json!({"nodeId": node_id, "revision": queue.revision, "items": items, "hasMore": has_more}).into())
}

fn item(work: &NodeWork) -> Value {
    json!({
        "id": work.id, "type": work.kind, "priority": work.priority, "createdAtMs": work.created_at_ms,
        "expiresAtMs": work.expires_at_ms,
    })
}

fn status(now_ms: i64) -> Value {
    json!({"id": STATUS_ID, "type": STATUS, "priority": "default", "createdAtMs": now_ms, "expiresAtMs": null})
}
