//! Where a node goes that is told a host and a port.

use config::{Env, Loaded, Paths};
use model::{Pin, SecretString};
use url::{Host, Url};

use crate::TargetError;
use crate::address::check_url;
use crate::pins::pinned;
use crate::target::{Target, TargetFlags, resolve};

/// `--host`, and what stands beside it.
#[derive(Debug, Clone)]
pub struct HostFlags {
    /// `--host`: a name or an address.
    pub host: String,
    /// `--port`, or the default one.
    pub port: u16,
    /// `--tls`.
    pub tls: bool,
    /// `--token`.
    pub token: Option<SecretString>,
    /// `--password`.
    pub password: Option<SecretString>,
    /// `--tls-fingerprint`.
    pub pins: Vec<Pin>,
}

/// The target of `--host`. Its credentials are those of the flags, else of the environment (but for what is kept in the state
/// directory), else those of the gateway that the other commands use, where it is that host: a secret goes nowhere that it was
/// not meant for.
///
/// # Errors
/// See [`TargetError`]; whatever it is, nothing was sent.
pub fn resolve_host(
    flags: &HostFlags,
    loaded: &Loaded,
    env: &Env,
    paths: &Paths,
) -> Result<Target, TargetError> {
    let via = "--host";
    let scheme = if flags.tls { "wss" } else { "ws" };
    let v6 = flags.host.contains(':') && !flags.host.starts_with('[');
    let host = if v6 { format!("[{}]", flags.host) } else { flags.host.clone() };
    let url = check_url(&format!("{scheme}://{host}:{}", flags.port))
        .map_err(|error| TargetError::Url { via, error })?;
    let remote = &loaded.config.gateway.remote;
    // The pin of the gateway that the other commands use is for this one too, if it is that one.
    let same = remote.url.as_deref().and_then(|url| check_url(url).ok()).is_some_and(|known| known == url);
    let configured: &[Pin] = if same { &remote.tls_fingerprint } else { &[] };
    let pinned = pinned(&url, &url, via, &flags.pins, configured, paths)?;
    let mut target = Target { pinned, ..Target::far(url, via) };
    (target.token, target.password) = (flags.token.clone(), flags.password.clone());
    if target.has_secret() {
        return Ok(target);
    }
    let variable = |name| env.get_filled(name).filter(|_| !env.is_kept(name)).map(SecretString::from);
    (target.token, target.password) =
        (variable("OPENCLAW_GATEWAY_TOKEN"), variable("OPENCLAW_GATEWAY_PASSWORD"));
    if target.has_secret() {
        return Ok(target);
    }
    let own = resolve(&TargetFlags::default(), loaded, env, paths)?;
    // The end of a tunnel here is a gateway elsewhere.
    if own.tunnel.is_none() && same_host(&own.url, &target.url) {
        (target.token, target.password) = (own.token, own.password);
    }
    Ok(target)
}

/// Whether two URLs lead to one host; all names and addresses of this one are one.
fn same_host(one: &str, other: &str) -> bool {
    let host = |url: &str| Url::parse(url).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    match (host(one), host(other)) {
        (Some(one), Some(other)) => one == other || (is_here(&one) && is_here(&other)),
        _ => false,
    }
}

/// The URL with 127.0.0.1 for all names and addresses of this host.
pub(crate) fn with_one_name(url: &str) -> String {
    let Ok(mut read) = Url::parse(url) else { return url.to_owned() };
    let is_own = read.host().is_some_and(|host| is_here(&host.to_owned()));
    // A host can be set in every URL that has one.
    if is_own && read.set_host(Some("127.0.0.1")).is_ok() { read.into() } else { url.to_owned() }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_known_by_its_name_and_this_one_by_all_of_its_own() {
        for (one, other, same) in [
            ("ws://127.0.0.1:1", "ws://localhost:2", true),
            ("ws://[::1]:1", "ws://127.0.0.9", true),
            ("wss://h.example", "ws://H.example:9", true),
            ("ws://10.0.0.1", "ws://10.0.0.2", false),
            ("ws://127.0.0.1", "ws://10.0.0.2", false),
            ("", "", false),
        ] {
            assert_eq!(same_host(one, other), same, "{one} {other}");
        }
    }
}
