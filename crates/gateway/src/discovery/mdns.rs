//! Announcing by mDNS: one thread of the responder's, while something is announced.

use super::beacon::Beacon;
use super::switch;
use config::{Env, Loaded, MdnsMode};
use mdns_sd::{ServiceDaemon, ServiceInfo};
use protocol::discovery::SERVICE;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A network that cannot be used now may be usable later.
const AGAIN: Duration = Duration::from_secs(60);
/// Saying goodbye takes two packets.
const GOODBYE: Duration = Duration::from_secs(1);

/// Whether to announce. `discovery.mdns.mode: "off"` and `OPENCLAW_DISABLE_BONJOUR=1` end it; `=0` and
/// `plugins.entries.bonjour.enabled` begin it, the latter not in a container, out of which multicast does not come; on
/// macOS it needs no word.
pub(super) fn is_wanted(loaded: &Loaded, env: &Env) -> bool {
    if loaded.config.discovery.mdns == MdnsMode::Off {
        return false;
    }
    if let Some(disabled) = switch(env, "OPENCLAW_DISABLE_BONJOUR") {
        return !disabled;
    }
    let enabled = loaded.source.pointer("/plugins/entries/bonjour/enabled").and_then(Value::as_bool);
    enabled.unwrap_or(cfg!(target_os = "macos")) && !in_container(env)
}

fn in_container(env: &Env) -> bool {
    let marked = ["/.dockerenv", "/run/.containerenv"].iter().any(|file| Path::new(file).exists());
    let named = ["KUBERNETES_SERVICE_HOST", "FLY_MACHINE_ID", "container"];
    marked || named.iter().any(|name| env.get_filled(name).is_some())
}

/// Announces until then, and says goodbye.
pub(super) async fn announce(beacon: &Beacon, until: &CancellationToken) {
    let daemon = loop {
        match begin(beacon) {
            Ok(daemon) => break daemon,
            Err(error) => {
                tracing::warn!(%error, "the gateway is not announced by mDNS; trying again in a minute")
            }
        }
        tokio::select! {
            () = until.cancelled() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    };
    tracing::info!(instance = beacon.instance, host = beacon.host, "announced by mDNS");
    until.cancelled().await;
    let gone = daemon.0.unregister(&format!("{}.{SERVICE}.local.", beacon.instance));
    if let Ok(gone) = gone
        && tokio::time::timeout(GOODBYE, gone.recv_async()).await.is_err()
    {
        tracing::debug!("mDNS took too long to say goodbye");
    }
}

/// The responder's thread ends with this, also where the task is dropped.
struct Ends(ServiceDaemon);

impl Drop for Ends {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::debug!(%error, "the mDNS responder did not hear of its end");
        }
    }
}

fn begin(beacon: &Beacon) -> Result<Ends, mdns_sd::Error> {
    let kind = format!("{SERVICE}.local.");
    let txt: Vec<(&str, &str)> = beacon.txt.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let ips: Vec<std::net::IpAddr> = beacon.ip.into_iter().collect();
    let info =
        ServiceInfo::new(&kind, &beacon.instance, &beacon.host, ips.as_slice(), beacon.port, txt.as_slice())?;
    let info = if beacon.ip.is_none() { info.enable_addr_auto() } else { info };
    let daemon = Ends(ServiceDaemon::new()?);
    daemon.0.register(info)?;
    Ok(daemon)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(config: &str, var: &str) -> bool {
        let env: Env = var.split_once('=').into_iter().collect();
        is_wanted(&config::parse(config, Path::new("openclaw.json"), &env).unwrap(), &env)
    }

    #[test]
    fn it_is_announced_where_somebody_said_so_and_nobody_said_no() {
        let on = "{ plugins: { entries: { bonjour: { enabled: true } } } }";
        let off = "{ discovery: { mdns: { mode: 'off' } } }";
        assert!(!wanted("{}", "") || cfg!(target_os = "macos"));
        assert!(!wanted("{ discovery: { mdns: { mode: 'full' } } }", "") || cfg!(target_os = "macos"));
        assert!(wanted("{}", "OPENCLAW_DISABLE_BONJOUR=0"));
        assert!(!wanted(off, "OPENCLAW_DISABLE_BONJOUR=0"));
        assert!(!wanted(on, "OPENCLAW_DISABLE_BONJOUR=yes"));
        assert!(!wanted(on, "KUBERNETES_SERVICE_HOST=10.0.0.1"));
    }
}
