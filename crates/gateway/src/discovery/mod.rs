//! How the gateway is found: announced by mDNS in its own network, and as a DNS zone for wide-area DNS-SD. Where neither is
//! wanted, nothing is announced and nothing written.
//!
//! What is told follows the configuration while the gateway runs. Nothing depends on it: where it cannot be told, the log says
//! so and the gateway works on.

mod beacon;
mod mdns;
mod zone;
mod zone_file;

use crate::shared::Shared;
use beacon::{Beacon, Host};
use config::{Env, Loaded};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zone_file::Wanted;

/// What is told now.
#[derive(Default)]
pub(crate) struct Discovery {
    announced: Mutex<Announced>,
    /// The latest alone counts.
    zone: watch::Sender<Option<Wanted>>,
}

#[derive(Default)]
struct Announced {
    beacon: Option<Beacon>,
    announcing: Option<CancellationToken>,
}

impl Discovery {
    /// Tells what the configuration says from now on; what is told already goes on.
    pub(crate) fn configure(&self, shared: &Arc<Shared>, loaded: &Loaded) {
        // The environment as the process has it: `env.vars` is for secrets and models.
        let certificate = || shared.tls.as_ref().map(|tls| tls.certificate().leaf.hex());
        let host = || Host::of(&shared.base.env, shared.addr, certificate());
        let mode = loaded.config.discovery.mdns;
        let wanted = mdns::is_wanted(loaded, &shared.base.env).then(|| Beacon::new(&host(), mode));
        let zone = loaded.config.discovery.wide_area_domain.clone();
        let zone = zone.map(|domain| Wanted { domain, host: host(), mode });
        self.zone.send_if_modified(|now| std::mem::replace(now, zone.clone()) != zone);
        let mut state = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted != state.beacon {
            state.stop();
            state.announcing = wanted.clone().map(|beacon| announce(shared, beacon));
            state.beacon = wanted;
        }
    }
}

/// Keeps the zone's file until shutdown.
pub(crate) async fn keep_zone(shared: Arc<Shared>) {
    let wanted = shared.discovery.zone.subscribe();
    zone_file::run(shared, wanted).await;
}

impl Announced {
    fn stop(&mut self) {
        if let Some(announcing) = self.announcing.take() {
            announcing.cancel();
        }
    }
}

/// Announces until the token is cancelled, which the gateway's end does, too.
fn announce(shared: &Arc<Shared>, beacon: Beacon) -> CancellationToken {
    let until = shared.lifecycle.soft().child_token();
    let stop = until.clone();
    shared.lifecycle.supervise_until("mdns", until.clone(), move || {
        let (beacon, until) = (beacon.clone(), until.clone());
        async move { mdns::announce(&beacon, &until).await }
    });
    stop
}

/// Whether a variable says yes or no.
fn switch(env: &Env, name: &str) -> Option<bool> {
    match env.get_filled(name)?.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}
