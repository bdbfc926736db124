//! What a client asks for in `connect`, with a device's proof made by the protocol's own words and not by our code.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::gateway::TOKEN;

/// The scopes that OpenClaw's command line asks for.
pub const ALL_SCOPES: [&str; 5] =
    ["operator.admin", "operator.read", "operator.write", "operator.pairing", "operator.approvals"];

/// A device with its key.
#[derive(Clone)]
pub struct Device(SigningKey);

impl Device {
    /// The same number gives the same device.
    pub fn new(number: u8) -> Self {
        Self(SigningKey::from_bytes(&[number; 32]))
    }

    pub fn id(&self) -> String {
        hex::encode(Sha256::digest(self.0.verifying_key().as_bytes()))
    }

    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes())
    }
}

/// What a proof says; a test may make it lie before it is signed.
pub struct Proof {
    pub id: String,
    pub public_key: String,
    pub signed_at: i64,
    pub nonce: String,
    /// Instead of the real one.
    pub signature: Option<String>,
}

/// Everything that a client brings.
#[derive(Clone)]
pub struct Ask {
    /// `connect`'s parameters, without `device`.
    pub params: Value,
    pub device: Option<Device>,
    /// 2 or 3.
    pub signature_version: u8,
    pub forge: fn(&mut Proof),
    /// Of the upgrade.
    pub headers: Vec<(&'static str, String)>,
}

impl Ask {
    /// An operator at the command line, with the shared token and without a device.
    pub fn operator() -> Self {
        let params = json!({
            "minProtocol": 4, "maxProtocol": 4,
            "client": {"id": "cli", "version": "1.0.0", "platform": "linux", "mode": "cli"},
            "role": "operator", "scopes": ALL_SCOPES, "auth": {"token": TOKEN},
        });
        Self { params, device: None, signature_version: 3, forge: |_| {}, headers: Vec::new() }
    }

    /// A node host with the shared token.
    pub fn node(device: Device, commands: &[&str]) -> Self {
        Self::operator()
            .with(
                "/client",
                json!({
                    "id": "node-host", "displayName": "sample-node", "version": "1.0.0", "platform": "linux",
                    "deviceFamily": "Linux", "mode": "node",
                }),
            )
            .with("/role", json!("node"))
            .with("/scopes", json!([]))
            .with("/caps", json!(["system"]))
            .with("/commands", json!(commands))
            .device(device)
    }

    /// With another value at a place such as `/client/mode`; missing objects are not made.
    pub fn with(mut self, place: &str, value: Value) -> Self {
        let (parent, name) = place.rsplit_once('/').unwrap();
        self.params.pointer_mut(parent).unwrap()[name] = value;
        self
    }

    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    pub fn auth(self, auth: Value) -> Self {
        self.with("/auth", auth)
    }

    pub fn scopes(self, scopes: &[&str]) -> Self {
        self.with("/scopes", json!(scopes))
    }

    pub fn forged(mut self, forge: fn(&mut Proof)) -> Self {
        self.forge = forge;
        self
    }

    pub fn signed_as(mut self, version: u8) -> Self {
        self.signature_version = version;
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The parameters with a proof for this challenge.
    pub fn params_for(&self, challenge: &Value) -> Value {
        let mut params = self.params.clone();
        let Some(device) = &self.device else { return params };
        let mut proof = Proof {
            id: device.id(),
            public_key: device.public_key(),
            signed_at: challenge["ts"].as_i64().unwrap(),
            nonce: challenge["nonce"].as_str().unwrap().to_owned(),
            signature: None,
        };
        (self.forge)(&mut proof);
        let text = self.signed_text(&proof);
        let signature = URL_SAFE_NO_PAD.encode(device.0.sign(text.as_bytes()).to_bytes());
        params["device"] = json!({
            "id": proof.id, "publicKey": proof.public_key, "signedAt": proof.signed_at, "nonce": proof.nonce,
            "signature": proof.signature.unwrap_or(signature),
        });
        params
    }

    fn signed_text(&self, proof: &Proof) -> String {
        let text = |place: &str| self.params.pointer(place).and_then(Value::as_str).unwrap_or_default();
        let token = ["/auth/token", "/auth/deviceToken", "/auth/bootstrapToken"]
            .into_iter()
            .map(text)
            .find(|t| !t.is_empty())
            .unwrap_or_default();
        let scopes: Vec<&str> =
            self.params["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let signed_at = proof.signed_at.to_string();
        let (client_id, mode, role) = (text("/client/id"), text("/client/mode"), text("/role"));
        let scopes = scopes.join(",");
        let common = [&proof.id, client_id, mode, role, &scopes, &signed_at, token, &proof.nonce].join("|");
        match self.signature_version {
            2 => format!("v2|{common}"),
            _ => {
                let lower = |place| text(place).trim().to_lowercase();
                format!("v3|{common}|{}|{}", lower("/client/platform"), lower("/client/deviceFamily"))
            }
        }
    }
}
