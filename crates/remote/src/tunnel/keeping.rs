//! Looking after a tunnel in the foreground of a terminal or service, whoever else looks after it meanwhile.

use super::finding::{self, Starter, TunnelError};
use super::leash::Leash;
use super::program::Stop;
use super::supervisor::{Supervise, SuperviseError, supervise};
use super::{Place, TunnelSpec};
use model::SystemClock;
use std::io;
use std::sync::Arc;

/// A tunnel that is kept until a signal or `remote down`.
pub struct Keep {
    /// Where its files are.
    pub place: Place,
    /// The tunnel.
    pub spec: TunnelSpec,
    /// How another supervisor is started, should the one that is there just end.
    pub starter: Starter,
    /// The value of `PATH`, in which ssh is looked for.
    pub path: Option<String>,
    /// Whether ssh may ask on the terminal of this process.
    pub ask: bool,
}

/// Why a tunnel is kept no longer.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// This process cannot look after it.
    #[error(transparent)]
    Supervise(#[from] SuperviseError),
    /// The one that looks after it does not answer.
    #[error(transparent)]
    Other(#[from] TunnelError),
}

/// Looks after the tunnel here. While another process does, has that one keep the tunnel, and takes its place when it ends.
/// `say` tells people which of the two it is.
///
/// # Errors
/// Its files cannot be used, or the other one does not answer.
pub async fn keep(keep: Keep, say: impl Fn(&str)) -> Result<(), KeepError> {
    let system = |error: io::Error| KeepError::Supervise(SuperviseError::System(error));
    let mut stop = Stop::listen().map_err(system)?;
    let target = keep.spec.target.to_string();
    loop {
        let setup = Supervise {
            place: keep.place.clone(),
            spec: keep.spec.clone(),
            leash: Leash::here().map_err(system)?,
            path: keep.path.clone(),
            clock: Arc::new(SystemClock),
            keep: true,
            ask: keep.ask,
        };
        let ready = || say(&format!("looking after the tunnel to {target}; Ctrl-C ends it"));
        match supervise(setup, ready, stop.told()).await {
            Err(SuperviseError::Held) => {}
            outcome => return Ok(outcome?),
        }
        tokio::select! {
            ended = follow(&keep, &say) => ended?,
            () = stop.told() => {
                // What was kept for this process is kept no longer.
                finding::down(&keep.place, false).await?;
                return Ok(());
            }
        }
    }
}

/// Has the process that looks after the tunnel keep it, and waits for its end.
async fn follow(keep: &Keep, say: impl Fn(&str)) -> Result<(), TunnelError> {
    let mut hold = finding::up(&keep.starter, &keep.place, &keep.spec).await?;
    let (mark, pid) = (keep.place.mark(), hold.status().pid);
    say(&format!(
        "process {pid} looks after the tunnel to {}; this one does when that ends",
        keep.spec.target
    ));
    while hold.changed().await.is_ok() {}
    finding::ended(&keep.place, mark).await
}
