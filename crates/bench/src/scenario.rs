//! The scenarios, one a file, and the order they are run in.

mod cli;
mod connect;
mod invoke;
mod memory;
mod rpc;
mod start;
mod turn;

use crate::args::Other;
use crate::failure::{Context, Failure, Result};
use crate::fakes::Fakes;
use crate::plan::Plan;
use crate::process::{Home, Running, rss_mb};
use crate::report::Figures;
use crate::wire::Target;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinSet;

/// Everything, against a gateway of ours.
pub(crate) async fn ours(binary: &Path, plan: &Plan) -> Result<Figures> {
    let mut figures = Figures::of("openclaw");
    figures.set("binary", std::fs::metadata(binary)?.len() as f64 / 1e6);
    let fakes = Fakes::start().await;
    start::measure(binary, &fakes.config(), plan, &mut figures).await.context("start")?;

    let home = Home::new(&fakes.config())?;
    let gateway = Running::start(binary, &home).await?;
    memory::idle(&gateway, &fakes, plan, &mut figures).await.context("idle memory")?;
    turn::prompt(&gateway.target(), &fakes.model, &mut figures).await.context("the prompt")?;
    cli::measure(&gateway, binary, plan, &mut figures).await.context("command line")?;
    calls(&gateway.target(), plan, &mut figures).await?;
    gateway.stop().await?;

    // Turns get a gateway of their own: what its memory holds then comes from them.
    let home = Home::new(&fakes.config())?;
    let gateway = Running::start(binary, &home).await?;
    memory::after_turns(&gateway, plan, &mut figures).await.context("turns")?;
    let long = turn::rounds(&gateway.target(), &turn::Load::growing(plan)).await.context("long session")?;
    figures.set("turn_long_p50", long.quantile_ms(0.5));
    gateway.stop().await?;
    Ok(figures)
}

/// What can be asked of a gateway that somebody else runs.
pub(crate) async fn other(other: &Other, plan: &Plan) -> Result<Figures> {
    let mut figures = Figures::of("the other");
    if let Some(pid) = other.pid {
        figures.set("rss_idle", rss_mb(pid)?);
    }
    calls(&other.target, plan, &mut figures).await?;
    if other.turns {
        turn::measure(&other.target, plan, &mut figures).await.context("turns")?;
    }
    Ok(figures)
}

async fn calls(target: &Target, plan: &Plan, figures: &mut Figures) -> Result<()> {
    connect::measure(target, plan, figures).await.context("connects")?;
    rpc::measure(target, plan, figures).await.context("calls")?;
    invoke::measure(target, plan, figures).await.context("node.invoke")
}

/// Waits for all workers of a scenario; the first failure ends the others.
async fn join(mut workers: JoinSet<Result<Vec<Duration>>>) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    while let Some(ended) = workers.join_next().await {
        let worker = ended.map_err(|e| Failure::new(format!("a worker failed: {e}")))?;
        latencies.extend(worker?);
    }
    Ok(latencies)
}
