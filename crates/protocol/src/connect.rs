//! The `connect` request and what it may say. `hello-ok` is built by the gateway, which has what goes into it.

use crate::shape::{Kind, Shape, opt, req};
use serde::Deserialize;

/// The programs that may connect (`client.id`).
pub const CLIENT_IDS: &[&str] = &[
    "webchat-ui",
    "openclaw-control-ui",
    "openclaw-browser-copilot",
    "openclaw-tui",
    "webchat",
    "cli",
    "gateway-client",
    "openclaw-macos",
    "openclaw-linux",
    "openclaw-ios",
    "openclaw-watchos",
    "openclaw-android",
    "node-host",
    "openclaw-worker",
    "test",
    "fingerprint",
    "openclaw-probe",
];

/// How a program connects (`client.mode`).
pub const CLIENT_MODES: &[&str] = &["webchat", "cli", "ui", "backend", "node", "worker", "probe", "test"];

const CLIENT: Shape = Shape {
    fields: &[
        req("id", Kind::OneOf(CLIENT_IDS)),
        opt("displayName", Kind::Label),
        req("version", Kind::Label),
        opt("buildId", Kind::Label),
        req("platform", Kind::Label),
        opt("deviceFamily", Kind::Label),
        opt("modelIdentifier", Kind::Label),
        opt("timeZone", Kind::Label),
        req("mode", Kind::OneOf(CLIENT_MODES)),
        opt("instanceId", Kind::Label),
    ],
    ignored: &[],
};

const DEVICE: Shape = Shape {
    fields: &[
        req("id", Kind::Name),
        req("publicKey", Kind::Name),
        req("signature", Kind::Name),
        req("signedAt", Kind::Int(0)),
        req("nonce", Kind::Name),
    ],
    ignored: &[],
};

const AUTH: Shape = Shape {
    fields: &[
        opt("token", Kind::Text),
        opt("bootstrapToken", Kind::Text),
        opt("deviceToken", Kind::Text),
        opt("password", Kind::Text),
    ],
    ignored: &["approvalRuntimeToken", "agentRuntimeIdentityToken"],
};

/// The shape of `connect`'s parameters.
pub const CONNECT: Shape = Shape {
    fields: &[
        req("minProtocol", Kind::Int(1)),
        req("maxProtocol", Kind::Int(1)),
        req("client", Kind::Object(&CLIENT)),
        opt("caps", Kind::Names),
        opt("commands", Kind::Names),
        opt("permissions", Kind::Map),
        opt("pathEnv", Kind::Text),
        opt("role", Kind::Name),
        opt("scopes", Kind::Names),
        opt("device", Kind::Object(&DEVICE)),
        opt("auth", Kind::Object(&AUTH)),
        opt("locale", Kind::Text),
        opt("userAgent", Kind::Text),
    ],
    ignored: &["computerUse", "workerRuns"],
};

/// `connect`'s parameters, read after [`CONNECT`] has checked them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectParams {
    /// The oldest protocol that the client speaks.
    pub min_protocol: i64,
    /// The newest.
    pub max_protocol: i64,
    /// Which program it is.
    pub client: ClientInfo,
    /// What a node can do, in large.
    #[serde(default)]
    pub caps: Vec<String>,
    /// The commands that a node offers.
    #[serde(default)]
    pub commands: Vec<String>,
    /// A node's PATH.
    #[serde(default)]
    pub path_env: Option<String>,
    /// `operator` (also where absent), `node` or `worker`.
    #[serde(default)]
    pub role: Option<String>,
    /// The scopes asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The proof of a device identity.
    #[serde(default)]
    pub device: Option<DeviceProof>,
    /// The credential.
    #[serde(default)]
    pub auth: Option<Auth>,
}

/// Which program connects.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    /// One of [`CLIENT_IDS`].
    pub id: String,
    /// The name to show.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Its version.
    pub version: String,
    /// Such as `linux`.
    pub platform: String,
    /// Such as `Linux`.
    #[serde(default)]
    pub device_family: Option<String>,
    /// One of [`CLIENT_MODES`].
    pub mode: String,
    /// Tells runs of the same program apart.
    #[serde(default)]
    pub instance_id: Option<String>,
}

/// The proof of a device identity; see [`crate::signature`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceProof {
    /// Hex SHA-256 of the raw public key.
    pub id: String,
    /// base64url of the raw 32 bytes; standard base64 and SPKI PEM are seen too.
    pub public_key: String,
    /// base64url of the signature.
    pub signature: String,
    /// The challenge's `ts`.
    pub signed_at: i64,
    /// The challenge's `nonce`.
    pub nonce: String,
}

/// A credential. `Debug` shows which fields are there, never what they hold.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// The shared secret, or a device token.
    #[serde(default)]
    pub token: Option<String>,
    /// A device token.
    #[serde(default)]
    pub device_token: Option<String>,
    /// A setup code.
    #[serde(default)]
    pub bootstrap_token: Option<String>,
    /// The shared secret.
    #[serde(default)]
    pub password: Option<String>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |field: &Option<String>| field.as_ref().map(|_| "…");
        f.debug_struct("Auth")
            .field("token", &shown(&self.token))
            .field("device_token", &shown(&self.device_token))
            .field("bootstrap_token", &shown(&self.bootstrap_token))
            .field("password", &shown(&self.password))
            .finish()
    }
}

impl Auth {
    /// What the device signature covers as `token`.
    pub fn signed_token(&self) -> &str {
        [&self.token, &self.device_token, &self.bootstrap_token]
            .into_iter()
            .find_map(|field| field.as_deref().filter(|t| !t.is_empty()))
            .unwrap_or_default()
    }
}
