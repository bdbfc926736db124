//! Whether a gateway answers at all: as far as its challenge, without proving anything to it.

use crate::loopback::Ends;
use crate::transport::{self, Trust};
use crate::{ConnectError, handshake};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// What is left of the connection is dropped after this long.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// No challenge came.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unanswered {
    /// Why; `Timeout` where nothing came back in time.
    pub error: ConnectError,
    /// Whether the process at the other end took in what was asked: one on this host that forwards it elsewhere does so once
    /// there is a way. Known on Linux, and where not even a connection came about.
    pub heard: Option<bool>,
}

impl From<ConnectError> for Unanswered {
    fn from(error: ConnectError) -> Self {
        Self { error, heard: None }
    }
}

/// Connects, upgrades, waits for `connect.challenge` and hangs up, all within `within`. Nothing secret is sent, and
/// nothing that comes back is believed, so that any certificate will do here: whoever goes on to prove something checks it.
///
/// # Errors
/// See [`ConnectError`]; `Timeout` where nothing came back in time.
pub async fn challenge(url: &str, within: Duration) -> Result<(), Unanswered> {
    let deadline = Instant::now() + within;
    let late = |stage| ConnectError::Timeout { url: url.to_owned(), stage, after: within };
    let Ok(dialled) = timeout_at(deadline, transport::dial(url)).await else {
        return Err(Unanswered { error: late("the connection"), heard: Some(false) });
    };
    let tcp = dialled?;
    let ends = Ends::of(&tcp);
    let ask = async {
        let mut socket = transport::upgrade(tcp, url, Trust::Anybody).await?;
        handshake::read_challenge(&mut socket, url).await?;
        Ok::<_, ConnectError>(socket)
    };
    tokio::pin!(ask);
    let Ok(asked) = timeout_at(deadline, &mut ask).await else {
        // The connection is still there, so that its other end can be looked at.
        let heard = ends.and_then(Ends::other).map(|other| other.uid.is_some() && other.unread == 0);
        return Err(Unanswered { error: late("the handshake"), heard });
    };
    // It has answered; how it takes the end does not matter.
    let _ = timeout(CLOSE_WITHIN, asked?.close(None)).await;
    Ok(())
}
