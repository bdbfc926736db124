//! `openclaw remote`: the gateway elsewhere that commands of this host go to: the tunnel to it, and what it is known by.

mod down;
mod logs;
mod service;
mod status;
mod supervise;
mod trust;
mod up;

use crate::commands::living::UninstallArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::{Args, Subcommand};
use remote::tunnel::{Place, TunnelSpec};

/// `remote` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    #[command(subcommand)]
    command: RemoteCommand,
}

#[derive(Debug, Subcommand)]
enum RemoteCommand {
    /// Open the tunnel and keep it open, or try again at once
    Up(up::UpArgs),
    /// Let the tunnel go: it ends when nothing holds it
    Down(down::DownArgs),
    /// How the tunnel is doing, since when and why
    Status(status::StatusArgs),
    /// What happened to the tunnel, and what ssh said
    Logs(logs::LogsArgs),
    /// Keep the tunnel as a service of this user
    Install(service::InstallArgs),
    /// Take the service away
    Uninstall(UninstallArgs),
    /// Look at the certificate that a gateway shows, and accept no other from it from then on
    Trust(trust::TrustArgs),
}

/// Runs a subcommand.
///
/// # Errors
/// No tunnel is configured, ssh is refused, or the supervisor does not answer.
pub(crate) async fn run(args: RemoteArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        RemoteCommand::Up(args) => up::run(args, ctx).await,
        RemoteCommand::Down(args) => down::run(args, ctx).await,
        RemoteCommand::Status(args) => status::run(args, ctx).await,
        RemoteCommand::Logs(args) => logs::run(args, ctx).await,
        RemoteCommand::Install(args) => service::install(args, ctx).await,
        RemoteCommand::Uninstall(args) => service::uninstall(args, ctx).await,
        RemoteCommand::Trust(args) => trust::run(args, ctx).await,
    }
}

/// What a tunnel that nothing goes through waits for: commands of this host go to its own gateway as long as nobody says otherwise.
fn unused(ctx: &Context) -> Option<String> {
    let gateway = ctx.load().ok()?.config.gateway;
    let unused = gateway.remote.ssh_target.is_some() && !gateway.is_remote();
    unused.then(|| {
        format!(
            "gateway.mode is not \"remote\", so that commands do not go through the tunnel; to have them go there: {}",
            ctx.command("config set gateway.mode remote")
        )
    })
}

/// The name of the failure that [`configured`] gives where nothing is configured.
const NO_TUNNEL: &str = "NO_TUNNEL";

/// The tunnels of this state directory that are there, whoever opened them and whatever is configured now.
fn living(ctx: &Context) -> Vec<Place> {
    Place::all(&ctx.paths.state_dir).into_iter().filter(Place::is_held).collect()
}

/// The tunnel that the configuration names, and its place.
fn configured(ctx: &Context) -> Result<(TunnelSpec, Place), Failure> {
    let loaded = ctx.load()?;
    let spec = remote::ssh_route(&loaded.config.gateway, &ctx.paths)?;
    let spec = spec.ok_or_else(|| {
        Failure::new(Exit::Config, NO_TUNNEL, "no tunnel is configured: gateway.remote.sshTarget is not set")
            .hint(ctx.command("config set gateway.remote.sshTarget USER@HOST"))
            .hint(ctx.command("config set gateway.mode remote"))
    })?;
    let place = Place::new(&ctx.paths.state_dir, spec.key());
    Ok((spec, place))
}
