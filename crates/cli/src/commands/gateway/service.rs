//! `openclaw gateway install|start|stop|restart|uninstall`: the gateway as a service of this user. Also `openclaw daemon …`,
//! as it was once called.

use super::{restart, run};
use crate::commands::living::{self, Living, PlainArgs, StopArgs, UninstallArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::service::{self, Again, Identity, Readiness, Service};
use clap::{Args, Subcommand};
use config::{Editor, PathStep};
use model::{ExposeSecret, SecretString};
use std::path::PathBuf;

#[derive(Debug, Default, Args)]
pub(crate) struct InstallArgs {
    /// The port that the service listens on; else the configuration says
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Keep this token in the configuration, as gateway.auth.token; never in the service's definition. Other users of this
    /// host may see it in the list of processes: openclaw config patch --stdin keeps one unseen
    #[arg(long, value_name = "TOKEN", value_parser = crate::args::secret)]
    token: Option<SecretString>,
    /// Start the gateway through this program; it gets the gateway's arguments
    #[arg(long, value_name = "FILE")]
    wrapper: Option<PathBuf>,
    /// Take the place of a service of this name that another program has written, and start anew in any case
    #[arg(long)]
    force: bool,
    /// For OpenClaw's own gateway; this one is a program by itself
    #[arg(long, hide = true, value_name = "NAME")]
    runtime: Option<String>,
}

/// `daemon` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct DaemonArgs {
    #[command(subcommand)]
    command: DaemonCommand,
}

#[derive(Debug, Subcommand)]
enum DaemonCommand {
    /// Install and start it
    Install(InstallArgs),
    /// Start it
    Start(PlainArgs),
    /// Stop it
    Stop(StopArgs),
    /// Stop and start it
    Restart(restart::RestartArgs),
    /// How it is
    Status(super::status::StatusArgs),
    /// Stop it and take it away
    Uninstall(UninstallArgs),
}

/// The older name of these commands.
///
/// # Errors
/// As those of `gateway`.
pub(crate) async fn daemon(args: DaemonArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        DaemonCommand::Install(args) => install(args, ctx).await,
        DaemonCommand::Start(_) => living(ctx)?.start().await,
        DaemonCommand::Stop(args) => living(ctx)?.stop(&args).await,
        DaemonCommand::Restart(args) => restart::run(args, ctx).await,
        DaemonCommand::Status(args) => super::status::run(args, ctx).await,
        DaemonCommand::Uninstall(args) => living(ctx)?.uninstall(&args).await,
    }
}

/// The gateway of this profile as a service.
///
/// # Errors
/// It can have no name, or there is no home directory.
pub(crate) fn living(ctx: &Context) -> Result<Living<'_>, Failure> {
    Living::new(ctx, identity(ctx)?)
}

fn identity(ctx: &Context) -> Result<Identity, Failure> {
    Identity::gateway(ctx.paths.profile.as_deref(), &ctx.env).map_err(Failure::usage)
}

/// Installs and starts the service.
///
/// # Errors
/// The configuration is not one to run a gateway with, there is no service manager, another program's service is there.
pub(super) async fn install(args: InstallArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    run::local_mode(&loaded)?;
    let instead = format!("put it into gateway.auth, or into {}", ctx.paths.env_file().display());
    let warnings = living::left_out(ctx, "gateway", args.runtime.is_some(), &instead);
    let service = definition(ctx, args.port, args.wrapper.as_ref())?;
    if let Some(token) = &args.token {
        keep(ctx, token)?;
    }
    living(ctx)?.install(&service, args.force, &warnings).await
}

/// Installs and starts the service with what the configuration says.
///
/// # Errors
/// As [`install`].
pub(crate) async fn install_as_configured(ctx: &Context) -> Result<(), Failure> {
    install(InstallArgs::default(), ctx).await
}

/// What the gateway's service is on this host.
fn definition(ctx: &Context, port: Option<u16>, wrapper: Option<&PathBuf>) -> Result<Service, Failure> {
    let identity = identity(ctx)?;
    let home = living::home(ctx)?;
    let mut argv = vec![living::program(ctx, wrapper)?];
    argv.extend(living::profile_words(ctx));
    argv.extend(["gateway".to_owned(), "run".to_owned()]);
    let named = port.map(|port| port.to_string());
    let port = named.or_else(|| ctx.of_shell("OPENCLAW_GATEWAY_PORT").map(str::to_owned));
    argv.extend(port.into_iter().flat_map(|port| ["--port".to_owned(), port]));
    Ok(Service {
        description: match &ctx.paths.profile {
            Some(profile) => format!("OpenClaw Gateway (profile: {profile})"),
            None => "OpenClaw Gateway".into(),
        },
        environment: service::environment(ctx, &home),
        errors: ctx.paths.log_dir().join("gateway.err.log"),
        directory: home,
        readiness: Readiness::Notifies,
        again: Again::Bounded,
        stop_seconds: run::stop_within().as_secs() + MARGIN_SECONDS,
        identity,
        argv,
    })
}

/// What a service manager leaves on top of what the gateway itself gives a stop.
const MARGIN_SECONDS: u64 = 5;

/// Keeps a token where the gateway looks for it.
fn keep(ctx: &Context, token: &SecretString) -> Result<(), Failure> {
    let steps: Vec<PathStep> = config::path_steps("gateway.auth.token").map_err(Failure::usage)?;
    let value = token.expose_secret().into();
    let editor = Editor { paths: &ctx.paths, env: &ctx.env, base: None, dry_run: false };
    editor.apply(config::Change::Set { steps, value })?;
    Ok(())
}
