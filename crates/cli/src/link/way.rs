//! How a command's connection is opened, and opened again when it is lost.

use super::device;
use super::tunnel::Entry;
use crate::context::Context;
use crate::failure::call::NotAgain;
use crate::failure::{Failure, connect, tunnel as explain};
use crate::output::Output;
use client::{CloseInfo, ConnectError, Connection};
use remote::Target;
use remote::tunnel::{Hold, Phase, TunnelError};
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
    /// How the tunnel there is held again where its supervisor went.
    entry: Option<Entry>,
    /// What the command line of this installation is followed by, in hints.
    flags: String,
}

/// What a connection that was lost was replaced by.
#[derive(Debug)]
pub(super) struct Reopened {
    pub(super) connection: Connection,
    /// The tunnel that it goes through, where the one of before has no supervisor any more. Held as long as this lives.
    _tunnel: Option<Hold>,
}

impl Way {
    /// # Errors
    /// This program does not know where it is, and there is a tunnel to be looked after.
    pub(super) fn new(ctx: &Context, target: Target, scopes: &[String]) -> Result<Self, Failure> {
        let (identity_dir, flags) = (ctx.paths.identity_dir(), ctx.paths.profile_flags());
        let entry = target.tunnel.as_ref().map(|spec| Entry::of(ctx, spec)).transpose()?;
        Ok(Self { target, scopes: scopes.to_vec(), identity_dir, out: ctx.out, entry, flags })
    }

    /// Connects; the inner result is the gateway's.
    ///
    /// # Errors
    /// The device's key or tokens cannot be read or made.
    pub(super) async fn open(&self, timeout: Duration) -> Result<Result<Connection, ConnectError>, Failure> {
        device::open(self, &self.target, timeout).await
    }

    /// Connects again after `close`, tries included until then or for [`REOPEN_WITHIN`] at most. Through a tunnel only while
    /// that is up, and at its port: another user's program may listen there otherwise. Where its supervisor is gone, another one
    /// is started.
    ///
    /// # Errors
    /// What kept it from connecting at last.
    pub(super) async fn reopen(
        &self,
        close: &CloseInfo,
        until: Instant,
        tunnel: Option<&Hold>,
    ) -> Result<Reopened, NotAgain> {
        self.out.remark(&format!("note: the connection ended ({close}); asking again under the same key"));
        let until = until.min(Instant::now() + REOPEN_WITHIN);
        if tunnel.is_some() {
            // If the tunnel ended, that is known by then.
            tokio::time::sleep(PAUSE).await;
        }
        let mut taken = None;
        loop {
            let target = self.target_now(tunnel, &mut taken, until).await?;
            let left = until.saturating_duration_since(Instant::now());
            let error = match device::open(self, &target, left.max(PAUSE)).await {
                Ok(Ok(connection)) => return Ok(Reopened { connection, _tunnel: taken }),
                Ok(Err(error)) => error,
                Err(failure) => return Err(NotAgain { failure, lasts: true }),
            };
            // Whoever refuses will not think again at once; the wrong certificate is nobody to ask again.
            let lasts = match &error {
                ConnectError::Refused(shape, _) => shape.retryable != Some(true),
                ConnectError::Pin { .. } => true,
                _ => false,
            };
            let refused = lasts || matches!(error, ConnectError::Refused(..));
            if refused || Instant::now() + PAUSE >= until {
                let failure = connect::explain(error, &target, &self.flags);
                return Err(NotAgain { failure, lasts });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Where the gateway is, once its tunnel is up: the one that is held, or the one that was `taken` in its place.
    async fn target_now(
        &self,
        tunnel: Option<&Hold>,
        taken: &mut Option<Hold>,
        until: Instant,
    ) -> Result<Target, NotAgain> {
        let mut target = self.target.clone();
        let (Some(hold), Some(entry), Some(spec)) = (tunnel, &self.entry, &self.target.tunnel) else {
            return Ok(target);
        };
        loop {
            let hold = taken.as_ref().unwrap_or(hold);
            match hold.up(until.saturating_duration_since(Instant::now())).await {
                Ok(status) => {
                    target.url = spec.url_at(status.local_port);
                    return Ok(target);
                }
                // Its supervisor is gone.
                Err(TunnelError::Silent(_)) if Instant::now() < until => {
                    if taken.is_some() {
                        // So is the one that was started a moment ago.
                        tokio::time::sleep(PAUSE).await;
                    }
                    *taken = Some(entry.hold(spec, until).await.map_err(|error| self.not_again(error))?);
                }
                Err(error) => return Err(self.not_again(error)),
            }
        }
    }

    fn not_again(&self, error: TunnelError) -> NotAgain {
        let lasts = matches!(&error, TunnelError::Down(status) if status.state == Phase::Refused);
        NotAgain { failure: explain::of(error, &self.flags), lasts }
    }
}
