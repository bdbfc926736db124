//! Why a gateway did not start, in words that name the way on.

use crate::tls::TlsError;
use std::net::SocketAddr;

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process holds the state directory, or it cannot be used.
    #[error(transparent)]
    Lock(#[from] store::LockError),
    /// The state cannot be opened.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The credential cannot be had.
    #[error(transparent)]
    Auth(#[from] config::AuthError),
    /// Its own secret is not there.
    #[error("the gateway's own secret {0}; see what gateway.auth refers to")]
    OwnSecret(String),
    /// Nobody would have to prove anything, and others could come.
    #[error(
        "gateway.auth.mode \"none\" (or --auth none) is allowed on loopback only, and gateway.bind \"{bind}\" (or --bind) opens the gateway to others; use token or password, or bind to loopback"
    )]
    Open {
        /// `gateway.bind`.
        bind: config::Bind,
    },
    /// Others could come, and nobody has chosen what they must prove.
    #[error(
        "gateway.bind \"{bind}\" (or --bind) opens the gateway to others, and neither a token nor a password is configured for them; set gateway.auth.token (or OPENCLAW_GATEWAY_TOKEN) or gateway.auth.password (or OPENCLAW_GATEWAY_PASSWORD), or bind to loopback"
    )]
    NoSecret {
        /// `gateway.bind`.
        bind: config::Bind,
    },
    /// What Tailscale is to publish does not go with the rest.
    #[error("gateway.tailscale.mode (or --tailscale): {0}")]
    Publishing(String),
    /// The gateway's key cannot be had.
    #[error("{0}")]
    Identity(String),
    /// There is no certificate to serve with.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The configuration says something that cannot be done.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// The port is taken.
    #[error("port {port} on {host} is taken{}; stop that program, or choose another port with --port, OPENCLAW_GATEWAY_PORT or gateway.port", holder.as_deref().map(|h| format!(" by {h}")).unwrap_or_default())]
    PortTaken {
        /// The address.
        host: std::net::IpAddr,
        /// The port.
        port: u16,
        /// Who has it, where that can be told.
        holder: Option<String>,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}; check gateway.bind and gateway.port")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

impl StartError {
    /// The exit code: 1, but 6 for what the configuration is to blame for.
    pub fn exit_code(&self) -> u8 {
        match self {
            StartError::Config(_)
            | StartError::Auth(_)
            | StartError::OwnSecret(_)
            | StartError::Tls(_)
            | StartError::Open { .. }
            | StartError::Publishing(_)
            | StartError::NoSecret { .. } => 6,
            _ => 1,
        }
    }
}
