//! The pins that a gateway announces in `hello-ok`, signed with its identity: `tls-pins.v1.PAYLOAD.SIGNATURE` among
//! `features.capabilities`, both base64url; the payload is JSON, `{identity, issuedAtMs, pins}`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use model::Pin;
use serde::Deserialize;
use serde_json::Value;

const PREFIX: &str = "tls-pins.v1.";
/// The certificate, its key and the next one are three; an announcement of more than these is none of a gateway.
const MAX_PINS: usize = 16;
const MAX_TEXT: usize = 8 * 1024;

/// An announcement whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// base64url of the identity's public key.
    pub(super) identity: String,
    pub(super) issued_at_ms: i64,
    pub(super) pins: Vec<Pin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    identity: String,
    issued_at_ms: i64,
    pins: Vec<String>,
}

/// The announcement of a `hello-ok`; `None` where there is none.
pub(super) fn read(hello: &Value) -> Option<Result<Offer, &'static str>> {
    let capabilities = hello.get("features")?.get("capabilities")?.as_array()?;
    let text = capabilities.iter().filter_map(Value::as_str).find(|text| text.starts_with(PREFIX))?;
    Some(parse(text))
}

fn parse(text: &str) -> Result<Offer, &'static str> {
    if text.len() > MAX_TEXT {
        return Err("it is far too long");
    }
    let (signed, signature) = text.rsplit_once('.').ok_or("it has no signature")?;
    let payload = signed.strip_prefix(PREFIX).ok_or("it has no payload")?;
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| "its payload is no base64url")?;
    let payload: Payload = serde_json::from_slice(&payload).map_err(|_| "its payload cannot be read")?;
    let key: [u8; 32] = URL_SAFE_NO_PAD
        .decode(&payload.identity)
        .ok()
        .and_then(|k| k.try_into().ok())
        .ok_or("its identity is no key")?;
    let key = VerifyingKey::from_bytes(&key).map_err(|_| "its identity is no key")?;
    let signature: [u8; 64] = URL_SAFE_NO_PAD
        .decode(signature)
        .ok()
        .and_then(|s| s.try_into().ok())
        .ok_or("its signature is none")?;
    key.verify_strict(signed.as_bytes(), &Signature::from_bytes(&signature))
        .map_err(|_| "its signature is wrong")?;
    let pins: Result<Vec<Pin>, _> = payload.pins.iter().take(MAX_PINS + 1).map(|pin| pin.parse()).collect();
    let pins = pins.map_err(|_| "a pin in it is none")?;
    if pins.is_empty() || pins.len() > MAX_PINS {
        return Err("it has no pins, or far too many");
    }
    Ok(Offer { identity: payload.identity, issued_at_ms: payload.issued_at_ms, pins })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};
    use proptest::prelude::*;
    use serde_json::json;

    /// An announcement as a gateway with this seed makes it.
    pub(crate) fn signed(seed: u8, pins: &[Pin], issued_at_ms: i64) -> String {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let identity = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let pins: Vec<String> = pins.iter().map(Pin::to_string).collect();
        let payload = json!({"identity": identity, "issuedAtMs": issued_at_ms, "pins": pins}).to_string();
        let signed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }

    #[test]
    fn only_what_the_identity_signed_is_believed() {
        let pins = [Pin::leaf([1; 32]), Pin::spki([2; 32])];
        let good = signed(7, &pins, 5);
        let offer = parse(&good).unwrap();
        assert_eq!((offer.issued_at_ms, offer.pins.as_slice()), (5, &pins[..]));
        let hello = |text: &str| json!({"features": {"capabilities": ["something-else", text]}});
        assert_eq!(read(&hello(&good)), Some(Ok(offer)));
        assert_eq!(read(&hello("tls-pins.v9.x.y")), None, "a version that is not known is passed over");
        assert_eq!(read(&json!({"features": {}})), None);
        let (_, signature) = good.rsplit_once('.').unwrap();
        let other = signed(8, &[Pin::leaf([9; 32])], 5);
        let (payload, _) = other.rsplit_once('.').unwrap();
        assert_eq!(parse(&format!("{payload}.{signature}")), Err("its signature is wrong"));
        assert!(parse(&signed(7, &[], 5)).is_err());
        assert!(parse(&signed(7, &[pins[0]; 17], 5)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_change_of_one_is_believed(text in "[ -~]{0,80}", at in any::<prop::sample::Index>()) {
            let junk = format!("{PREFIX}{text}");
            prop_assert!(parse(&junk).is_err());
            let good = signed(7, &[Pin::leaf([1; 32])], 5);
            let mut bytes = good.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last digit of base64url may have bits that say nothing.
            prop_assert!(parse(&changed).is_err() || at + 1 == good.len());
        }
    }
}
