//! `health`: how the gateway is doing (`samples/rpc.jsonl`). Asks for no scope: probes, which hold none, may call it.

use super::{Answer, Call};

pub(super) async fn handle(call: Call) -> Answer {
    if let Some(fresh) = call.shared.health.fresh() {
        return Ok(fresh.into());
    }
    Ok(call.shared.health.current(&call.shared).await.into())
}
