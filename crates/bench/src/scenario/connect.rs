//! New connections with the whole handshake, 20 at a time, held until the round is over.

use crate::failure::{Failure, Result};
use crate::plan::Plan;
use crate::report::Figures;
use crate::stats::{Round, Rounds};
use crate::wire::{Target, Wire};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Handshakes under way.
const AT_A_TIME: usize = 20;

pub(super) async fn measure(target: &Target, plan: &Plan, figures: &mut Figures) -> Result<()> {
    let mut rounds = Rounds::default();
    for _ in 0..plan.rounds {
        rounds.0.push(round(target, plan.connects).await?);
    }
    figures.set("connects", rounds.per_second());
    Ok(())
}

async fn round(target: &Target, connects: usize) -> Result<Round> {
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..AT_A_TIME {
        let target = target.clone();
        workers.spawn(async move {
            let (mut held, mut latencies) = (Vec::new(), Vec::new());
            for _ in 0..connects / AT_A_TIME {
                let asked = Instant::now();
                held.push(Wire::operator(&target).await?);
                latencies.push(asked.elapsed());
            }
            Ok::<_, Failure>((held, latencies))
        });
    }
    let (mut held, mut latencies) = (Vec::new(), Vec::new());
    while let Some(ended) = workers.join_next().await {
        let (wires, times) = ended.map_err(|e| Failure::new(format!("a worker failed: {e}")))??;
        held.extend(wires);
        latencies.extend(times);
    }
    let round = Round::new(latencies, begun.elapsed());
    drop(held);
    Ok(round)
}
