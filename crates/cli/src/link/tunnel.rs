//! A command's way through a tunnel: it holds the one that is up, or has one opened for as long as it runs.

use crate::context::Context;
use crate::failure::{Exit, Failure, tunnel as explain};
use remote::tunnel::{self, Hold, Leash, Starter, Status};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// After this long, people are told what is waited for.
const REMARK_AFTER: Duration = Duration::from_secs(1);
/// The first argument of this program where it is to become ssh, and the second.
pub(crate) const LEASH: [&str; 2] = ["remote", "ssh-leash"];

/// How long a tunnel is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    until: Instant,
    whole: Duration,
}

impl Patience {
    /// For this long from now on.
    pub(crate) fn of(time: Duration) -> Self {
        let now = Instant::now();
        Self { until: now.checked_add(time).unwrap_or(now + Duration::from_secs(86_400)), whole: time }
    }
}

/// Waits until the tunnel is up, and says so where that takes a while.
///
/// # Errors
/// It is refused, or not up in time.
pub(crate) async fn wait(ctx: &Context, hold: &mut Hold, patience: Patience) -> Result<Status, Failure> {
    let left = || patience.until.saturating_duration_since(Instant::now());
    let mut told = None;
    loop {
        let turn = left().min(REMARK_AFTER);
        let error = match hold.up(turn).await {
            Ok(status) => {
                if let Some(note) = status.note.as_ref().filter(|_| told.is_some()) {
                    ctx.out.remark(&format!("tunnel: {note}"));
                }
                return Ok(status.clone());
            }
            Err(tunnel::TunnelError::Late { status, .. }) if !left().is_zero() => {
                let what = format!("{}: {}", status.state, status.reason);
                if told.as_ref() != Some(&what) {
                    ctx.out.remark(&format!("tunnel to {}: {what}", status.target));
                    told = Some(what);
                }
                continue;
            }
            Err(tunnel::TunnelError::Late { status, .. }) => {
                tunnel::TunnelError::Late { status, after: patience.whole }
            }
            Err(error) => error,
        };
        return Err(explain::explain(error, ctx));
    }
}

/// How this program starts a supervisor.
///
/// # Errors
/// This program does not know where it is.
pub(crate) fn starter(ctx: &Context) -> Result<Starter, Failure> {
    Ok(Starter {
        program: this_program()?,
        lead: ["remote", "supervise"].map(OsString::from).into(),
        state_dir: ctx.paths.state_dir.clone(),
    })
}

/// How this program starts ssh.
///
/// # Errors
/// This program does not know where it is.
pub(crate) fn leash() -> Result<Leash, Failure> {
    // The same file, even where another version has been put in its place.
    let same = Path::new("/proc/self/exe");
    let program = if same.exists() { same.to_path_buf() } else { this_program()? };
    Ok(Leash { program, lead: LEASH.map(OsString::from).into() })
}

fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new(Exit::Failed, "PROGRAM", format!("this program cannot tell where it lies: {error}"))
    })
}
