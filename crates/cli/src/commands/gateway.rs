//! `openclaw gateway`: run the gateway, or ask a running one.

mod announce;
mod call;
mod probe;
mod run;
mod status;
mod usage_cost;

use super::health::{self, HealthArgs};
use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, Subcommand};

/// `gateway`, alone (which runs it) or with a subcommand.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct GatewayArgs {
    #[command(flatten)]
    run: run::RunArgs,
    #[command(subcommand)]
    command: Option<GatewayCommand>,
}

#[derive(Debug, Subcommand)]
enum GatewayCommand {
    /// Run the gateway in the foreground (also without this word)
    Run(run::RunArgs),
    /// Where the gateway is, and whether it answers
    Status(status::StatusArgs),
    /// Every gateway that could be meant: whether it answers, what this client may do there
    Probe(probe::ProbeArgs),
    /// Whether the gateway is well
    Health(HealthArgs),
    /// Call a method and print its answer
    Call(call::CallArgs),
    /// What the models cost, day by day
    UsageCost(usage_cost::UsageCostArgs),
}

impl GatewayArgs {
    /// Whether this runs the gateway.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.command, None | Some(GatewayCommand::Run(_)))
    }
}

/// Runs or asks.
///
/// # Errors
/// The start was refused, or the gateway cannot be reached or refuses.
pub(crate) async fn run(args: GatewayArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        None => run::run(args.run, ctx).await,
        Some(GatewayCommand::Run(args)) => run::run(args, ctx).await,
        Some(GatewayCommand::Status(args)) => status::run(args, ctx).await,
        Some(GatewayCommand::Probe(args)) => probe::run(args, ctx).await,
        Some(GatewayCommand::Health(args)) => health::run(args, ctx).await,
        Some(GatewayCommand::Call(args)) => call::run(args, ctx).await,
        Some(GatewayCommand::UsageCost(args)) => usage_cost::run(args, ctx).await,
    }
}
