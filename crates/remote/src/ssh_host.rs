//! A gateway behind an ssh host that the command line names.

use config::{Env, Loaded, Paths, SshTarget};

use crate::candidate::{Candidate, Kind, Standing};
use crate::credentials::{self, Errand};
use crate::pins::pinned;
use crate::place::{self, Ask, Chosen, Owner, SSH, Wanted};
use crate::target::by;
use crate::tunnel::TunnelSpec;
use crate::{Decision, Target, TargetFlags, ssh_route};

/// The flag that names it.
pub(crate) const VIA: &str = "--ssh";

/// The decision for this ssh host. Where it is the configured one: its tunnel, and the credentials of the command line or those that
/// the configuration keeps for it, also where commands go elsewhere. For any other: a tunnel there, and the credentials of the command
/// line alone, whatever the configuration and the environment have. A secret goes nowhere that it was not meant for.
pub fn at_ssh_host(
    to: &SshTarget,
    flags: &TargetFlags,
    loaded: &Loaded,
    env: &Env,
    paths: &Paths,
) -> Decision {
    let ask = Ask { flags, gateway: &loaded.config.gateway, env, paths };
    let configured = ssh_route(ask.gateway, paths);
    if configured.is_ok_and(|spec| spec.is_some_and(|spec| spec.target == *to)) {
        let main = by(&ask, Wanted::Any, Errand::Command);
        let is_main = main.places.iter().any(|one| one.name == SSH && one.standing == Standing::Taken);
        return if is_main { main } else { by(&ask, Wanted::Remote, Errand::Named) };
    }
    elsewhere(&ask, to)
}

/// The decision for a host that the configuration does not name.
fn elsewhere(ask: &Ask<'_>, to: &SshTarget) -> Decision {
    let pins = &ask.flags.pins;
    // Who names a certificate means that one is shown.
    let spec = TunnelSpec { tls: !pins.is_empty(), ..TunnelSpec::new(to.clone()) };
    let (url, name) = (spec.url_at(spec.local_port), spec.known_as());
    let pinned = pinned(&url, &name, VIA, pins, &[], ask.paths);
    let chosen = Chosen { url, via: VIA, owner: Owner::Flags, tunnel: Some(spec) };
    let shown = Some(format!("ssh {to}"));
    let mut places =
        vec![Candidate { kind: Kind::Place, name: VIA, place: shown, standing: Standing::Taken }];
    places.extend(place::behind_all(ask, VIA));
    let (found, credentials) = credentials::choose(ask, &chosen, Errand::Command);
    let target = found.and_then(|with| {
        let far = Target::far(chosen.url, VIA);
        let (token, password, known_as) = (with.token, with.password, Some(name));
        Ok(Target { token, password, tunnel: chosen.tunnel, known_as, pinned: pinned?, ..far })
    });
    Decision { target, places, credentials }
}
