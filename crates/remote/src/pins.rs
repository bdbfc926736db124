//! Which certificate a gateway has to show (S10, B3). The first of these that is there decides:
//!
//! 1. `--tls-fingerprint`
//! 2. `gateway.remote.tlsFingerprint`, for `gateway.remote.url` alone
//! 3. what a person trusted for this address (`openclaw remote trust`)
//! 4. for the gateway of this host: its own files
//! 5. the usual authorities
//!
//! What a gateway announced over a connection with one of 1 to 3 counts beside it. A pin and an address without TLS exclude each
//! other.

use std::path::Path;

use client::{PinStore, Pinned, certificate_of_file};
use config::{GatewayConfig, Paths};
use model::Pin;

use crate::TargetError;
use crate::candidate::shown;

/// What is remembered of gateways' certificates.
pub fn pin_store(paths: &Paths) -> PinStore {
    PinStore::new(paths.identity_dir().join("gateway-pins.json"))
}

/// The pins for a gateway elsewhere, by the name under which what is known of it is kept; `None` leaves it to the usual
/// authorities. `via` says what the address is from.
///
/// # Errors
/// A pin for an address without TLS, or what was trusted cannot be read.
pub fn pinned(
    url: &str,
    name: &str,
    via: &'static str,
    flags: &[Pin],
    configured: &[Pin],
    paths: &Paths,
) -> Result<Option<Pinned>, TargetError> {
    let asked = [("--tls-fingerprint", flags), ("gateway.remote.tlsFingerprint", configured)];
    let asked = asked.into_iter().find(|(_, pins)| !pins.is_empty());
    if !url.starts_with("wss:") {
        return match asked {
            Some((pin, _)) => Err(TargetError::PinWithoutTls { pin, via, url: shown(url) }),
            None => Ok(None),
        };
    }
    let store = pin_store(paths);
    let base = match asked {
        Some((_, pins)) => pins.to_vec(),
        None => store.trusted(name)?,
    };
    Ok((!base.is_empty()).then_some(Pinned { base, store: Some(store) }))
}

/// What the gateway of this host has to show where it speaks TLS: what it says that it shows, and what its certificate's file
/// holds. A renewal lies between the two for a moment, and one that the gateway refuses for longer.
pub(crate) fn local_pins(gateway: &GatewayConfig, paths: &Paths) -> Option<Pinned> {
    if !gateway.tls.enabled {
        return None;
    }
    let mut base = served(&paths.tls_served_file());
    if let Ok(seen) = certificate_of_file(&gateway.tls.cert_file(paths)) {
        base.push(seen.leaf);
    }
    base.dedup();
    // Where neither can be read, nobody is let through.
    Some(Pinned { base, store: None })
}

/// The gateway's note of what it shows; none where it never spoke TLS.
fn served(file: &Path) -> Vec<Pin> {
    let texts: Vec<String> =
        std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}
