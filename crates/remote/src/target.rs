//! The decision where to connect and with what.

use client::Pinned;
use config::{Env, GatewayConfig, Loaded, Paths};
use model::{Pin, SecretString};

use crate::TargetError;
use crate::candidate::{Candidate, shown};
use crate::credentials::{self, Errand};
use crate::pins::{local_pins, pinned};
use crate::place::{self, Ask, Chosen, Owner, Wanted};
use crate::tunnel::TunnelSpec;

/// What the command line says about the target.
#[derive(Debug, Clone, Default)]
pub struct TargetFlags {
    /// `--url`: this gateway, with the flags' credentials only.
    pub url: Option<String>,
    /// `--token`.
    pub token: Option<SecretString>,
    /// `--password`.
    pub password: Option<SecretString>,
    /// `--port`: the gateway of this host, at this port.
    pub port: Option<u16>,
    /// `--tls-fingerprint`: the certificate that it has to show, one of these.
    pub pins: Vec<Pin>,
}

/// Where to connect and what to prove there. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Target {
    /// A `ws://` or `wss://` URL that may be connected to.
    pub url: String,
    /// What goes into `auth.token`.
    pub token: Option<SecretString>,
    /// What goes into `auth.password`.
    pub password: Option<SecretString>,
    /// What decided on the URL: `--url`, `--port`, `OPENCLAW_GATEWAY_URL`, `OPENCLAW_GATEWAY_PORT`,
    /// `gateway.remote.sshTarget`, `gateway.remote.url`, `gateway.port` or `default`; for nodes also `--host` and `--pair`.
    pub via: &'static str,
    /// Whether it is the gateway of this host and this state directory.
    pub local: bool,
    /// The tunnel that has to be held to get there. Its end here may be at another port than the URL says: whoever holds
    /// the tunnel is told.
    pub tunnel: Option<TunnelSpec>,
    /// The name under which its device tokens and what is known of its certificate are kept, where the URL would be that of any
    /// gateway behind a tunnel.
    pub known_as: Option<String>,
    /// The certificates that it may show; none leaves that to the usual authorities, or to nobody without TLS.
    pub pinned: Option<Pinned>,
}

impl Target {
    /// A gateway elsewhere, without a credential: fill in what there is. The URL was checked.
    pub fn far(url: impl Into<String>, via: &'static str) -> Self {
        let (token, password, tunnel, known_as, pinned) = (None, None, None, None, None);
        Self { url: url.into(), token, password, via, local: false, tunnel, known_as, pinned }
    }

    /// As [`Target::far`], with the certificate that a person trusted there.
    ///
    /// # Errors
    /// What was trusted cannot be read.
    pub fn known(url: impl Into<String>, via: &'static str, paths: &Paths) -> Result<Self, TargetError> {
        let target = Self::far(url, via);
        let pinned = pinned(&target.url, &target.url, via, &[], &[], paths)?;
        Ok(Self { pinned, ..target })
    }

    /// The gateway of this host, without a credential: fill in what there is.
    pub fn own(port: u16, via: &'static str, gateway: &GatewayConfig, paths: &Paths) -> Self {
        let pinned = local_pins(gateway, paths);
        Self { local: true, pinned, ..Self::far(place::local_url(gateway, port), via) }
    }

    /// The name of the gateway among those that gave this host a device token, or that are trusted.
    pub fn name(&self) -> &str {
        self.known_as.as_deref().unwrap_or(&self.url)
    }

    /// Whether there is anything to prove oneself with.
    pub fn has_secret(&self) -> bool {
        self.token.is_some() || self.password.is_some()
    }
}

/// A decision that can explain itself.
#[derive(Debug)]
pub struct Decision {
    /// What was decided, or why nothing was. Whatever the error is, nothing was sent.
    pub target: Result<Target, TargetError>,
    /// All places, in the order in which they are looked at.
    pub places: Vec<Candidate>,
    /// All credentials for the place that was taken, in the order in which they are looked at; empty where no place was
    /// taken.
    pub credentials: Vec<Candidate>,
}

/// Decides on the target: `--url`, `--port`, `OPENCLAW_GATEWAY_URL`, then the config's mode. The first that is
/// there decides; nothing is read from the network.
///
/// # Errors
/// See [`TargetError`]; whatever it is, nothing was sent.
pub fn resolve(
    flags: &TargetFlags,
    loaded: &Loaded,
    env: &Env,
    paths: &Paths,
) -> Result<Target, TargetError> {
    decide(flags, loaded, env, paths).target
}

