//! How a connection ended.

use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// The code and the reason that a socket was closed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseInfo {
    /// As in RFC 6455, 7.4; 1005 where the peer gave none, 1006 where the connection was lost, 4000 where the
    /// gateway's ticks did not come.
    pub code: u16,
    /// What the side that closed says about it; may be empty.
    pub reason: String,
}

/// The peer closed without a code.
const NO_CODE: u16 = 1005;
/// The connection was lost.
const LOST: u16 = 1006;
/// This side gave the connection up because ticks did not come.
const TICK_TIMEOUT: u16 = 4000;

impl CloseInfo {
    /// A code and a reason.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    pub(crate) fn by_peer(frame: Option<CloseFrame>) -> Self {
        frame.map_or_else(
            || Self::new(NO_CODE, ""),
            |frame| Self::new(u16::from(frame.code), frame.reason.as_str()),
        )
    }

    pub(crate) fn lost(reason: impl Into<String>) -> Self {
        Self::new(LOST, reason)
    }

    pub(crate) fn tick_timeout() -> Self {
        Self::new(TICK_TIMEOUT, "tick timeout")
    }
}

impl std::fmt::Display for CloseInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.reason.is_empty() {
            write!(f, "closed with code {}", self.code)
        } else {
            write!(f, "closed with code {}: {}", self.code, self.reason)
        }
    }
}
