//! The proof of a device identity: id, freshness, nonce and signature, in this order.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use protocol::connect::ConnectParams;
use protocol::signature::SignedFields;
use protocol::{DeviceProof, ErrorShape};
use serde_json::json;
use sha2::{Digest, Sha256};

/// A proof may be this old, or this far ahead: the handshake takes 15 s at most, the rest is for clocks.
const MAX_SKEW_MS: i64 = 120_000;

/// A device that has proven to hold its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProvenDevice {
    /// Hex SHA-256 of the raw key.
    pub(crate) id: String,
    /// base64url of the raw key.
    pub(crate) public_key: String,
}

/// Checks the proof against the challenge that this connection was given.
pub(crate) fn verify(
    params: &ConnectParams,
    proof: &DeviceProof,
    role: &str,
    nonce: &str,
    now_ms: i64,
) -> Result<ProvenDevice, ErrorShape> {
    let raw = decode_key(&proof.public_key).filter(|raw| hex::encode(Sha256::digest(raw)) == proof.id);
    let key = raw.and_then(|raw| VerifyingKey::from_bytes(&raw).ok().map(|key| (raw, key)));
    let Some((raw, key)) = key else {
        return Err(refusal(
            "device identity mismatch",
            "DEVICE_AUTH_DEVICE_ID_MISMATCH",
            "device-id-mismatch",
        ));
    };
    if now_ms.saturating_sub(proof.signed_at).saturating_abs() > MAX_SKEW_MS {
        return Err(refusal(
            "device signature expired",
            "DEVICE_AUTH_SIGNATURE_EXPIRED",
            "device-signature-stale",
        ));
    }
    if proof.nonce != nonce {
        return Err(refusal("device nonce mismatch", "DEVICE_AUTH_NONCE_MISMATCH", "device-nonce-mismatch"));
    }
    let fields = SignedFields {
        device_id: &proof.id,
        client_id: &params.client.id,
        client_mode: &params.client.mode,
        role,
        scopes: &params.scopes,
        signed_at: proof.signed_at,
        token: params.auth.as_ref().map_or("", protocol::Auth::signed_token),
        nonce: &proof.nonce,
        platform: &params.client.platform,
        device_family: params.client.device_family.as_deref().unwrap_or_default(),
    };
    let signature = decode_base64(&proof.signature).and_then(|bytes| Signature::from_slice(&bytes).ok());
    let valid = signature.is_some_and(|signature| {
        [fields.v3(), fields.v2()].iter().any(|text| key.verify_strict(text.as_bytes(), &signature).is_ok())
    });
    if !valid {
        return Err(refusal("device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID", "device-signature"));
    }
    Ok(ProvenDevice { id: proof.id.clone(), public_key: URL_SAFE_NO_PAD.encode(raw) })
}

fn refusal(message: &str, code: &str, reason: &str) -> ErrorShape {
    ErrorShape::invalid(message).with_details(json!({"code": code, "reason": reason}))
}

/// The raw key from base64url, base64, or an SPKI PEM (whose last 32 bytes it is).
fn decode_key(text: &str) -> Option<[u8; 32]> {
    const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let body: String = if text.contains("-----BEGIN") {
        text.lines().filter(|line| !line.starts_with("-----")).collect()
    } else {
        text.to_owned()
    };
    let bytes = decode_base64(&body)?;
    match bytes.strip_prefix(&SPKI_PREFIX) {
        Some(raw) => raw.try_into().ok(),
        None => bytes.try_into().ok(),
    }
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=');
    let standard: String = text.replace('-', "+").replace('_', "/");
    let padded = format!("{standard}{}", "=".repeat((4 - standard.len() % 4) % 4));
    STANDARD.decode(padded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_all_the_spellings_that_are_seen() {
        let raw = [0xfbu8; 32];
        let spki: Vec<u8> =
            [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], &raw].concat();
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(spki));
        for text in [URL_SAFE_NO_PAD.encode(raw), STANDARD.encode(raw), pem] {
            assert_eq!(decode_key(&text), Some(raw), "{text}");
        }
        for text in ["", "=", "****", "AAAA"] {
            assert_eq!(decode_key(text), None, "{text}");
        }
    }
}
