//! The pins that the gateway vouches for, signed with its identity: an entry of `hello-ok`'s `features.capabilities`, which
//! clients that do not know it pass over.
//!
//! `tls-pins.v1.PAYLOAD.SIGNATURE`, both base64url. The payload is JSON, `{identity, issuedAtMs, pins}`: the identity's public
//! key (base64url), since when the gateway shows or has prepared these (`announced`), and all pins that are good from then on. The signature
//! is over the text before its dot, which nothing else that this key signs begins with.

use crate::identity::GatewayIdentity;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Pin;
use serde_json::json;

/// The entry.
pub(super) fn signed(identity: &GatewayIdentity, pins: &[Pin], issued_at_ms: i64) -> String {
    let pins: Vec<String> = pins.iter().map(Pin::to_string).collect();
    let payload = json!({"identity": identity.public_key(), "issuedAtMs": issued_at_ms, "pins": pins});
    let signed = format!("tls-pins.v1.{}", URL_SAFE_NO_PAD.encode(payload.to_string()));
    let signature = identity.sign(&signed);
    format!("{signed}.{signature}")
}
