//! `health`: how the gateway is doing (`samples/rpc.jsonl`). Asks for no scope: probes, which hold none, may call it.

use crate::health::Sight;
use crate::methods::{Answer, Call};

pub(super) async fn handle(call: Call) -> Answer {
    let sight = Sight::of(call.conn.principal());
    Ok(call.shared.health.current(&call.shared).await.seen_by(sight).into())
}
