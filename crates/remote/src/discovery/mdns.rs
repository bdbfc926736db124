//! Looking around by mDNS.

use super::{Beacon, DiscoveryError, MAX_BEACONS};
use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent};
use protocol::discovery::SERVICE;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

const DOMAIN: &str = "local";

/// The responder's thread ends with this.
struct Daemon(ServiceDaemon);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It is gone already where it does not hear of this.
        let _ = self.0.shutdown();
    }
}

/// Asks, and takes what comes until the time is over: who answers last is as good as who answers first.
pub(super) async fn browse(within: Duration) -> Result<Vec<Beacon>, DiscoveryError> {
    let failed = |error: mdns_sd::Error| DiscoveryError::Mdns(error.to_string());
    let until = Instant::now() + within;
    let daemon = Daemon(ServiceDaemon::new().map_err(failed)?);
    let events = daemon.0.browse(&format!("{SERVICE}.{DOMAIN}.")).map_err(failed)?;
    let mut found: BTreeMap<String, Beacon> = BTreeMap::new();
    while let Ok(Ok(event)) = timeout_at(until, events.recv_async()).await {
        match event {
            ServiceEvent::ServiceResolved(service) => {
                if let Some(beacon) = beacon(&service)
                    && (found.len() < MAX_BEACONS || found.contains_key(&service.fullname))
                {
                    found.insert(service.fullname.clone(), beacon);
                }
            }
            ServiceEvent::ServiceRemoved(_, name) => {
                found.remove(&name);
            }
            _ => {}
        }
    }
    Ok(found.into_values().collect())
}

fn beacon(service: &ResolvedService) -> Option<Beacon> {
    let addresses = service.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr);
    let mut beacon = Beacon::new(&service.fullname, DOMAIN, &service.host, service.port, addresses)?;
    for entry in service.txt_properties.iter() {
        beacon.hint(entry.key(), entry.val().unwrap_or_default());
    }
    Some(beacon)
}
