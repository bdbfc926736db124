//! `node.invoke.result`: a node's answer to a call. Late, repeated and foreign answers change nothing.

use crate::hub::nodes::node_error;
use crate::methods::{Answer, Call};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    id: String,
    node_id: String,
    ok: bool,
    payload: Option<Value>,
    #[serde(rename = "payloadJSON")]
    payload_json: Option<Value>,
    error: Option<Value>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    if call.conn.principal().device_id.as_ref() != Some(&p.node_id) {
        return Err(ErrorShape::invalid("nodeId mismatch"));
    }
    let answer = if p.ok {
        Ok(match (p.payload_json, p.payload) {
            (Some(Value::String(text)), _) => Some(text),
            (_, Some(payload)) => Some(payload.to_string()),
            _ => None,
        })
    } else {
        Err(node_error(&p.error.unwrap_or_default()))
    };
    if call.shared.hub.nodes.answer(&call.conn, &p.id, answer) {
        return Ok(json!({"ok": true}).into());
    }
    tracing::debug!(id = %p.id, "a node answered a call that nobody waits for");
    Ok(json!({"ok": true, "ignored": true}).into())
}
