//! How a command's connection is opened, and opened again when it is lost.

use super::device;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use client::{CloseInfo, ConnectError, Connection};
use remote::Target;
use remote::tunnel::Hold;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// A gateway that restarts is back within this time, and so is a tunnel whose network is.
const REOPEN_WITHIN: Duration = Duration::from_secs(10);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Where to, with which scopes, and as whom.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) target: Target,
    pub(super) scopes: Vec<String>,
    pub(super) identity_dir: PathBuf,
    pub(super) out: Output,
}

impl Way {
    pub(super) fn new(ctx: &Context, target: Target, scopes: &[String]) -> Self {
        Self { target, scopes: scopes.to_vec(), identity_dir: ctx.paths.identity_dir(), out: ctx.out }
    }

    /// Connects; the inner result is the gateway's.
    ///
    /// # Errors
    /// The device's key or tokens cannot be read or made.
    pub(super) async fn open(&self, timeout: Duration) -> Result<Result<Connection, ConnectError>, Failure> {
        device::open(self, &self.target, timeout).await
    }

    /// Connects again after `close`, tries included until then or for [`REOPEN_WITHIN`] at most. Through a tunnel only while
    /// that is up, and at its port: another user's program may listen there otherwise.
    ///
    /// # Errors
    /// What kept it from connecting at last, in words.
    pub(super) async fn reopen(
        &self,
        close: &CloseInfo,
        until: Instant,
        tunnel: Option<&Hold>,
    ) -> Result<Connection, String> {
        self.out.remark(&format!("note: the connection ended ({close}); asking again under the same key"));
        let until = until.min(Instant::now() + REOPEN_WITHIN);
        if tunnel.is_some() {
            // If the tunnel ended, that is known by then.
            tokio::time::sleep(PAUSE).await;
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let target = self.target_now(tunnel, left).await?;
            let error = match device::open(self, &target, left.max(PAUSE)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => error,
                Err(failure) => return Err(failure.message),
            };
            // Whoever refuses will not think again at once.
            if matches!(error, ConnectError::Refused(..)) || Instant::now() + PAUSE >= until {
                return Err(error.to_string());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Where the gateway is, once its tunnel is up.
    async fn target_now(&self, tunnel: Option<&Hold>, within: Duration) -> Result<Target, String> {
        let mut target = self.target.clone();
        if let (Some(hold), Some(spec)) = (tunnel, &self.target.tunnel) {
            let status = hold.up(within).await.map_err(|error| error.to_string())?;
            target.url = spec.url_at(status.local_port);
        }
        Ok(target)
    }
}
