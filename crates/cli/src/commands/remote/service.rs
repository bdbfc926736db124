//! `openclaw remote install|uninstall`: the tunnel as a service of this user.

use super::configured;
use crate::commands::living::{self, Living, UninstallArgs};
use crate::context::Context;
use crate::failure::{Failure, tunnel as explain};
use crate::service::{self, Again, Identity, Readiness, Service};
use clap::Args;
use remote::tunnel::down as let_go;
use serde_json::Value;

#[derive(Debug, Args)]
pub(super) struct InstallArgs {
    /// Take the place of a service of this name that another program has written, and start anew in any case
    #[arg(long)]
    force: bool,
}

/// Installs and starts the service. A tunnel that was up makes way for it, at the same port.
///
/// # Errors
/// No tunnel is configured, or the service manager does not do it.
pub(super) async fn install(args: InstallArgs, ctx: &Context) -> Result<(), Failure> {
    let (_, place) = configured(ctx)?;
    let mut warnings = Vec::new();
    if ctx.env.get_filled("SSH_AUTH_SOCK").is_some() {
        warnings.push("the service does not get this shell's ssh agent; a key without a passphrase, or IdentityAgent in ~/.ssh/config, works without it".to_owned());
    }
    let living = living(ctx)?;
    let facts = living.facts().await;
    // Without a service manager nothing comes in the tunnel's place.
    if facts["error"].is_null() && !runs(&facts) {
        let_go(&place, true).await.map_err(|error| explain::explain(error, ctx))?;
    }
    living.install(&definition(ctx)?, args.force, &warnings).await
}

/// Ends the service and takes it away.
///
/// # Errors
/// The service manager does not do it.
pub(super) async fn uninstall(args: UninstallArgs, ctx: &Context) -> Result<(), Failure> {
    living(ctx)?.uninstall(&args).await
}

fn identity(ctx: &Context) -> Identity {
    Identity::of("tunnel", ctx.paths.profile.as_deref())
}

/// Whether the service runs, and would start a tunnel again that was let go.
pub(super) fn runs(facts: &Value) -> bool {
    facts["runtime"]["status"] == "running"
}

/// The tunnel of this profile as a service.
pub(super) fn living(ctx: &Context) -> Result<Living<'_>, Failure> {
    Living::new(ctx, identity(ctx))
}

fn definition(ctx: &Context) -> Result<Service, Failure> {
    let home = living::home(ctx)?;
    let mut argv = vec![living::program(ctx, None)?];
    argv.extend(living::profile_words(ctx));
    argv.extend(["remote", "up", "--foreground"].map(str::to_owned));
    Ok(Service {
        identity: identity(ctx),
        description: match &ctx.paths.profile {
            Some(profile) => format!("OpenClaw Tunnel (profile: {profile})"),
            None => "OpenClaw Tunnel".into(),
        },
        environment: service::environment(ctx, &home),
        errors: ctx.paths.log_dir().join("tunnel.err.log"),
        directory: home,
        readiness: Readiness::Runs,
        again: Again::Forever,
        stop_seconds: 10,
        argv,
    })
}
