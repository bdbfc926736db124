//! `node.invoke.progress`: what a node's command has given so far. Of a call that is over, or another node's, it changes nothing.

use crate::methods::{Answer, Call};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;

/// Bytes that a chunk may have.
const MAX_CHUNK: usize = 16 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    invoke_id: String,
    node_id: String,
    seq: u64,
    chunk: String,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    if call.conn.principal().device_id.as_deref() != Some(&p.node_id) {
        return Err(ErrorShape::invalid("nodeId mismatch: a node reports about its own calls"));
    }
    if p.chunk.len() > MAX_CHUNK {
        return Err(ErrorShape::invalid(format!(
            "progress chunk too large: it has {} bytes and may have {MAX_CHUNK}",
            p.chunk.len()
        )));
    }
    let taken = call.shared.hub.nodes.progress(&call.conn, &p.invoke_id, p.seq, p.chunk);
    Ok(json!({"ok": true, "ignored": !taken}).into())
}
