//! From nothing to the first `/healthz` that says 200: the process, its state, its port.

use crate::failure::Result;
use crate::plan::Plan;
use crate::process::{Home, Program, Running};
use crate::report::Figures;
use crate::stats::median;

pub(super) async fn measure(
    program: &Program,
    config: &str,
    plan: &Plan,
    figures: &mut Figures,
) -> Result<()> {
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for _ in 0..plan.starts {
        let home = Home::new(config)?;
        for times in [&mut fresh, &mut again] {
            let gateway = Running::start(program, &home).await?;
            times.push(gateway.started_in_ms);
            gateway.stop().await?;
        }
    }
    figures.set("start_fresh", median(fresh));
    figures.set("start_again", median(again));
    Ok(())
}
