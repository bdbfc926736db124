//! Agent turns: `agent` until its final answer, with the transcript on disk by then.

use super::join;
use crate::failure::{Failure, Result};
use crate::plan::Plan;
use crate::report::Figures;
use crate::stats::{Round, Rounds};
use crate::wire::{Target, Wire};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::fake_model::FakeModel;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// People talk in many sessions; this many turns go into one before the next begins.
const TURNS_IN_SESSION: usize = 25;
const CALLERS: usize = 4;

/// Who sends how much.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) callers: usize,
    pub(super) rounds: usize,
    /// Turns of each caller in a round.
    pub(super) each: usize,
    /// Turns before a new session is begun.
    pub(super) in_session: usize,
}

impl Load {
    /// One caller, one session, over and over.
    pub(super) fn growing(plan: &Plan) -> Self {
        Self { callers: 1, rounds: 1, each: plan.long_session, in_session: usize::MAX }
    }
}

/// One caller for the time of a turn, then four for how many there are in a second; [`Plan::turns`] turns in all.
pub(super) async fn measure(target: &Target, plan: &Plan, figures: &mut Figures) -> Result<()> {
    let share = plan.turns / 2 / plan.rounds;
    let alone = Load { callers: 1, rounds: plan.rounds, each: share, in_session: TURNS_IN_SESSION };
    let together = Load { callers: CALLERS, each: share / CALLERS, ..alone.clone() };
    figures.set("turn_p50", rounds(target, &alone).await?.quantile_ms(0.5));
    figures.set("turns", rounds(target, &together).await?.per_second());
    Ok(())
}

/// The load, as many rounds as it says.
pub(super) async fn rounds(target: &Target, load: &Load) -> Result<Rounds> {
    let mut rounds = Rounds::default();
    for _ in 0..load.rounds {
        let mut wires = Vec::new();
        for _ in 0..load.callers {
            wires.push(Wire::operator(target).await?);
        }
        let begun = Instant::now();
        let mut workers = JoinSet::new();
        for wire in wires {
            workers.spawn(worker(wire, load.clone()));
        }
        let latencies = join(workers).await?;
        rounds.0.push(Round::new(latencies, begun.elapsed()));
    }
    Ok(rounds)
}

async fn worker(mut wire: Wire, load: Load) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(load.each);
    let mut session = model::new_id();
    for number in 0..load.each {
        if number > 0 && number.is_multiple_of(load.in_session) {
            session = model::new_id();
        }
        let asked = Instant::now();
        turn(&mut wire, &number.to_string(), &session, "hello").await?;
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}

/// Sends a message and waits for the answer that ends the turn.
async fn turn(wire: &mut Wire, id: &str, session: &str, message: &str) -> Result<()> {
    let params = json!({
        "message": message, "sessionKey": format!("agent:main:bench-{session}"), "deliver": false,
        "idempotencyKey": model::new_id(),
    });
    wire.call(id, "agent", &params, is_final).await?;
    Ok(())
}

/// `agent` is answered twice: accepted, then the end.
fn is_final(payload: &RawValue) -> bool {
    let payload: Value = serde_json::from_str(payload.get()).unwrap_or_default();
    payload["status"] != "accepted"
}

/// What the model is sent for "hi" in a fresh session.
pub(super) async fn prompt(target: &Target, model: &FakeModel, figures: &mut Figures) -> Result<()> {
    let mut wire = Wire::operator(target).await?;
    turn(&mut wire, "hi", &model::new_id(), "hi").await?;
    let request = model.requests().pop().ok_or_else(|| Failure::new("the model was not asked"))?;
    figures.set("prompt", request.to_string().len() as f64);
    figures.set("tools", request["tools"].as_array().map_or(0, Vec::len) as f64);
    Ok(())
}
