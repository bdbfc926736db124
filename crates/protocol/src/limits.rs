//! Versions, sizes, times and close codes that both sides hold to.

use std::time::Duration;

/// The protocol that this program speaks.
pub const PROTOCOL: u32 = 4;
/// The oldest protocol that nodes and probes may come with.
pub const MIN_NODE_PROTOCOL: u32 = 3;
/// The port of the gateway, where nothing else is said.
pub const DEFAULT_PORT: u16 = 18789;
/// The port of a `--dev` gateway.
pub const DEV_PORT: u16 = 19001;

/// Bytes that a frame may have before `connect` succeeded.
pub const MAX_PREAUTH_PAYLOAD: usize = 64 * 1024;
/// Bytes that a frame may have afterwards (`policy.maxPayload`).
pub const MAX_PAYLOAD: usize = 26_214_400;
/// Bytes that may wait for one slow client (`policy.maxBufferedBytes`).
pub const MAX_BUFFERED_BYTES: usize = 52_428_800;
/// Bytes that the attachments of one message may have together.
pub const MAX_ATTACHMENT_BYTES: usize = 19_464_192;
/// Bytes that an image may have.
pub const MAX_IMAGE_BYTES: usize = 6_291_456;
/// Within this time the handshake must be done.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// A `tick` event each.
pub const TICK_INTERVAL: Duration = Duration::from_secs(30);
/// A ping each, and a pong within.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);

/// Why a socket was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// Normal, or an unreadable first frame.
    Normal = 1000,
    /// No protocol version in common.
    ProtocolMismatch = 1002,
    /// Refused; the reason is the error's message. Also `slow consumer`.
    Policy = 1008,
    /// A frame was larger than allowed.
    TooLarge = 1009,
    /// The gateway is shutting down, or the node's capabilities changed.
    Restart = 1012,
}

/// A close reason may have 123 bytes (RFC 6455, 5.5): cuts at a character boundary.
pub fn close_reason(text: &str) -> &str {
    let mut end = text.len().min(123);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
