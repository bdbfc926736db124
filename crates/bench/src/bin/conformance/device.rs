//! A device of a case: a key, and the proof of it that a client sends. Made by the protocol's words and not by the code
//! of any client or server.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A device with its key.
#[derive(Clone)]
pub(crate) struct Device(SigningKey);

/// What a proof says where it does not say the truth, and how it is signed.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// 2 or 3.
    pub(crate) version: u8,
    pub(crate) id: Option<String>,
    pub(crate) public_key: Option<String>,
    pub(crate) nonce: Option<String>,
    /// Instead of the real one.
    pub(crate) signature: Option<String>,
    /// Signed so many milliseconds before the challenge.
    pub(crate) age: i64,
}

impl Device {
    /// The same run and name give the same device.
    pub(crate) fn from_seed(run: &str, name: &str) -> Self {
        Self(SigningKey::from_bytes(&Sha256::digest(format!("{run}/{name}")).into()))
    }

    /// The SHA-256 of its public key, in hexadecimal digits.
    pub(crate) fn id(&self) -> String {
        hex::encode(Sha256::digest(self.0.verifying_key().as_bytes()))
    }

    /// The 32 bytes of its public key, in base64url.
    pub(crate) fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes())
    }

    /// The `device` of these parameters of `connect`, for this challenge.
    pub(crate) fn prove(&self, params: &Value, challenge: &Value, claims: &Claims) -> Value {
        let id = claims.id.clone().unwrap_or_else(|| self.id());
        let nonce = claims.nonce.clone().unwrap_or_else(|| text(challenge, "/nonce").to_owned());
        let signed_at = challenge["ts"].as_i64().unwrap_or_default() - claims.age;
        let signed = signed_text(params, [&id, &signed_at.to_string(), &nonce], claims.version);
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes()).to_bytes());
        json!({
            "id": id,
            "publicKey": claims.public_key.clone().unwrap_or_else(|| self.public_key()),
            "signedAt": signed_at, "nonce": nonce,
            "signature": claims.signature.clone().unwrap_or(signature),
        })
    }
}

fn text<'a>(params: &'a Value, place: &str) -> &'a str {
    params.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

fn signed_text(params: &Value, [id, signed_at, nonce]: [&str; 3], version: u8) -> String {
    let tokens =
        ["/auth/token", "/auth/deviceToken", "/auth/bootstrapToken"].map(|place| text(params, place));
    let token = tokens.into_iter().find(|token| !token.is_empty()).unwrap_or_default();
    let scopes: Vec<&str> =
        params["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let scopes = scopes.join(",");
    let (client, mode, role) =
        (text(params, "/client/id"), text(params, "/client/mode"), text(params, "/role"));
    let common = [id, client, mode, role, &scopes, signed_at, token, nonce].join("|");
    if version == 2 {
        return format!("v2|{common}");
    }
    let lower = |place| text(params, place).trim().to_lowercase();
    format!("v3|{common}|{}|{}", lower("/client/platform"), lower("/client/deviceFamily"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signature, Verifier};

    #[test]
    fn a_proof_signs_what_the_protocol_says_it_signs() {
        let device = Device::from_seed("run", "a");
        let params = json!({
            "client": {"id": "cli", "mode": "cli", "platform": " Linux ", "deviceFamily": "Box"},
            "role": "operator", "scopes": ["operator.read", "operator.write"],
            "auth": {"token": "", "deviceToken": "t"},
        });
        let challenge = json!({"nonce": "n", "ts": 1000});
        for (version, end) in [(3, "|linux|box"), (2, "")] {
            let proof = device.prove(&params, &challenge, &Claims { version, age: 1, ..Claims::default() });
            let expected = format!(
                "v{version}|{}|cli|cli|operator|operator.read,operator.write|999|t|n{end}",
                device.id()
            );
            let signature = URL_SAFE_NO_PAD.decode(proof["signature"].as_str().unwrap()).unwrap();
            let signature = Signature::from_slice(&signature).unwrap();
            device.0.verifying_key().verify(expected.as_bytes(), &signature).unwrap();
        }
    }
}
