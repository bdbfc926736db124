//! The decision where to connect.

use config::{Env, Loaded, Paths, gateway_port};
use model::SecretString;

use crate::address::check_url;
use crate::credentials::{self, Credentials};
use crate::tunnel::TunnelSpec;
use crate::{TargetError, UrlError, ssh_route};

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
    /// `gateway.remote.sshTarget`, `gateway.remote.url`, `gateway.port` or `default`.
    pub via: &'static str,
    /// Whether it is the gateway of this host and this state directory.
    pub local: bool,
    /// The tunnel that has to be held to get there. Its end here may be at another port than the URL says: whoever holds
    /// the tunnel is told.
    pub tunnel: Option<TunnelSpec>,
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
    let gateway = &loaded.config.gateway;
    if let Some(url) = &flags.url {
        return by_flag(flags, url);
    }
    let asked = credentials::from_flags(flags);
    if flags.port.is_none() {
        if let Some(url) = env.get_filled("OPENCLAW_GATEWAY_URL") {
            let via = "OPENCLAW_GATEWAY_URL";
            return Ok(far(checked(url, via)?, asked.unwrap_or_else(|| credentials::from_env(env)), via));
        }
        if gateway.is_remote() {
            return by_config(loaded, asked, env, paths);
        }
    }
    let via = match flags.port {
        Some(_) => "--port",
        None if env.get_filled("OPENCLAW_GATEWAY_PORT").is_some() => "OPENCLAW_GATEWAY_PORT",
        None if gateway.port.is_some() => "gateway.port",
        None => "default",
    };
    let port = gateway_port(flags.port, env, gateway, paths)?;
    let with = match asked {
        Some(asked) => asked,
        None => credentials::local(gateway, env, paths)?,
    };
    let url = format!("ws://127.0.0.1:{port}");
    Ok(Target { url, token: with.token, password: with.password, via, local: true, tunnel: None })
}

/// `--url` borrows nothing (S8).
fn by_flag(flags: &TargetFlags, url: &str) -> Result<Target, TargetError> {
    if flags.port.is_some() {
        return Err(TargetError::UrlAndPort);
    }
    let url = checked(url, "--url")?;
    match credentials::from_flags(flags) {
        Some(with) => Ok(far(url, with, "--url")),
        None => Err(TargetError::UrlWithoutCredential { url }),
    }
}

/// `gateway.remote` (S7).
fn by_config(
    loaded: &Loaded,
    asked: Option<Credentials>,
    env: &Env,
    paths: &Paths,
) -> Result<Target, TargetError> {
    let gateway = &loaded.config.gateway;
    let tunnel = ssh_route(gateway, paths)?;
    let (url, via) = match &tunnel {
        Some(spec) => (spec.url_at(spec.local_port), "gateway.remote.sshTarget"),
        None => {
            let via = "gateway.remote.url";
            (checked(gateway.remote.url.as_deref().ok_or(TargetError::NoRemoteUrl)?, via)?, via)
        }
    };
    if gateway.remote.tls_fingerprint.is_some() && url.starts_with("wss:") {
        return Err(TargetError::PinUnsupported);
    }
    let with = match asked {
        Some(asked) => asked,
        None => credentials::remote(gateway, env)?,
    };
    Ok(Target { tunnel, ..far(url, with, via) })
}

fn far(url: String, with: Credentials, via: &'static str) -> Target {
    Target { url, token: with.token, password: with.password, via, local: false, tunnel: None }
}

fn checked(url: &str, via: &'static str) -> Result<String, TargetError> {
    check_url(url).map_err(|error: UrlError| TargetError::Url { via, error })
}
