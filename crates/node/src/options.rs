//! What a node is started with, and where it keeps its key.

use crate::{BrowserOptions, WantedServers};
use model::SecretString;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A report of the host's state each.
const STATS_INTERVAL: Duration = Duration::from_secs(60);

/// What a node is started with. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// The gateway: `ws://HOST:PORT` or `wss://HOST:PORT`.
    pub url: String,
    /// Where the gateway is at each moment, where that is not always `url`: behind a tunnel, which is not always up.
    pub way: Option<client::Way>,
    /// The name under which the gateway's token is kept; the URL unless said otherwise.
    pub known_as: Option<String>,
    /// The gateway's shared secret, where it has one and this node is not paired yet.
    pub token: Option<SecretString>,
    /// The same for a gateway in password mode.
    pub password: Option<SecretString>,
    /// The credential of a setup code, where this node is not paired yet.
    pub bootstrap_token: Option<SecretString>,
    /// The certificates that the gateway may show; none leaves that to the usual authorities.
    pub pinned: Option<client::Pinned>,
    /// The key is in `identity/node.json` in there, the tokens of gateways are beside it.
    pub state_dir: PathBuf,
    /// The name that operators see.
    pub display_name: Option<String>,
    /// This program's version.
    pub version: String,
    /// Where commands run that name no directory; `None` is the directory of this process.
    pub working_dir: Option<PathBuf>,
    /// Where programs are looked for; `None` is the PATH of this process.
    pub path_env: Option<String>,
    /// The servers of tools that run here, and are lent to the gateway's agents; none unless said otherwise.
    pub mcp: WantedServers,
    /// The commands that this node offers; `None` is all that it knows. Names that it does not know are left out.
    pub commands: Option<Vec<String>>,
    /// The browser that may be driven from afar; it is offered where its program is there.
    pub browser: Option<BrowserOptions>,
    /// Whether the gateway is told of the skills in `skills` in the state directory; it is unless said otherwise.
    pub skills: bool,
    /// A report of the host's state each; 60 s unless said otherwise.
    pub stats_interval: Duration,
}

impl NodeOptions {
    /// A node without a credential or a name: fill in what there is.
    pub fn new(url: impl Into<String>, state_dir: impl Into<PathBuf>, version: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            way: None,
            known_as: None,
            token: None,
            password: None,
            bootstrap_token: None,
            pinned: None,
            state_dir: state_dir.into(),
            display_name: None,
            version: version.into(),
            working_dir: None,
            path_env: None,
            mcp: none(),
            commands: None,
            browser: None,
            skills: true,
            stats_interval: STATS_INTERVAL,
        }
    }
}

/// No servers of tools.
pub(crate) fn none() -> WantedServers {
    tokio::sync::watch::channel(Arc::default()).1
}

/// Who a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeIdentity {
    /// Hex SHA-256 of the public key; also the node's id.
    pub device_id: String,
    /// base64url of the raw public key.
    pub public_key: String,
}

/// Why a node stopped.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its key cannot be had.
    #[error(transparent)]
    Identity(#[from] client::IdentityError),
    /// The gateway refuses it, and trying again is of no use until somebody has changed something.
    #[error(transparent)]
    Connect(#[from] client::ConnectError),
}

/// The node's key.
pub(crate) fn identity_file(state_dir: &Path) -> PathBuf {
    state_dir.join("identity").join("node.json")
}

/// The tokens that gateways gave it.
pub(crate) fn token_file(state_dir: &Path) -> PathBuf {
    state_dir.join("identity").join("node-tokens.json")
}
