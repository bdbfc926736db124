//! `openclaw gateway`: run the gateway, or ask a running one.

mod announce;
mod call;
mod discover;
mod probe;
mod restart;
mod run;
mod service;
mod status;
mod tls;
mod usage_cost;

use super::agent::{self, AgentArgs};
use super::health::{self, HealthArgs};
use super::living::{PlainArgs, StopArgs, UninstallArgs};
use super::message::{self, SendArgs};
use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, Subcommand};
pub(crate) use service::{DaemonArgs, daemon, install_as_configured, living};
pub(crate) use usage_cost::{UsageCostArgs, run as usage};

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
    /// Run it as a service of this user, from now on and after every start of this host
    Install(service::InstallArgs),
    /// Start the service
    Start(PlainArgs),
    /// Stop the service
    Stop(StopArgs),
    /// Stop and start the service
    Restart(restart::RestartArgs),
    /// Stop the service and take it away; state and configuration stay
    Uninstall(UninstallArgs),
    /// Every gateway that could be meant: whether it answers, what this client may do there
    Probe(probe::ProbeArgs),
    /// Gateways that announce themselves in this network or in a domain
    Discover(discover::DiscoverArgs),
    /// Whether the gateway is well
    Health(HealthArgs),
    /// Send a text or files through a channel
    Send(SendArgs),
    /// Have the agent answer a message
    Agent(AgentArgs),
    /// Call a method and print its answer
    Call(call::CallArgs),
    /// What the models cost, day by day
    UsageCost(usage_cost::UsageCostArgs),
    /// The certificate of the gateway of this host
    Tls(tls::TlsArgs),
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
        Some(GatewayCommand::Install(args)) => service::install(args, ctx).await,
        Some(GatewayCommand::Start(_)) => living(ctx)?.start().await,
        Some(GatewayCommand::Stop(args)) => living(ctx)?.stop(&args).await,
        Some(GatewayCommand::Restart(args)) => restart::run(args, ctx).await,
        Some(GatewayCommand::Uninstall(args)) => living(ctx)?.uninstall(&args).await,
        Some(GatewayCommand::Probe(args)) => probe::run(args, ctx).await,
        Some(GatewayCommand::Discover(args)) => discover::run(args, ctx).await,
        Some(GatewayCommand::Health(args)) => health::run(args, ctx).await,
        Some(GatewayCommand::Send(args)) => message::send(args, ctx).await,
        Some(GatewayCommand::Agent(args)) => agent::run(args, ctx).await,
        Some(GatewayCommand::Call(args)) => call::run(args, ctx).await,
        Some(GatewayCommand::UsageCost(args)) => usage_cost::run(args, ctx).await,
        Some(GatewayCommand::Tls(args)) => tls::run(args, ctx),
    }
}
