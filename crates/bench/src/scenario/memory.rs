//! Memory: of a gateway that waits, and of one that has worked.

use super::turn;
use crate::failure::{Failure, Result};
use crate::fakes::Fakes;
use crate::plan::Plan;
use crate::process::Running;
use crate::report::Figures;
use std::time::Duration;
use tokio::time::sleep;

/// The gateway asks Telegram for messages within this time.
const TELEGRAM_PATIENCE: Duration = Duration::from_secs(10);

/// Connected to Telegram, and nobody says anything.
pub(super) async fn idle(
    gateway: &Running<'_>,
    fakes: &Fakes,
    plan: &Plan,
    figures: &mut Figures,
) -> Result<()> {
    fakes.telegram.wait_for_calls("getUpdates", 1, TELEGRAM_PATIENCE).await.map_err(Failure::new)?;
    sleep(Duration::from_millis(plan.settle_ms)).await;
    figures.set("rss_idle", gateway.rss_mb()?);
    Ok(())
}

/// Enough turns to see what they leave behind, and few enough for a gateway that takes its time.
const FEW_TURNS: usize = 100;

/// After a few turns, after many, and after as many again: the last figure shows whether it stays level.
pub(super) async fn after_turns(gateway: &Running<'_>, plan: &Plan, figures: &mut Figures) -> Result<()> {
    let target = gateway.target();
    let few = Plan { turns: plan.turns.min(FEW_TURNS), rounds: 1, ..*plan };
    turn::measure(&target, &few, figures).await?;
    sleep(Duration::from_millis(plan.settle_ms)).await;
    figures.set("rss_turns_few", gateway.rss_mb()?);
    if plan.turns <= FEW_TURNS {
        return Ok(());
    }
    turn::measure(&target, plan, figures).await?;
    sleep(Duration::from_millis(plan.settle_ms)).await;
    figures.set("rss_turns", gateway.rss_mb()?);
    turn::measure(&target, plan, figures).await?;
    sleep(Duration::from_millis(plan.settle_ms)).await;
    figures.set("rss_turns_twice", gateway.rss_mb()?);
    Ok(())
}