/// As [`resolve`], with all that was looked at on the way.
pub fn decide(flags: &TargetFlags, loaded: &Loaded, env: &Env, paths: &Paths) -> Decision {
    by(&Ask { flags, gateway: &loaded.config.gateway, env, paths }, Wanted::Any, Errand::Command)
}

/// A gateway that could be meant.
#[derive(Debug)]
pub struct Meant {
    /// `explicit` (`--url`, `OPENCLAW_GATEWAY_URL`), `configRemote` or `localLoopback`.
    pub id: &'static str,
    /// Whether commands go there.
    pub active: bool,
    /// How to get there.
    pub decision: Decision,
}

/// Every gateway that could be meant, the one that commands go to first: what the environment names, what the
/// configuration names (also while its mode is local) and the gateway of this host. With `--url` or `--port` that one
/// alone: what this host keeps for others goes nowhere then. The others are shown nothing but what is kept for them.
pub fn every(flags: &TargetFlags, loaded: &Loaded, env: &Env, paths: &Paths) -> Vec<Meant> {
    let ask = Ask { flags, gateway: &loaded.config.gateway, env, paths };
    let main = by(&ask, Wanted::Any, Errand::Command);
    let via = main.target.as_ref().ok().map(|target| target.via);
    let is_local = main.target.as_ref().is_ok_and(|target| target.local);
    let is_remote = via.is_some_and(|via| via.starts_with("gateway.remote."));
    let alone = flags.url.is_some() || flags.port.is_some();
    let in_env = env.get_filled("OPENCLAW_GATEWAY_URL").is_some();
    let id = match () {
        () if flags.url.is_some() || (in_env && flags.port.is_none()) => "explicit",
        () if is_remote || (via.is_none() && ask.gateway.is_remote() && !alone) => "configRemote",
        () => "localLoopback",
    };
    let mut all = vec![Meant { id, active: true, decision: main }];
    if alone {
        return all;
    }
    if id != "configRemote" && ask.gateway.remote.url.is_some() {
        let decision = by(&ask, Wanted::Remote, Errand::Aside);
        // Nobody asked for a tunnel.
        if !decision.target.as_ref().is_ok_and(|target| target.tunnel.is_some()) {
            all.push(Meant { id: "configRemote", active: false, decision });
        }
    }
    if !is_local && id != "localLoopback" {
        all.push(Meant {
            id: "localLoopback",
            active: false,
            decision: by(&ask, Wanted::Local, Errand::Aside),
        });
    }
    // One URL is one gateway, but for the end of a tunnel, which may be where this host's own gateway would be.
    let mut seen: Vec<(String, bool)> = Vec::new();
    all.retain(|meant| {
        let Ok(target) = &meant.decision.target else { return true };
        let place = (target.url.clone(), target.tunnel.is_some());
        let new = !seen.contains(&place);
        seen.push(place);
        new
    });
    all
}

pub(crate) fn by(ask: &Ask<'_>, wanted: Wanted, errand: Errand) -> Decision {
    let (chosen, places) = place::choose(ask, wanted);
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(error) => return Decision { target: Err(error), places, credentials: Vec::new() },
    };
    let (found, credentials) = credentials::choose(ask, &chosen, errand);
    let target = found.and_then(|with| {
        let Chosen { url, via, owner, tunnel } = chosen;
        // `--url` borrows nothing (S8).
        if owner == Owner::Flags && with.is_empty() {
            return Err(TargetError::UrlWithoutCredential { url: shown(&url) });
        }
        let local = owner == Owner::Local;
        let known_as = tunnel.as_ref().map(TunnelSpec::known_as);
        // Behind a tunnel the address is the configured one, where that shows no certificate.
        let from = if tunnel.is_some() { "gateway.remote.url" } else { via };
        let pinned = pins(ask, owner, (&url, known_as.as_deref().unwrap_or(&url)), from)?;
        Ok(Target { url, token: with.token, password: with.password, via, local, tunnel, known_as, pinned })
    });
    Decision { target, places, credentials }
}

/// What the gateway at this address, of this name, has to show; see `pins.rs`.
fn pins(
    ask: &Ask<'_>,
    owner: Owner,
    (url, name): (&str, &str),
    via: &'static str,
) -> Result<Option<Pinned>, TargetError> {
    let flags = &ask.flags.pins;
    match owner {
        Owner::Local if flags.is_empty() => Ok(local_pins(ask.gateway, ask.paths)),
        Owner::Remote => pinned(url, name, via, flags, &ask.gateway.remote.tls_fingerprint, ask.paths),
        Owner::Flags | Owner::Environment | Owner::Local => pinned(url, name, via, flags, &[], ask.paths),
    }
}
