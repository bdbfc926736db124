//! Why there is no target, each with the way out.

use config::{ConfigError, SecretError, TokenError};

/// Why it is not decided where to connect, or with what.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// `--url` without a credential of its own (S8).
    #[error(
        "--url {url} uses no credentials from the config or the environment; add --token or --password, or leave --url out to use the configured gateway"
    )]
    UrlWithoutCredential {
        /// The URL, without anything secret.
        url: String,
    },
    /// `--url` and `--port` name two targets.
    #[error("--url and --port exclude each other; put the port into the URL or leave --url out")]
    UrlAndPort,
    /// A URL that cannot be used, with where it came from.
    #[error("{via}: {error}")]
    Url {
        /// The flag, variable or config key.
        via: &'static str,
        /// What is wrong with it.
        error: UrlError,
    },
    /// ssh and another way at once.
    #[error(
        "gateway.remote.transport is \"ssh\" and gateway.remote.url names {host}; with ssh the URL is this end of the tunnel, like ws://127.0.0.1:18789: change or remove it, or set transport to \"direct\""
    )]
    SshUrl {
        /// The host that the URL names.
        host: String,
    },
    /// Remote mode without a place to go.
    #[error(
        "gateway.mode is \"remote\" and neither gateway.remote.sshTarget nor gateway.remote.url is set; set one of them, or set gateway.mode to \"local\""
    )]
    NoRemoteUrl,
    /// A pin where no certificate is shown: connecting without it would be less than was asked for.
    #[error(
        "{pin} is set, and {via} is {url}, which shows no certificate; use wss:// there, or leave the pin out"
    )]
    PinWithoutTls {
        /// The flag or config key with the pin.
        pin: &'static str,
        /// What the address is from.
        via: &'static str,
        /// The address.
        url: String,
    },
    /// The fingerprints of gateways that were trusted cannot be read.
    #[error(transparent)]
    Pins(#[from] client::PinStoreError),
    /// A configured secret that cannot be had; no other is tried.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The generated gateway token is there and cannot be read.
    #[error(transparent)]
    Generated(#[from] TokenError),
    /// No port.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// What is wrong with a gateway's URL. Shows the host at most, since the rest may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No URL at all.
    #[error("that is not a URL ({0}); use one like ws://127.0.0.1:18789 or wss://gateway.example.com")]
    Unreadable(String),
    /// Neither ws nor wss.
    #[error("the scheme {0:?} is not allowed; use ws:// or wss://")]
    Scheme(String),
    /// A user or password inside.
    #[error("credentials in a URL end up in logs; take them out and use --token or --password")]
    Credentials,
    /// Plain text to a public host (S10).
    #[error(
        "ws:// to {0} would send the credentials unencrypted over a public network; use wss://, or an ssh tunnel to ws://127.0.0.1"
    )]
    PlainPublic(String),
}
