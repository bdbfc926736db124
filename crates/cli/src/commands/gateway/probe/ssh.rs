//! `gateway probe --ssh`: a tunnel for the probe.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{self, tunnel};
use config::SshTarget;
use remote::tunnel::{Hold, Place, TunnelSpec};
use remote::{Decision, Meant};
use std::path::Path;

/// Holds a tunnel to this ssh host and gives the gateway behind it. The configured host's is the tunnel of all commands,
/// with the configured credentials; any other is the probe's own, with those of the command line alone: a secret goes
/// nowhere that it was not meant for.
///
/// # Errors
/// The configuration is wrong, or the tunnel is not up in time.
pub(super) async fn enter(
    ctx: &Context,
    args: &ConnectArgs,
    to: &SshTarget,
    identity: Option<&Path>,
) -> Result<(Meant, Hold), Failure> {
    let loaded = ctx.load()?;
    let decision = remote::at_ssh_host(to, &link::flags(args), &loaded, &ctx.env, &ctx.paths);
    let Decision { target, places, credentials } = decision;
    let mut target = target?;
    let configured = target.via != "--ssh" && identity.is_none();
    let mut spec = target.tunnel.take().unwrap_or_else(|| TunnelSpec::new(to.clone()));
    if let Some(identity) = identity {
        // The supervisor works elsewhere.
        spec.identity = Some(std::path::absolute(identity).unwrap_or_else(|_| identity.to_path_buf()));
    }
    let key = if configured { spec.key() } else { format!("probe-{}", spec.key()) };
    let place = Place::new(&ctx.paths.state_dir, key);
    let hold = tunnel::hold_at(ctx, &place, &spec, tunnel::Patience::of(args.timeout())).await?;
    target.url = spec.url_at(hold.status().local_port);
    let decision = Decision { target: Ok(target), places, credentials };
    Ok((Meant { id: "sshTunnel", active: false, decision }, hold))
}
