//! `openclaw nodes location`: where a node is.

use super::device::{NodeArgs, call};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::printable;
use crate::view::cell;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct LocationArgs {
    #[command(subcommand)]
    command: LocationCommand,
}

#[derive(Debug, Subcommand)]
enum LocationCommand {
    /// Where a node is now
    Get(GetArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Accuracy {
    Coarse,
    Balanced,
    Precise,
}

#[derive(Debug, Args)]
struct GetArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// How exact
    #[arg(long)]
    accuracy: Option<Accuracy>,
    /// What the node found no longer ago than this many milliseconds will do
    #[arg(long, value_name = "MS")]
    max_age: Option<u64>,
    /// Milliseconds that the node may look for its place
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=300_000))]
    location_timeout: u64,
}

/// # Errors
/// The gateway cannot be reached, or the node does not say.
pub(super) async fn run(args: LocationArgs, ctx: &Context) -> Result<(), Failure> {
    let LocationCommand::Get(args) = args.command;
    let mut params = json!({"timeoutMs": args.location_timeout});
    if let Some(accuracy) = args.accuracy {
        params["desiredAccuracy"] = json!(match accuracy {
            Accuracy::Coarse => "coarse",
            Accuracy::Balanced => "balanced",
            Accuracy::Precise => "precise",
        });
    }
    if let Some(age) = args.max_age {
        params["maxAgeMs"] = json!(age);
    }
    let place = call(&args.node, ("location.get", params), args.location_timeout + 10_000, ctx).await?;
    ctx.out.show(&place, || printable(&line(&place)))
}

fn line(place: &Value) -> String {
    let [lat, lon, within, at] = ["/lat", "/lon", "/accuracyMeters", "/timestamp"].map(|at| cell(place, at));
    format!("{lat}, {lon} (within {within} m, {at})")
}
