//! `openclaw remote up` and `openclaw remote down`.

use super::{configured, service, status, supervise, unused};
use crate::context::Context;
use crate::failure::{Failure, tunnel as explain};
use crate::link::tunnel::{self, Patience};
use clap::Args;
use remote::tunnel::{Place, down as let_go};
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

#[derive(Debug, Args)]
pub(super) struct DownArgs {
    /// End it even where something holds it
    #[arg(long)]
    force: bool,
    /// Every tunnel of this state directory
    #[arg(long)]
    all: bool,
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
    ctx.out.show(&json!(now), || status::page(ctx, std::slice::from_ref(&now)))?;
    if let Some(hint) = unused(ctx) {
        ctx.out.remark(&hint);
    }
    Ok(())
}

/// Lets the tunnel go.
///
/// # Errors
/// Its supervisor does not answer or does not end.
pub(super) async fn down(args: DownArgs, ctx: &Context) -> Result<(), Failure> {
    let places = if args.all { Place::all(&ctx.paths.state_dir) } else { vec![configured(ctx)?.1] };
    let mut ended = Vec::new();
    let mut held = Vec::new();
    for place in places {
        let parting = let_go(&place, args.force).await.map_err(|error| explain::explain(error, ctx))?;
        match parting {
            None => {}
            Some(parting) if parting.ends => ended.push(place.key().to_owned()),
            Some(parting) => held.extend(parting.holders),
        }
    }
    let report = json!({"ended": ended, "holders": held});
    ctx.out.show(&report, || match (ended.len(), held.is_empty()) {
        (0, true) => "no tunnel was up".to_owned(),
        (_, true) => "the tunnel is down".to_owned(),
        (_, false) => {
            let who: Vec<String> = held.iter().map(status::holder).collect();
            format!("the tunnel ends when it is not held any more; it is held by {}", who.join(", "))
        }
    })?;
    if !ended.is_empty() && service::runs(&service::living(ctx)?.facts().await) {
        let uninstall = ctx.command("remote uninstall");
        ctx.out.remark(&format!("its service opens it again; to take that away: {uninstall}"));
    }
    if !held.is_empty() {
        ctx.out.remark(&format!("to end it now: {}", ctx.command("remote down --force")));
    }
    Ok(())
}
