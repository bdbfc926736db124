//! What a connection is opened with.

use crate::{Identity, Pinned};
use model::SecretString;
use std::sync::Arc;
use std::time::Duration;

/// TCP, TLS, upgrade and handshake together take no longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which program connects; `connect.client` on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientDescription {
    /// One of [`protocol::connect::CLIENT_IDS`].
    pub id: String,
    /// Its version.
    pub version: String,
    /// One of [`protocol::connect::CLIENT_MODES`].
    pub mode: String,
    /// Such as `linux`.
    pub platform: String,
    /// Such as `Linux`.
    pub device_family: Option<String>,
    /// The name to show.
    pub display_name: Option<String>,
    /// Tells runs of the same program apart.
    pub instance_id: Option<String>,
}

impl ClientDescription {
    /// A program on this machine, with a new instance id.
    pub fn new(id: impl Into<String>, mode: impl Into<String>, version: impl Into<String>) -> Self {
        let (platform, family) = match std::env::consts::OS {
            "macos" => ("darwin", Some("Mac")),
            "windows" => ("win32", Some("Windows")),
            "linux" => ("linux", Some("Linux")),
            other => (other, None),
        };
        Self {
            id: id.into(),
            version: version.into(),
            mode: mode.into(),
            platform: platform.to_owned(),
            device_family: family.map(str::to_owned),
            display_name: None,
            instance_id: Some(model::new_id()),
        }
    }
}

/// What a connection is opened with. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// `ws://HOST:PORT` or `wss://HOST:PORT`.
    pub url: String,
    /// The gateway's name, where its URL would be the same for any gateway behind a tunnel: what it gives and announces is kept
    /// under this name instead. The other end of the connection has to belong to this user then, where the system tells: it is
    /// the tunnel's, or somebody else has taken its port.
    pub known_as: Option<String>,
    /// The shared secret, or a device token in its place.
    pub token: Option<SecretString>,
    /// The shared secret of a gateway in password mode.
    pub password: Option<SecretString>,
    /// The token that the pairing of this device gave. Sent where there is neither `token` nor `password`.
    pub device_token: Option<SecretString>,
    /// The credential of a setup code: lets a device in that has nothing else. Sent where there is neither `token` nor
    /// `password`, beside a device token that may be over.
    pub bootstrap_token: Option<SecretString>,
    /// The device's key; without it only a shared secret can prove anything.
    pub identity: Option<Arc<Identity>>,
    /// The certificates that `wss://` may show; none leaves that to the usual authorities.
    pub pinned: Option<Pinned>,
    /// Which program connects.
    pub client: ClientDescription,
    /// `operator` or `node`.
    pub role: String,
    /// The scopes asked for.
    pub scopes: Vec<String>,
    /// What a node can do, in large.
    pub caps: Vec<String>,
    /// The commands that a node offers.
    pub commands: Vec<String>,
    /// A node's PATH.
    pub path_env: Option<String>,
    /// The oldest protocol accepted.
    pub min_protocol: u32,
    /// The newest.
    pub max_protocol: u32,
    /// TCP, TLS, upgrade and handshake together; 10 s unless said otherwise.
    pub connect_timeout: Duration,
}

impl ConnectOptions {
    /// The name of the gateway among those that gave this device a token or announced certificates.
    pub(crate) fn name(&self) -> String {
        self.known_as.as_ref().unwrap_or(&self.url).clone()
    }

    /// An operator without a credential, an identity or a scope: fill in what there is.
    pub fn new(url: impl Into<String>, client: ClientDescription) -> Self {
        Self {
            url: url.into(),
            known_as: None,
            token: None,
            password: None,
            device_token: None,
            bootstrap_token: None,
            identity: None,
            pinned: None,
            client,
            role: "operator".to_owned(),
            scopes: Vec::new(),
            caps: Vec::new(),
            commands: Vec::new(),
            path_env: None,
            min_protocol: protocol::limits::PROTOCOL,
            max_protocol: protocol::limits::PROTOCOL,
            connect_timeout: CONNECT_TIMEOUT,
        }
    }
}
