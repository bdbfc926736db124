//! The scenarios, one a file, and the order they are run in.

mod cli;
pub(crate) mod commands;
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
use crate::process::{Home, Program, Running, rss_mb};
use crate::report::Figures;
use crate::wire::{Target, Wire, first};
use serde_json::json;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How a program is measured.
pub(crate) struct Subject<'a> {
    pub(crate) name: &'static str,
    pub(crate) program: &'a Program,
    pub(crate) plan: &'a Plan,
    /// Calls must be answered for this long without a refusal before anything is measured: another gateway may go on with
    /// its start after it says that it is up.
    pub(crate) calm: Duration,
}

/// Everything, against gateways of this program that are started here.
pub(crate) async fn program(subject: &Subject<'_>) -> Result<Figures> {
    let Subject { name, program, plan, calm } = *subject;
    let mut figures = Figures::of(name);
    let fakes = Fakes::start().await;
    start::measure(program, &fakes.config(), plan, &mut figures).await.context("start")?;

    let home = Home::new(&fakes.config())?;
    let gateway = Running::start(program, &home).await?;
    settle(&gateway.target(), calm).await.context("becoming calm")?;
    memory::idle(&gateway, &fakes, plan, &mut figures).await.context("idle memory")?;
    turn::prompt(&gateway.target(), &fakes.model, &mut figures).await.context("the prompt")?;
    cli::measure(&gateway, program, plan, &mut figures).await.context("command line")?;
    calls(&gateway.target(), plan, &mut figures).await?;
    gateway.stop().await?;

    // Turns get a gateway of their own: what its memory holds then comes from them.
    let home = Home::new(&fakes.config())?;
    let gateway = Running::start(program, &home).await?;
    settle(&gateway.target(), calm).await.context("becoming calm")?;
    memory::after_turns(&gateway, plan, &mut figures).await.context("turns")?;
    let long = turn::rounds(&gateway.target(), &turn::Load::growing(plan)).await.context("long session")?;
    figures.set("turn_long_p50", long.quantile_ms(0.5));
    gateway.stop().await?;
    Ok(figures)
}

/// A gateway that is not calm by then never will be.
const CALM_PATIENCE: Duration = Duration::from_secs(240);
const CALM_LOOK: Duration = Duration::from_millis(500);

/// Waits until calls have been answered for `calm` without a refusal.
async fn settle(target: &Target, calm: Duration) -> Result<()> {
    let begun = Instant::now();
    let mut calm_since = Instant::now();
    let mut last = None;
    while calm_since.elapsed() < calm {
        if let Err(refusal) = ask_once(target).await {
            last = Some(refusal);
            calm_since = Instant::now();
        }
        if begun.elapsed() > CALM_PATIENCE {
            return Err(last.unwrap_or_else(|| Failure::new("the gateway never became calm")));
        }
        sleep(CALM_LOOK).await;
    }
    Ok(())
}

async fn ask_once(target: &Target) -> Result<()> {
    let mut wire = Wire::operator(target).await?;
    wire.call("calm", "sessions.list", &json!({}), first).await?;
    Ok(())
}

/// A gateway of another program answers for so long before it counts as up.
pub(crate) const OTHER_CALM: Duration = Duration::from_secs(10);

/// What can be asked of a gateway that somebody else runs.
pub(crate) async fn other(other: &Other, plan: &Plan) -> Result<Figures> {
    let mut figures = Figures::of("the other");
    settle(&other.target, OTHER_CALM).await.context("becoming calm")?;
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
