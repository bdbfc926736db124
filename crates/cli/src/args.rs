//! Flags that several commands have: those of every command, and how a gateway is addressed.

use clap::{Args, ValueEnum};
use model::{Pin, PinError, SecretString};
use std::convert::Infallible;
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;

/// What every command understands.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// Use the isolated profile NAME: state and config in ~/.openclaw-NAME
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub(crate) profile: Option<String>,
    /// Use the isolated development profile: ~/.openclaw-dev, port 19001
    #[arg(long, global = true, conflicts_with = "profile", help_heading = "Global options")]
    pub(crate) dev: bool,
    /// Print JSON on standard output and nothing else, errors too
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// No colours, even on a terminal
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
    /// How much to log
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Global options")]
    pub(crate) log_level: Option<LogLevel>,
}

/// How much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    Silent,
    /// What went wrong.
    Error,
    /// And what may go wrong.
    Warn,
    /// And what happened.
    Info,
    /// And why.
    Debug,
    /// And everything else.
    Trace,
}

impl LogLevel {
    /// What of the log is shown.
    pub(crate) fn filter(self) -> LevelFilter {
        match self {
            LogLevel::Silent => LevelFilter::OFF,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

/// Reads the number of somebody on Telegram, with or without a `telegram:` or `tg:` before it.
pub(crate) fn person(text: &str) -> Result<i64, String> {
    let bare = ["telegram:", "tg:"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let number = bare.trim().parse::<i64>().ok().filter(|id| *id > 0);
    number.ok_or_else(|| {
        "people on Telegram are known by number, such as 123456789; names change hands".to_owned()
    })
}

/// Which gateway, and with what.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TargetArgs {
    /// The gateway's address, ws://HOST:PORT or wss://…; needs --token or --password beside it
    #[arg(long, value_name = "URL", conflicts_with = "port", help_heading = "Gateway")]
    pub(crate) url: Option<String>,
    /// The gateway's token
    #[arg(long, value_name = "TOKEN", value_parser = secret, help_heading = "Gateway")]
    pub(crate) token: Option<SecretString>,
    /// The gateway's password
    #[arg(long, value_name = "PASSWORD", value_parser = secret, help_heading = "Gateway")]
    pub(crate) password: Option<SecretString>,
    /// The port of a gateway on this host
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Gateway")]
    pub(crate) port: Option<u16>,
    /// The certificate that the gateway must show, sha256:HEX, or spki:sha256:HEX for its key; more than once for any of them
    #[arg(long, value_name = "PIN", value_parser = pin, help_heading = "Gateway")]
    pub(crate) tls_fingerprint: Vec<Pin>,
}

/// Which gateway, with what, and for how long.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConnectArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Give up after this many milliseconds [default: 10000]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=86_400_000), help_heading = "Gateway")]
    pub(crate) timeout: Option<u64>,
}

/// Long enough for a gateway at the other end of the world, short enough to wait for.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl ConnectArgs {
    /// The command's whole time.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.map_or(DEFAULT_TIMEOUT, Duration::from_millis)
    }
}

/// Reads a secret from the command line.
// Shaped as clap wants a parser to be.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

/// Reads the fingerprint of a certificate.
pub(crate) fn pin(text: &str) -> Result<Pin, PinError> {
    text.parse()
}
