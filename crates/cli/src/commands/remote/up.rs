//! `openclaw remote up`.

use super::{configured, status, supervise, unused};
use crate::context::Context;
use crate::failure::{Failure, tunnel as explain};
use crate::link::tunnel::{self, Patience};
use clap::Args;
use serde_json::json;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct UpArgs {
    /// Stay in the foreground and look after the tunnel here; ssh may ask on this terminal
    #[arg(long)]
    foreground: bool,
    /// Wait this many milliseconds for the gateway to answer; the tunnel is tried on after that
    #[arg(long, value_name = "MS", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    timeout: u64,
}

/// Opens the tunnel, or finds it, and waits until it is up.
///
/// # Errors
/// It is refused, or not up in time; it is tried on all the same.
pub(super) async fn run(args: UpArgs, ctx: &Context) -> Result<(), Failure> {
    let (spec, place) = configured(ctx)?;
    if args.foreground {
        return supervise::foreground(ctx, spec, place).await;
    }
    let starter = tunnel::starter(ctx)?;
    let opened = remote::tunnel::up(&starter, &place, &spec).await;
    let hold = opened.map_err(|error| explain::explain(error, ctx))?;
    let patience = Patience::of(Duration::from_millis(args.timeout));
    let now = tunnel::wait(ctx, &hold, patience).await.map_err(|failure| {
        failure
            .hint(format!("it is tried on; to look at it: {}", ctx.command("remote status")))
            .hint(format!("to end it: {}", ctx.command("remote down")))
    })?;
    ctx.out.show(&json!(now), || status::told(ctx, &now))?;
    if let Some(hint) = unused(ctx) {
        ctx.out.remark(&hint);
    }
    Ok(())
}
