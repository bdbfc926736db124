//! A gateway behind an ssh host that the command line names, and the configuration does not.

use config::{Env, Loaded, Paths, SshTarget};

use crate::candidate::{Candidate, Kind, Standing};
use crate::place::{self, Ask, Chosen, Owner};
use crate::tunnel::TunnelSpec;
use crate::{Decision, Target, TargetFlags, credentials};

/// The flag that names it.
pub(crate) const VIA: &str = "--ssh";

/// The decision for this ssh host: the tunnel there, and the credentials of the command line alone, whatever the configuration
/// and the environment have. A secret goes nowhere that it was not meant for.
pub fn at_ssh_host(
    to: &SshTarget,
    flags: &TargetFlags,
    loaded: &Loaded,
    env: &Env,
    paths: &Paths,
) -> Decision {
    let ask = Ask { flags, gateway: &loaded.config.gateway, env, paths };
    let spec = TunnelSpec::new(to.clone());
    let url = spec.url_at(spec.local_port);
    let chosen = Chosen { url, via: VIA, owner: Owner::Flags, tunnel: Some(spec) };
    let shown = Some(format!("ssh {to}"));
    let mut places =
        vec![Candidate { kind: Kind::Place, name: VIA, place: shown, standing: Standing::Taken }];
    places.extend(place::behind_all(&ask, VIA));
    let (found, credentials) = credentials::choose(&ask, &chosen, true);
    let target = found.map(|with| {
        let known_as = chosen.tunnel.as_ref().map(TunnelSpec::known_as);
        let far = Target::far(chosen.url, VIA);
        Target { token: with.token, password: with.password, tunnel: chosen.tunnel, known_as, ..far }
    });
    Decision { target, places, credentials }
}
