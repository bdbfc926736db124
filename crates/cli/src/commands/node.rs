//! `openclaw node`: this computer as a node of a gateway.

pub(super) mod commands;
mod lends;
mod notices;
pub(crate) mod service;

pub(crate) use lends::browser_options;

use crate::args::{LogLevel, pin, secret};
use crate::commands::living::{PlainArgs, RestartArgs, StopArgs, UninstallArgs};
use crate::context::Context;
use crate::failure::local::of_node;
use crate::failure::{Exit, Failure};
use crate::link::join::Paired;
use crate::link::tunnel::Keeper;
use crate::logging;
use clap::{Args, Subcommand};
use model::{ExposeSecret, Pin, SecretString};
use node::{NodeOptions, Notice};
use remote::{HostFlags, SetupCode, Target, TargetFlags};
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// `node` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    #[command(subcommand)]
    command: NodeCommand,
}

#[derive(Debug, Subcommand)]
enum NodeCommand {
    /// Connect to a gateway and do what it asks for, within what was approved there
    Run(RunArgs),
    /// Who this node is: its device id and public key
    Identity,
    /// Run it as a service of this user, from now on and after every start of this host
    Install(service::InstallArgs),
    /// Start the service
    Start(PlainArgs),
    /// Stop the service
    Stop(StopArgs),
    /// Stop and start the service
    Restart(RestartArgs),
    /// How the service is
    Status(PlainArgs),
    /// Stop the service and take it away; the node's key stays
    Uninstall(UninstallArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The gateway's host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The gateway's port [default: 18789]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The gateway's address in one piece; needs --token or --password beside it
    #[arg(long, value_name = "URL", conflicts_with_all = ["host", "port", "tls"])]
    url: Option<String>,
    /// A setup code of the gateway, as `openclaw qr --node` makes it: it has the address and lets this node in once
    #[arg(long, value_name = "CODE", value_parser = secret, conflicts_with_all = ["url", "host", "port", "tls", "token", "password"])]
    pair: Option<SecretString>,
    /// Use TLS (wss://)
    #[arg(long, requires = "host")]
    tls: bool,
    /// The name that the gateway shows for this node, kept for later starts [default: what this computer is called]
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// The gateway's token; OPENCLAW_GATEWAY_TOKEN keeps it out of the list of processes
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    token: Option<SecretString>,
    /// The gateway's password; OPENCLAW_GATEWAY_PASSWORD keeps it out of the list of processes
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    password: Option<SecretString>,
    /// The certificate that the gateway must show, sha256:HEX, or spki:sha256:HEX for its key; more than once for any of them
    #[arg(long, value_name = "PIN", value_parser = pin)]
    tls_fingerprint: Vec<Pin>,
    #[command(flatten)]
    offered: commands::OfferedArgs,
}

impl NodeArgs {
    /// Whether this stays up.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.command, NodeCommand::Run(_))
    }
}

/// Runs the node, or says who it is.
///
/// # Errors
/// The gateway refuses for good, or the identity cannot be read or made.
pub(crate) async fn run(args: NodeArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        NodeCommand::Run(args) => serve(args, ctx).await,
        NodeCommand::Install(args) => service::install(args, ctx).await,
        NodeCommand::Start(_) => service::living(ctx)?.start().await,
        NodeCommand::Stop(args) => service::living(ctx)?.stop(&args).await,
        NodeCommand::Restart(args) => service::living(ctx)?.restart(&args).await,
        NodeCommand::Status(_) => service::living(ctx)?.status().await,
        NodeCommand::Uninstall(args) => service::living(ctx)?.uninstall(&args).await,
        NodeCommand::Identity => {
            let identity = match node::identity(&ctx.paths.state_dir) {
                Ok(identity) => identity,
                Err(error) => return Err(Failure::new(Exit::Failed, "IDENTITY", error.to_string())),
            };
            let report = json!({"deviceId": identity.device_id, "publicKey": identity.public_key});
            ctx.out
                .show(&report, || format!("device  {}\nkey     {}", identity.device_id, identity.public_key))
        }
    }
}

async fn serve(args: RunArgs, ctx: &Context) -> Result<(), Failure> {
    logging::start_console(ctx.global.log_level.unwrap_or(LogLevel::Warn), !ctx.global.no_color)?;
    // Not read by clap, which would repeat what it cannot read.
    let read = |text: &SecretString| SetupCode::read(text.expose_secret());
    let code = args.pair.as_ref().map(read).transpose();
    let code = code.map_err(|problem| Failure::usage(format!("what --pair was given {problem}")))?;
    args.offered.keep(ctx)?;
    let mut target = target(&args, code.as_ref(), ctx)?;
    let kept = Keeper::begin(ctx, &mut target).await?;
    let mut options = options(args, code, ctx, &target)?;
    let lends = lends::read(ctx, &mut options)?;
    options.way = kept.as_ref().map(|(keeper, _)| keeper.way());
    let keep = async {
        match kept {
            Some((keeper, hold)) => match keeper.run(hold).await {},
            None => std::future::pending::<Infallible>().await,
        }
    };
    tokio::select! {
        outcome = run_until_stopped(options, ctx, &target) => outcome,
        never = keep => match never {},
        never = lends => match never {},
    }
}

