//! A command of the program, cold: the process, the connection, the handshake, one call, the end.

use crate::failure::Result;
use crate::plan::Plan;
use crate::process::{Program, Running};
use crate::report::Figures;
use crate::stats::median;

const HEALTH: &[&str] = &["gateway", "health"];

pub(super) async fn measure(
    gateway: &Running<'_>,
    program: &Program,
    plan: &Plan,
    figures: &mut Figures,
) -> Result<()> {
    let (mut times, mut peaks) = (Vec::new(), Vec::new());
    // One more, untimed: the first makes the device's key.
    gateway.command(program, HEALTH, false).await?;
    for _ in 0..plan.starts {
        times.push(gateway.command(program, HEALTH, false).await?.0);
        peaks.push(gateway.command(program, HEALTH, true).await?.1);
    }
    figures.set("cli_health", median(times));
    figures.set("cli_health_rss", median(peaks));
    Ok(())
}
