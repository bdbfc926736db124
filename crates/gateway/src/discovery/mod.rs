//! How the gateway is found: announced by mDNS in its own network, and as a DNS zone for wide-area DNS-SD. Where neither is
//! wanted nothing runs.
//!
//! What is told follows the configuration while the gateway runs. Nothing depends on it: where it cannot be told, the log says
//! so and the gateway works on.

mod beacon;
mod mdns;
mod zone;

use crate::shared::Shared;
use beacon::{Beacon, Host};
use config::{Env, Loaded};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// What is told now.
#[derive(Default)]
pub(crate) struct Discovery(Mutex<State>);

#[derive(Default)]
struct State {
    beacon: Option<Beacon>,
    announcing: Option<CancellationToken>,
    zone: Option<(PathBuf, String)>,
}

impl Discovery {
    /// Tells what the configuration says from now on; what is told already goes on.
    pub(crate) fn configure(&self, shared: &Arc<Shared>, loaded: &Loaded) {
        // The environment as the process has it: `env.vars` is for secrets and models.
        let certificate = || shared.tls.as_ref().map(|tls| tls.certificate().leaf.hex());
        let host = || Host::of(&shared.base.env, shared.addr, certificate());
        let mode = loaded.config.discovery.mdns;
        let wanted = mdns::is_wanted(loaded, &shared.base.env).then(|| Beacon::new(&host(), mode));
        let zone = loaded.config.discovery.wide_area_domain.as_ref().and_then(|domain| {
            let text = zone::text(domain, &host(), mode, shared.clock.now_ms())?;
            Some((shared.paths.state_dir.join("dns").join(format!("{domain}.db")), text))
        });
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted != state.beacon {
            state.stop();
            state.announcing = wanted.clone().map(|beacon| announce(shared, beacon));
            state.beacon = wanted;
        }
        if let Some((file, text)) = zone
            && state.zone.as_ref().is_none_or(|(old, was)| *old != file || !zone::says_the_same(was, &text))
        {
            state.zone = Some((file.clone(), text.clone()));
            shared.lifecycle.spawn(async move { zone::write(&file, &text).await });
        }
    }
}

impl State {
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
