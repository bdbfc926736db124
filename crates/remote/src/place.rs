//! Where to connect: the first place that is named decides.

use config::{Env, GatewayConfig, Paths, gateway_port};

use crate::address::{check_url, is_same_gateway};
use crate::candidate::{Candidate, Kind, Standing, shown};
use crate::host::with_one_name;
use crate::tunnel::TunnelSpec;
use crate::{TargetError, TargetFlags, ssh_host, ssh_route};

/// The key that leads through a tunnel.
pub(crate) const SSH: &str = "gateway.remote.sshTarget";

/// What `transport: "ssh"` comes to without it: OpenClaw's programs go to the URL then, and so do these.
const NO_SSH_TARGET: &str = "it is not set, and gateway.remote.transport is \"ssh\": no tunnel is looked after, and \
                             gateway.remote.url is gone to as the end of one that somebody keeps by hand";

/// All that a decision is made from.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) flags: &'a TargetFlags,
    pub(crate) gateway: &'a GatewayConfig,
    pub(crate) env: &'a Env,
    pub(crate) paths: &'a Paths,
}

/// Whose credentials go to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The command line's alone.
    Flags,
    /// The environment's alone, unless there are flags.
    Environment,
    /// Those for the gateway that the configuration names.
    Remote,
    /// Those for the gateway of this host.
    Local,
}

/// Which places come into question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All, by the configuration's mode.
    Any,
    /// The gateway that the configuration names, whatever the mode is.
    Remote,
    /// The gateway of this host.
    Local,
}

/// A place that is decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) url: String,
    pub(crate) via: &'static str,
    pub(crate) owner: Owner,
    pub(crate) tunnel: Option<TunnelSpec>,
}

/// A place before the decision.
struct Place {
    via: &'static str,
    owner: Owner,
    /// What is set there: a URL, or for the variable with the port whatever it holds.
    value: Option<String>,
    shown: Option<String>,
}

/// `--url`, `--port`, `OPENCLAW_GATEWAY_URL`, `gateway.remote` in remote mode (through a tunnel or not), then the port of
/// this host.
pub(crate) fn choose(ask: &Ask<'_>, wanted: Wanted) -> (Result<Chosen, TargetError>, Vec<Candidate>) {
    let mut decided: Option<Result<Chosen, TargetError>> = None;
    let mut candidates = Vec::new();
    for place in all(ask) {
        let standing = match (&decided, unwanted(ask, wanted, place.owner)) {
            (Some(Ok(taken)), _) => behind(&place, taken.via),
            (Some(Err(_)), _) => Standing::PassedOver("the one before it cannot be used".to_owned()),
            (None, Some(why)) if place.value.is_some() => Standing::PassedOver(why.to_owned()),
            (None, Some(_)) => Standing::Unset,
            (None, None) => match take(ask, &place) {
                Some(Ok(chosen)) => {
                    decided = Some(Ok(chosen));
                    Standing::Taken
                }
                Some(Err(error)) => {
                    let why = error.to_string();
                    decided = Some(Err(error));
                    Standing::Failed(why)
                }
                None if place.value.is_some() => Standing::PassedOver(
                    "gateway.remote.transport or gateway.remote.url leads elsewhere".to_owned(),
                ),
                None if place.via == SSH && ask.gateway.remote.lacks_ssh_target() => {
                    Standing::PassedOver(NO_SSH_TARGET.to_owned())
                }
                None => Standing::Unset,
            },
        };
        candidates.push(Candidate { kind: Kind::Place, name: place.via, place: place.shown, standing });
    }
    // The default port is always there, so only what is not wanted can leave nothing.
    (decided.unwrap_or(Err(TargetError::NoRemoteUrl)), candidates)
}

/// Whether a URL is that of the gateway that commands go to where the environment names none.
pub(crate) fn is_configured(ask: &Ask<'_>, url: &str) -> bool {
    let (flags, env) = (TargetFlags::default(), ask.env.without("OPENCLAW_GATEWAY_URL"));
    let (chosen, _) = choose(&Ask { flags: &flags, env: &env, ..*ask }, Wanted::Any);
    // The end of a tunnel here is a gateway elsewhere.
    chosen.is_ok_and(|own| {
        own.tunnel.is_none() && is_same_gateway(&with_one_name(&own.url), &with_one_name(url))
    })
}

/// The gateway of this host at this port.
pub(crate) fn local_url(gateway: &GatewayConfig, port: u16) -> String {
    let scheme = if gateway.tls.enabled { "wss" } else { "ws" };
    format!("{scheme}://127.0.0.1:{port}")
}

