//! The supervisor: drives the [`Machine`](super::machine::Machine) with a clock, processes and sockets. It is a process of its own, one per tunnel,
//! and everything of it is one task, apart from one for each program that is connected to its socket.

use super::control::{Command, Desk, Server};
use super::driver::Driver;
use super::holders::Holders;
use super::leash::Leash;
use super::{Place, TunnelSpec};
use model::SharedClock;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Requests that wait for the driver: no more than connections may be open.
const WAITING: usize = 64;
/// Somebody holds a new tunnel within this time, or it ends.
const FIRST_HOLDER_WITHIN: Duration = Duration::from_secs(15);

/// A lock that somebody has this often, so long apart, is another supervisor's.
const LOOKS: usize = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// What a supervisor needs.
pub(super) struct Supervise {
    /// Where its files are.
    pub place: Place,
    /// The tunnel.
    pub spec: TunnelSpec,
    /// How ssh is started.
    pub leash: Leash,
    /// The value of `PATH`, in which ssh is looked for.
    pub path: Option<String>,
    /// The time of day.
    pub clock: SharedClock,
    /// Whether it stays when nobody holds it.
    pub keep: bool,
    /// Whether ssh may ask on the terminal of this process.
    pub ask: bool,
}

/// Why there is no supervisor.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// Another one has this tunnel.
    #[error("another process looks after this tunnel already")]
    Held,
    /// The command line that it was started with is none of a supervisor.
    #[error("this tunnel cannot be looked after: {0}")]
    Line(String),
    /// The system gives no threads, signals or file descriptors.
    #[error("the system does not let a tunnel be looked after: {0}")]
    System(#[source] io::Error),
    /// A file or the socket cannot be used.
    #[error("the tunnel's files at {path}: {source}")]
    Files {
        /// The beginning of their names.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Looks after the tunnel until nobody wants it any more, or until `stop`. `ready` is called once it can be talked to.
///
/// # Errors
/// Somebody else does already, or the files cannot be used.
pub(super) async fn supervise(
    setup: Supervise,
    ready: impl FnOnce(),
    stop: impl Future<Output = ()>,
) -> Result<(), SuperviseError> {
    let place = setup.place.clone();
    let failed = |source| SuperviseError::Files { path: place.socket().display().to_string(), source };
    place.prepare().map_err(failed)?;
    // Held until the process is gone.
    let lock = take(&place).await.map_err(failed)?.ok_or(SuperviseError::Held)?;
    let listener = listen(&place).map_err(failed)?;
    let holders = Arc::<Holders>::default();
    let (commands, asked) = mpsc::channel(WAITING);
    let clock = setup.clock.clone();
    let (mut driver, status) = Driver::new(setup, Arc::clone(&holders));
    let desk = Desk { commands, status, holders, clock };
    let mut server = Server::new(listener);
    ready();
    tokio::select! {
        () = work(&mut driver, asked, &desk.holders) => {}
        never = server.run(&desk) => match never.map_err(failed)? {},
        () = stop => driver.note("told to end"),
    }
    // Nobody finds it from here on; whoever comes now waits for the lock and starts another one.
    let _ = fs::remove_file(place.socket());
    driver.end().await;
    server.finish().await;
    drop(lock);
    Ok(())
}

/// The place's lock; nothing where somebody has it. Whoever looks whether it is held has it for a moment, too.
async fn take(place: &Place) -> io::Result<Option<fs::File>> {
    for _ in 0..LOOKS {
        if let Some(lock) = place.lock()? {
            return Ok(Some(lock));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    place.lock()
}

fn listen(place: &Place) -> io::Result<UnixListener> {
    let socket = place.socket();
    // It is a dead one's: this process has the lock.
    match fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&socket)?;
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Drives until nobody wants the tunnel.
async fn work(driver: &mut Driver, mut asked: mpsc::Receiver<Command>, holders: &Holders) {
    let unwanted_at = Instant::now() + FIRST_HOLDER_WITHIN;
    driver.begin().await;
    loop {
        let alone = !driver.is_kept() && holders.all().is_empty();
        if alone && holders.ever() > 0 {
            return driver.note("nobody holds it any more");
        }
        tokio::select! {
            wake = driver.wake() => driver.handle(wake).await,
            Some(command) = asked.recv() => match command {
                // Whoever asked may be gone; it is done all the same.
                Command::Be { spec, keep, done } => {
                    driver.be(spec, keep).await;
                    let _ = done.send(());
                }
                Command::TryNow { done } => {
                    driver.try_now().await;
                    let _ = done.send(());
                }
                Command::Down { force, answer } => if driver.down(force, answer) {
                    return driver.note("asked to end");
                }
            },
            () = holders.changed() => driver.publish(),
            () = sleep_until(unwanted_at), if alone => return driver.note("nobody came to hold it"),
        }
    }
}
