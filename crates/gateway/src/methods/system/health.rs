//! `health`: how the gateway is doing (`samples/rpc.jsonl`). Asks for no scope: probes, which hold none, may call it. With
//! `probe` the channels' platforms are asked, for those who may read: nobody else makes the gateway call out.

use crate::delivery::channels::TELEGRAM;
use crate::health::Sight;
use crate::methods::{Answer, Call};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// A platform has this long to answer: clients wait ten seconds by themselves.
const PROBE_PATIENCE: Duration = Duration::from_secs(8);

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    probe: bool,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let (shared, sight) = (&call.shared, Sight::of(call.conn.principal()));
    let probes = match p.probe && sight != Sight::Outline {
        true => shared.channels.probe(PROBE_PATIENCE, None).await,
        false => vec![],
    };
    let health = shared.health.current(shared).await.seen_by(sight);
    if probes.is_empty() {
        return Ok(health.into());
    }
    let mut health: Value = serde_json::from_str(health.get())
        .map_err(|e| ErrorShape::unavailable(format!("health cannot be read: {e}")))?;
    let now = shared.clock.now_ms();
    let default = shared.channels.default_account();
    let channel = &mut health["channels"][TELEGRAM];
    for (account, probe) in probes {
        let show = |shown: &mut Value| {
            shown["probe"] = probe.clone();
            shown["lastProbeAt"] = json!(now);
        };
        show(&mut channel["accounts"][&account]);
        if account == default {
            show(channel);
        }
    }
    Ok(health.into())
}
