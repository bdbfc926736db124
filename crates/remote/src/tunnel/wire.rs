//! What is said over a tunnel's socket: a request on one line, then answers on one line each, as JSON.

use super::machine::Phase;
use super::spec::{WireSpec, known_as};
use serde::{Deserialize, Serialize};
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A longer line is none of ours.
const LONGEST: u64 = 64 * 1024;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub(super) enum Request {
    /// How it is doing: one [`Status`].
    Status,
    /// Keep it as long as this connection is open: a [`Status`] now and whenever it changes.
    Hold {
        /// What holds it, for people.
        who: String,
        /// What it is to be like.
        spec: WireSpec,
    },
    /// Keep it until [`Request::Down`], and try at once: a [`Status`] now and whenever it changes, as long as somebody
    /// listens.
    Up {
        /// What it is to be like.
        spec: WireSpec,
    },
    /// Do not keep it any longer: one [`Parting`]. It ends when nobody holds it.
    Down {
        /// End it even where somebody holds it.
        force: bool,
    },
    /// Try at once: one [`Status`].
    TryNow,
}

/// How a tunnel is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// In a word.
    pub state: Phase,
    /// Since when, in ms since the epoch.
    pub since_ms: i64,
    /// Why.
    pub reason: String,
    /// The name of the refusal that it met last, unless it is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// What can be done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Whom ssh is asked for.
    pub target: String,
    /// The gateway's port there.
    pub remote_port: u16,
    /// The port here; 0 until one was chosen.
    pub local_port: u16,
    /// Why it is not the port that was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The supervisor.
    pub pid: u32,
    /// ssh, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_pid: Option<u32>,
    /// How often ssh was started.
    pub starts: u64,
    /// Whether the far gateway has ever answered.
    pub was_up: bool,
    /// Whether it stays when nobody holds it.
    pub kept: bool,
    /// Who holds it.
    pub holders: Vec<Holder>,
}

impl Status {
    /// The gateway behind it, as [`super::TunnelSpec::known_as`].
    pub fn known_as(&self) -> String {
        known_as(&self.target, self.remote_port)
    }
}

/// Somebody who holds a tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The process, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// What it says that it is.
    pub who: String,
    /// Since when, in ms since the epoch.
    pub since_ms: i64,
}

/// The answer to `Request::Down`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parting {
    /// Whether the tunnel ends now.
    pub ends: bool,
    /// Who still holds it, where it does not.
    pub holders: Vec<Holder>,
}

/// The answer to what cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    /// Why.
    pub(super) error: String,
}

/// Writes one line.
///
/// # Errors
/// The other side is gone.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value).map_err(io::Error::other)?;
    line.push(b'\n');
    to.write_all(&line).await
}

/// Reads one line; nothing at the end.
///
/// # Errors
/// The other side is gone in the middle of it, or it is longer than any of ours.
pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = String::new();
    match from.take(LONGEST).read_line(&mut line).await? {
        0 => Ok(None),
        _ if line.ends_with('\n') => Ok(Some(line)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end")),
    }
}