async fn run_until_stopped(options: NodeOptions, ctx: &Context, target: &Target) -> Result<(), Failure> {
    let cancel = CancellationToken::new();
    let notices = notices::Printed::new(ctx.out);
    let work = node::run(options, &notices, &cancel);
    tokio::pin!(work);
    let outcome = tokio::select! {
        outcome = &mut work => outcome,
        stopped = stop_signal() => {
            stopped?;
            ctx.out.remark("stopping; once more ends it at once");
            cancel.cancel();
            tokio::select! {
                outcome = &mut work => outcome,
                again = stop_signal() => {
                    again?;
                    return Err(Failure::new(Exit::Interrupted, "INTERRUPTED", "stopped at once"));
                }
            }
        }
    };
    outcome.map_err(|e| of_node(e, target, &ctx.paths.profile_flags()))
}

/// Runs as a node that is paired already.
///
/// # Errors
/// As [`run`].
pub(crate) async fn stay(ctx: &Context, target: Target, name: Option<String>) -> Result<(), Failure> {
    logging::start_console(ctx.global.log_level.unwrap_or(LogLevel::Warn), !ctx.global.no_color)?;
    let mut options = plain_options(ctx, &target, name, commands::kept(ctx)?)?;
    let lends = lends::read(ctx, &mut options)?;
    tokio::select! {
        outcome = run_until_stopped(options, ctx, &target) => outcome,
        never = lends => match never {},
    }
}

/// Pairs this computer as a node of this name, which offers these commands, by a setup code; keeps its token, and leaves.
///
/// # Errors
/// The gateway refuses, or does not let it in in time.
pub(crate) async fn pair(
    ctx: &Context,
    target: &Target,
    code: &SecretString,
    (name, offers): (Option<String>, Option<Vec<String>>),
    within: Duration,
) -> Result<Paired, Failure> {
    let identity = node::identity(&ctx.paths.state_dir)
        .map_err(|error| Failure::new(Exit::Failed, "IDENTITY", error.to_string()))?;
    let mut options = plain_options(ctx, target, name, offers)?;
    options.bootstrap_token = Some(code.clone());
    let connected = CancellationToken::new();
    let notices = |notice: &Notice<'_>| {
        if matches!(notice, Notice::Connected { .. }) {
            connected.cancel();
        }
    };
    match tokio::time::timeout(within, node::run(options, &notices, &connected)).await {
        Ok(Ok(())) => Ok(Paired { role: "node", device_id: identity.device_id }),
        Ok(Err(error)) => Err(of_node(error, target, &ctx.paths.profile_flags())),
        Err(_) => Err(Failure::new(
            Exit::Timeout,
            "TIMEOUT",
            format!("{} did not let this node in within {} s", target.url, within.as_secs()),
        )),
    }
}

/// A node that offers these commands; `None` is all.
fn plain_options(
    ctx: &Context,
    target: &Target,
    name: Option<String>,
    offers: Option<Vec<String>>,
) -> Result<NodeOptions, Failure> {
    let unnamed = |error: std::io::Error| {
        Failure::new(Exit::Failed, "NODE_NAME", format!("the name of this node: {error}"))
    };
    let state_dir = ctx.paths.state_dir.clone();
    let mut options = NodeOptions::new(target.url.clone(), state_dir, env!("CARGO_PKG_VERSION"));
    options.known_as.clone_from(&target.known_as);
    options.pinned.clone_from(&target.pinned);
    options.commands = offers;
    options.display_name = Some(node::name(&ctx.paths.state_dir, name).map_err(unnamed)?);
    Ok(options)
}

async fn stop_signal() -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed =
        |e: std::io::Error| Failure::new(Exit::Failed, "SIGNALS", format!("cannot listen to signals: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done.map_err(failed),
        _ = terminate.recv() => Ok(()),
    }
}

fn options(
    args: RunArgs,
    code: Option<SetupCode>,
    ctx: &Context,
    target: &Target,
) -> Result<NodeOptions, Failure> {
    let mut options = plain_options(ctx, target, args.display_name, commands::kept(ctx)?)?;
    options.token.clone_from(&target.token);
    options.password.clone_from(&target.password);
    options.bootstrap_token = code.map(|code| code.bootstrap_token);
    Ok(options)
}

/// Where to: `--url` or `--host`, else where the other commands go.
fn target(args: &RunArgs, code: Option<&SetupCode>, ctx: &Context) -> Result<Target, Failure> {
    if let Some(code) = code {
        let url = remote::check_url(&code.url).map_err(|e| Failure::usage(format!("--pair: {e}")))?;
        let named = code.pins().map_err(|problem| Failure::usage(format!("--pair {problem}")))?;
        let pins = if args.tls_fingerprint.is_empty() { named } else { args.tls_fingerprint.clone() };
        let pinned = remote::pinned(&url, &url, "--pair", &pins, &[], &ctx.paths)?;
        return Ok(Target { pinned, ..Target::far(url, "--pair") });
    }
    let loaded = if args.url.is_some() { ctx.without_config()? } else { ctx.load()? };
    let (token, password, pins) = (args.token.clone(), args.password.clone(), args.tls_fingerprint.clone());
    if let Some(host) = args.host.clone() {
        let port = args.port.unwrap_or(protocol::limits::DEFAULT_PORT);
        let flags = HostFlags { host, port, tls: args.tls, token, password, pins };
        return Ok(remote::resolve_host(&flags, &loaded, &ctx.env, &ctx.paths)?);
    }
    let flags = TargetFlags { url: args.url.clone(), token, password, port: args.port, pins };
    Ok(remote::resolve(&flags, &loaded, &ctx.env, &ctx.paths)?)
}
