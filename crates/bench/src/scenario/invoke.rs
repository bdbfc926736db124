//! Round trips through nodes that answer at once: operator → gateway → node → gateway → operator.

use super::join;
use crate::failure::{Failure, Result};
use crate::plan::Plan;
use crate::report::Figures;
use crate::stats::{Round, Rounds};
use crate::wire::{Frame, NODE_COMMAND, Target, Wire, first};
use client::Identity;
use protocol::frame::encode_request;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const NODES: usize = 2;
const CALLERS: usize = 4;
/// What a node answers, as JSON text.
const ANSWER: &str = r#"{"bins":{"git":"/usr/bin/git"}}"#;
/// New nodes are there and approved within this time.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

pub(super) async fn measure(target: &Target, plan: &Plan, figures: &mut Figures) -> Result<()> {
    // Aborted when this is over: the nodes leave.
    let mut nodes = JoinSet::new();
    let mut ids = Vec::new();
    for _ in 0..NODES {
        let identity = Identity::generate()?;
        let wire = Wire::node(target, &identity).await?;
        ids.push(identity.device_id().to_owned());
        nodes.spawn(serve(wire, identity.device_id().to_owned()));
    }
    approve(target, &ids).await?;

    let (mut together, mut alone) = (Rounds::default(), Rounds::default());
    for _ in 0..plan.rounds {
        together.0.push(round(target, &ids, CALLERS, plan.invokes / CALLERS).await?);
        alone.0.push(round(target, &ids, 1, plan.invokes / CALLERS).await?);
    }
    figures.set("invoke", together.per_second());
    figures.set("invoke_p50", together.quantile_ms(0.5));
    figures.set("invoke_p99", together.quantile_ms(0.99));
    figures.set("invoke_alone_p50", alone.quantile_ms(0.5));
    Ok(())
}

#[derive(Deserialize)]
struct InvokeRequest {
    id: String,
}

/// A node that answers every call with [`ANSWER`], until the connection ends.
async fn serve(mut wire: Wire, node_id: String) -> Result<()> {
    loop {
        let text = wire.receive().await?;
        let frame = Frame::read(&text)?;
        let (Some("node.invoke.request"), Some(payload)) = (frame.event.as_deref(), frame.payload) else {
            continue;
        };
        let request: InvokeRequest = serde_json::from_str(payload.get())?;
        let result = json!({"id": request.id, "nodeId": node_id, "ok": true, "payloadJSON": ANSWER});
        wire.send(encode_request(&request.id, "node.invoke.result", &result)).await?;
    }
}

/// Approves the nodes' commands as their requests come in.
async fn approve(target: &Target, ids: &[String]) -> Result<()> {
    let mut admin = Wire::operator(target).await?;
    let begun = Instant::now();
    let mut approved = 0;
    while approved < ids.len() {
        let listed = admin.call("list", "node.pair.list", &json!({}), first).await?;
        let listed: Value = serde_json::from_str(&listed)?;
        for request in listed["pending"].as_array().into_iter().flatten() {
            if ids.iter().any(|id| request["nodeId"] == **id) {
                let params = json!({"requestId": request["requestId"]});
                admin.call("approve", "node.pair.approve", &params, first).await?;
                approved += 1;
            }
        }
        if begun.elapsed() > JOIN_PATIENCE {
            return Err(Failure::new(format!("{approved} of {} nodes could be approved", ids.len())));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

async fn round(target: &Target, ids: &[String], callers: usize, each: usize) -> Result<Round> {
    let mut wires = Vec::new();
    for _ in 0..callers {
        wires.push(Wire::operator(target).await?);
    }
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for (caller, wire) in wires.into_iter().enumerate() {
        let ids = ids.iter().cycle().skip(caller % ids.len().max(1)).take(ids.len()).cloned().collect();
        workers.spawn(caller_loop(wire, ids, each));
    }
    let latencies = join(workers).await?;
    Ok(Round::new(latencies, begun.elapsed()))
}

/// Calls the nodes in turn, one call after the other.
async fn caller_loop(mut wire: Wire, ids: Vec<String>, each: usize) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(each);
    for (number, node) in ids.iter().cycle().take(each).enumerate() {
        let params = json!({
            "nodeId": node, "command": NODE_COMMAND, "params": {"bins": ["git"]}, "timeoutMs": 10_000,
            "idempotencyKey": model::new_id(),
        });
        let asked = Instant::now();
        wire.call(&number.to_string(), "node.invoke", &params, first).await?;
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}
