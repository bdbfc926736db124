//! Users who are known by name: behind a proxy, and through Tailscale; and what never comes over Funnel.
mod proxy;
mod tailscale;

use crate::support::ask::{Ask, Device};
use serde_json::json;

/// A page in a browser, with a device and no secret.
fn page(number: u8, origin: &str) -> Ask {
    Ask::operator()
        .with("/client/id", json!("openclaw-control-ui"))
        .with("/client/mode", json!("ui"))
        .auth(json!({}))
        .device(Device::new(number))
        .header("origin", origin)
}
