//! Following a child to its end: by itself, at its deadline, or because somebody stopped it.

use crate::group::Group;
use std::convert::Infallible;
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
/// later SIGKILL; what a child leaves behind when it ends by itself lives on. Dropping the future kills the group, as
/// long as the caller drops `group` with it.
///
/// # Errors
/// The system does not say how the child ended.
pub(crate) async fn supervise(
    child: &mut Child,
    group: &Group,
    pump: impl Future<Output = ()> + Send,
    deadline: Option<Instant>,
    stop: &CancellationToken,
) -> io::Result<End> {
    let mut pump = Pump { future: Box::pin(pump), done: false };
    let why = tokio::select! {
        // A child that has ended is never called stopped.
        biased;
        status = child.wait() => {
            let status = status?;
            group.release();
            pump.drain().await;
            return Ok(End { status, why: Why::Ended });
        }
        () = stop.cancelled() => Why::Stopped,
        () = at(deadline) => Why::TimedOut,
        never = pump.run() => match never {},
    };
    let status = tokio::select! {
        status = end(child, group) => status?,
        never = pump.run() => match never {},
    };
    pump.drain().await;
    Ok(End { status, why })
}

/// SIGTERM, up to 2 s for all of the group, SIGKILL.
async fn end(child: &mut Child, group: &Group) -> io::Result<ExitStatus> {
    group.terminate();
    let gone = async {
        let status = child.wait().await;
        while group.is_alive() {
            sleep(LOOK).await;
        }
        status
    };
    let ended = timeout(GRACE, gone).await;
    let status = match ended {
        Ok(status) => status,
        Err(_) => {
            group.kill();
            // SIGKILL cannot be held off; a child that was waited for before gives the same answer again.
            child.wait().await
        }
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

/// The future that moves the pipes, and whether it has ended: it is polled beside several others in turn.
struct Pump<'a> {
    future: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
    done: bool,
}

impl Pump<'_> {
    /// Moves the pipes and never ends, so that the others decide.
    async fn run(&mut self) -> Infallible {
        self.finish().await;
        std::future::pending().await
    }

    /// Reads what is left. What is still unread after a second belongs to a process that outlived the command.
    async fn drain(&mut self) {
        let _ = timeout(DRAIN, self.finish()).await;
    }

    async fn finish(&mut self) {
        if !self.done {
            self.future.as_mut().await;
            self.done = true;
        }
    }
}

/// Hands everything that a pipe gives to `sink`, until its end or an error, which is the same to us.
pub(crate) async fn read_all(pipe: Option<impl AsyncRead + Unpin>, mut sink: impl FnMut(&[u8])) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
        sink(buffer.get(..n).unwrap_or_default());
    }
}
