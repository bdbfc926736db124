//! Calls that the gateway answers by itself: 8 connections with 4 calls in flight on each.

use super::join;
use crate::failure::Result;
use crate::plan::Plan;
use crate::report::Figures;
use crate::stats::{Round, Rounds};
use crate::wire::{Frame, Target, Wire};
use protocol::frame::encode_request;
use serde_json::json;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const CONNECTIONS: usize = 8;
const IN_FLIGHT: usize = 4;

pub(super) async fn measure(target: &Target, plan: &Plan, figures: &mut Figures) -> Result<()> {
    for (key, method) in
        [("health", "health"), ("sessions_list", "sessions.list"), ("presence", "system-presence")]
    {
        let mut rounds = Rounds::default();
        for _ in 0..plan.rounds {
            rounds.0.push(round(target, method, plan.calls / CONNECTIONS).await?);
        }
        figures.set(key, rounds.per_second());
        if key == "health" {
            figures.set("health_p50", rounds.quantile_ms(0.5));
        }
    }
    Ok(())
}

async fn round(target: &Target, method: &'static str, each: usize) -> Result<Round> {
    let mut wires = Vec::new();
    for _ in 0..CONNECTIONS {
        wires.push(Wire::operator(target).await?);
    }
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for wire in wires {
        workers.spawn(worker(wire, method, each));
    }
    let latencies = join(workers).await?;
    Ok(Round::new(latencies, begun.elapsed()))
}

/// Keeps [`IN_FLIGHT`] calls in flight until `each` are answered. The id of a call is its number.
async fn worker(mut wire: Wire, method: &'static str, each: usize) -> Result<Vec<Duration>> {
    let params = json!({});
    let mut sent: Vec<Instant> = Vec::with_capacity(each);
    let mut latencies = Vec::with_capacity(each);
    while latencies.len() < each {
        while sent.len() < each && sent.len() - latencies.len() < IN_FLIGHT {
            let request = encode_request(&sent.len().to_string(), method, &params);
            sent.push(Instant::now());
            wire.send(request).await?;
        }
        let text = wire.receive().await?;
        let frame = Frame::read(&text)?;
        let Some(id) = &frame.id else { continue };
        frame.accepted()?;
        if let Some(at) = id.parse().ok().and_then(|n: usize| sent.get(n)) {
            latencies.push(at.elapsed());
        }
    }
    Ok(latencies)
}
