//! `openclaw node install|start|stop|restart|status|uninstall`: the node as a service of this user.

use super::commands::OfferedArgs;
use crate::args::pin;
use crate::commands::living::{self, Living};
use crate::context::Context;
use crate::failure::Failure;
use crate::service::{self, Again, Identity, Readiness, Service};
use clap::Args;
use model::Pin;
use std::path::PathBuf;

#[derive(Debug, Default, Args)]
pub(super) struct InstallArgs {
    /// The gateway's host; else the configuration says
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The gateway's port [default: 18789]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Use TLS (wss://)
    #[arg(long, requires = "host")]
    tls: bool,
    /// The certificate that the gateway must show, sha256:HEX, or spki:sha256:HEX for its key; more than once for any of them
    #[arg(long, value_name = "PIN", value_parser = pin)]
    tls_fingerprint: Vec<Pin>,
    /// The name that the gateway shows for this node
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    #[command(flatten)]
    offered: OfferedArgs,
    /// Start the node through this program; it gets the node's arguments
    #[arg(long, value_name = "FILE")]
    wrapper: Option<PathBuf>,
    /// Take the place of a service of this name that another program has written, and start anew in any case
    #[arg(long)]
    force: bool,
    /// For OpenClaw's own node; this one is a program by itself
    #[arg(long, hide = true, value_name = "NAME")]
    runtime: Option<String>,
}

/// The node of this profile as a service.
pub(super) fn living(ctx: &Context) -> Result<Living<'_>, Failure> {
    Living::new(ctx, Identity::of("node", ctx.paths.profile.as_deref()))
}

/// Whether it can be installed here.
///
/// # Errors
/// There is no service manager, or somebody else's service has its name.
pub(crate) async fn check(ctx: &Context) -> Result<(), Failure> {
    living(ctx)?.may_install().await
}

/// Installs and starts the service of a node that is paired, for the gateway that the configuration names. One that runs is
/// started anew: it went to the gateway of before.
///
/// # Errors
/// The service manager refuses.
pub(crate) async fn install_paired(ctx: &Context, display_name: Option<String>) -> Result<(), Failure> {
    check(ctx).await?;
    install(InstallArgs { display_name, force: true, ..InstallArgs::default() }, ctx).await
}

/// Installs and starts the service.
pub(super) async fn install(args: InstallArgs, ctx: &Context) -> Result<(), Failure> {
    ctx.load()?;
    // What is kept in the state directory goes to the configured gateway alone.
    let instead = format!(
        "pair this node once with node run, or name the gateway in gateway.remote and put the secret there or into {}",
        ctx.paths.env_file().display()
    );
    let warnings = living::left_out(ctx, "node", args.runtime.is_some(), &instead);
    let service = definition(&args, ctx)?;
    args.offered.keep(ctx)?;
    living(ctx)?.install(&service, args.force, &warnings).await
}

fn definition(args: &InstallArgs, ctx: &Context) -> Result<Service, Failure> {
    let home = living::home(ctx)?;
    let mut argv = vec![living::program(ctx, args.wrapper.as_ref())?];
    argv.extend(living::profile_words(ctx));
    argv.extend(["node".to_owned(), "run".to_owned()]);
    let port = args.port.map(|port| port.to_string());
    let flags =
        [("--host", args.host.clone()), ("--port", port), ("--display-name", args.display_name.clone())];
    for (name, value) in flags {
        argv.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    }
    argv.extend(args.tls.then(|| "--tls".to_owned()));
    argv.extend(
        args.tls_fingerprint.iter().flat_map(|pin| ["--tls-fingerprint".to_owned(), pin.to_string()]),
    );
    Ok(Service {
        identity: Identity::of("node", ctx.paths.profile.as_deref()),
        description: match &ctx.paths.profile {
            Some(profile) => format!("OpenClaw Node Host (profile: {profile})"),
            None => "OpenClaw Node Host".into(),
        },
        environment: service::environment(ctx, &home),
        errors: ctx.paths.log_dir().join("node.err.log"),
        directory: home,
        readiness: Readiness::Runs,
        again: Again::Forever,
        stop_seconds: 15,
        argv,
    })
}
