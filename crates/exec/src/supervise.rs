//! Following a child to its end: by itself, at its deadline, or because somebody stopped it.

use crate::group::Group;
use std::io;
use std::pin::Pin;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// How long a group has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// How long pipes are read on after the child ended: a daemon that it left behind may hold them open for ever.
const DRAIN: Duration = Duration::from_secs(1);
/// How often a group that was asked to end is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Why a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// By itself.
    Ended,
    /// Its time was over.
    TimedOut,
    /// Somebody stopped it.
    Stopped,
}

/// How a child ended.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) why: Why,
}

/// Waits for the child while `pump` moves its pipes. After the deadline or `stop` the whole group gets SIGTERM and 2 s
/// later SIGKILL; what a child leaves behind when it ends by itself lives on. Dropping the future kills the group.
///
/// # Errors
/// The system does not say how the child ended.
pub(crate) async fn supervise(
    child: &mut Child,
    group: &mut Group,
    pump: impl Future<Output = ()>,
    deadline: Option<Instant>,
    stop: &CancellationToken,
) -> io::Result<End> {
    let mut pump = std::pin::pin!(Pump { future: pump, done: false });
    let why = tokio::select! {
        // A child that has ended is never called stopped.
        biased;
        status = child.wait() => {
            let status = status?;
            group.release();
            drain(pump).await;
            return Ok(End { status, why: Why::Ended });
        }
        () = stop.cancelled() => Why::Stopped,
        () = at(deadline) => Why::TimedOut,
        never = idle(pump.as_mut()) => match never {},
    };
    let status = tokio::select! {
        status = end(child, group) => status?,
        never = idle(pump.as_mut()) => match never {},
    };
    drain(pump).await;
    Ok(End { status, why })
}

/// SIGTERM, up to 2 s for all of the group, SIGKILL.
async fn end(child: &mut Child, group: &mut Group) -> io::Result<ExitStatus> {
    group.terminate();
    let gone = async {
        let status = child.wait().await;
        while group.is_alive() {
            sleep(LOOK).await;
        }
        status
    };
    let ended = timeout(GRACE, gone).await;
    group.kill();
    let status = match ended {
        Ok(status) => status,
        // SIGKILL cannot be held off, and `wait` gives the same answer again where the child was waited for before.
        Err(_) => child.wait().await,
    };
    group.release();
    status
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The pipes' future, which may be polled again after its end.
struct Pump<F> {
    future: F,
    done: bool,
}

impl<F: Future<Output = ()>> Pump<F> {
    /// The future, unless it has ended.
    fn pending(self: Pin<&mut Self>) -> Option<(Pin<&mut F>, &mut bool)> {
        pump_project(self)
    }
}

async fn drain<F: Future<Output = ()>>(pump: Pin<&mut Pump<F>>) {
    // What is still unread after that second belongs to a process that outlived the command.
    let _ = timeout(DRAIN, step(pump)).await;
}
