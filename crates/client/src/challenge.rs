//! Whether a gateway answers at all: as far as its challenge, without proving anything to it.

use crate::transport::{self, Trust};
use crate::{ConnectError, handshake};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// What is left of the connection is dropped after this long.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// Connects, upgrades, waits for `connect.challenge` and hangs up, all within `within`. Nothing secret is sent, and
/// nothing that comes back is believed, so that any certificate will do here: whoever goes on to prove something checks it.
///
/// # Errors
/// See [`ConnectError`]; `Timeout` where nothing came back in time.
pub async fn challenge(url: &str, within: Duration) -> Result<(), ConnectError> {
    let deadline = Instant::now() + within;
    let late = |stage| ConnectError::Timeout { url: url.to_owned(), stage, after: within };
    let mut socket = timeout_at(deadline, transport::open(url, Trust::Anybody))
        .await
        .map_err(|_| late("the connection"))??;
    let read = timeout_at(deadline, handshake::read_challenge(&mut socket, url)).await;
    read.map_err(|_| late("the handshake"))??;
    // It has answered; how it takes the end does not matter.
    let _ = timeout(CLOSE_WITHIN, socket.close(None)).await;
    Ok(())
}