fn all(ask: &Ask<'_>) -> Vec<Place> {
    let Ask { flags, gateway, env, paths } = *ask;
    let by_url = |via, owner, url: Option<&str>| Place {
        via,
        owner,
        value: url.map(str::to_owned),
        shown: url.map(shown),
    };
    let by_port = |via, port: Option<u16>| Place {
        via,
        owner: Owner::Local,
        value: port.map(|port| port.to_string()),
        shown: port.map(|port| local_url(gateway, port)),
    };
    let variable = env.get_filled("OPENCLAW_GATEWAY_PORT");
    let ssh = gateway.remote.ssh_target.as_ref().map(ToString::to_string);
    vec![
        by_url("--url", Owner::Flags, flags.url.as_deref()),
        by_port("--port", flags.port),
        by_url("OPENCLAW_GATEWAY_URL", Owner::Environment, env.get_filled("OPENCLAW_GATEWAY_URL")),
        Place {
            via: SSH,
            owner: Owner::Remote,
            value: ssh.clone(),
            shown: ssh.map(|target| format!("ssh {target}")),
        },
        by_url("gateway.remote.url", Owner::Remote, gateway.remote.url.as_deref()),
        Place {
            via: "OPENCLAW_GATEWAY_PORT",
            owner: Owner::Local,
            value: variable.map(str::to_owned),
            shown: variable.and_then(|text| text.parse().ok()).map(|port| local_url(gateway, port)),
        },
        by_port("gateway.port", gateway.port),
        by_port("default", Some(paths.default_port())),
    ]
}

/// Why places of this kind do not come into question.
fn unwanted(ask: &Ask<'_>, wanted: Wanted, owner: Owner) -> Option<&'static str> {
    match (wanted, owner) {
        (Wanted::Any, Owner::Remote) if !ask.gateway.is_remote() => Some("gateway.mode is not \"remote\""),
        (Wanted::Any, _) | (Wanted::Remote, Owner::Remote) | (Wanted::Local, Owner::Local) => None,
        (Wanted::Remote, _) => Some("the configured remote gateway was asked for"),
        (Wanted::Local, _) => Some("the gateway of this host was asked for"),
    }
}

/// All places, none of which is looked at because the command line names another one.
pub(crate) fn behind_all(ask: &Ask<'_>, taken: &str) -> Vec<Candidate> {
    let passed = |place: Place| {
        let standing = behind(&place, taken);
        Candidate { kind: Kind::Place, name: place.via, place: place.shown, standing }
    };
    all(ask).into_iter().map(passed).collect()
}

/// What a place is behind another that was taken. Where the command line names one, the rest is not looked at, so nothing is said
/// of it.
fn behind(place: &Place, taken: &str) -> Standing {
    match (&place.value, taken) {
        (_, "--url" | ssh_host::VIA) => Standing::PassedOver(format!("{taken} decides")),
        (Some(_), _) => Standing::PassedOver(format!("{taken} comes before it")),
        (None, _) => Standing::Unset,
    }
}

/// The decision for this place; `None` where it is not set.
fn take(ask: &Ask<'_>, place: &Place) -> Option<Result<Chosen, TargetError>> {
    let (via, owner) = (place.via, place.owner);
    if via == SSH {
        return by_ssh(ask);
    }
    let Some(value) = &place.value else {
        return (owner == Owner::Remote).then_some(Err(TargetError::NoRemoteUrl));
    };
    let Ask { flags, gateway, env, paths } = *ask;
    if owner == Owner::Flags && flags.port.is_some() {
        return Some(Err(TargetError::UrlAndPort));
    }
    let url = match owner {
        Owner::Local => {
            let port = gateway_port(flags.port, env, gateway, paths);
            port.map(|port| local_url(gateway, port)).map_err(TargetError::from)
        }
        _ => check_url(value).map_err(|error| TargetError::Url { via, error }),
    };
    Some(url.map(|url| Chosen { url, via, owner, tunnel: None }))
}

/// Who names a certificate on the command line means that one is shown behind the tunnel, whatever the configuration says.
fn pinned(ask: &Ask<'_>, spec: TunnelSpec) -> TunnelSpec {
    let more = !ask.flags.pins.is_empty() && !spec.tls;
    if more { TunnelSpec { tls: true, apart: true, ..spec } } else { spec }
}

/// The way through a tunnel, where the configuration has one.
fn by_ssh(ask: &Ask<'_>) -> Option<Result<Chosen, TargetError>> {
    let chosen = |spec: TunnelSpec| Chosen {
        url: spec.url_at(spec.local_port),
        via: SSH,
        owner: Owner::Remote,
        tunnel: Some(spec),
    };
    ssh_route(ask.gateway, ask.paths).map(|spec| spec.map(|spec| chosen(pinned(ask, spec)))).transpose()
}
