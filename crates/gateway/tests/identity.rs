//! Users who are known by name: behind a proxy, and through Tailscale; and what never comes over Funnel.
// A test may end where it stands; clippy knows that of the test functions alone, not of what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "identity/proxy.rs"]
mod proxy;
mod support;
#[path = "identity/tailscale.rs"]
mod tailscale;

use serde_json::json;
use support::ask::{Ask, Device};

/// A page in a browser, with a device and no secret.
fn page(number: u8, origin: &str) -> Ask {
    Ask::operator()
        .with("/client/id", json!("openclaw-control-ui"))
        .with("/client/mode", json!("ui"))
        .auth(json!({}))
        .device(Device::new(number))
        .header("origin", origin)
}
