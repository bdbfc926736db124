//! The supervisor's side of its socket: who asks is this user, what is asked is handed to the driver, and whoever holds
//! the tunnel holds it as long as the connection is open.

use super::TunnelSpec;
use super::holders::Holders;
use super::wire::{self, Holder, Parting, Refused, Request, Status};
use model::SharedClock;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections at a time: each is a program of this user.
const MOST: usize = 64;
/// A program says what it wants within this time, and takes an answer within it.
const WITHIN: Duration = Duration::from_secs(5);
/// What is being answered at the end has so long.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the driver is asked for.
pub(super) enum Command {
    /// To be this tunnel, and with `keep` to stay; to try at once where `keep` is asked for.
    Be { spec: TunnelSpec, keep: bool, done: oneshot::Sender<()> },
    /// To try at once.
    TryNow { done: oneshot::Sender<()> },
    /// Not to stay.
    Down { force: bool, answer: oneshot::Sender<Parting> },
}

/// What connections need.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) status: watch::Receiver<Status>,
    pub(super) holders: Arc<Holders>,
    pub(super) clock: SharedClock,
}

/// The open connections. Dropping it ends them.
pub(super) struct Server {
    listener: UnixListener,
    open: JoinSet<()>,
}

impl Server {
    pub(super) fn new(listener: UnixListener) -> Self {
        Self { listener, open: JoinSet::new() }
    }

    /// Takes connections until it is given up.
    pub(super) async fn run(&mut self, desk: &Desk) -> io::Result<std::convert::Infallible> {
        loop {
            tokio::select! {
                taken = self.listener.accept() => match taken {
                    Ok((stream, _)) if self.open.len() < MOST && is_own(&stream) => {
                        let desk = desk.clone();
                        self.open.spawn(async move {
                            // Whoever asked is gone, or is none of ours: nobody is left to be told.
                            let _ = serve(stream, desk).await;
                        });
                    }
                    Ok(_) => {}
                    // Out of descriptors: it may pass, and looping would only burn time until then.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(_) = self.open.join_next() => {}
            }
        }
    }

    /// Lets what is being answered be answered. The status channel has to be closed already.
    pub(super) async fn finish(mut self) {
        let _ = timeout(FAREWELL, async { while self.open.join_next().await.is_some() {} }).await;
    }
}

fn is_own(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}

async fn serve(stream: UnixStream, mut desk: Desk) -> io::Result<()> {
    let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::with_capacity(1024, read);
    let Some(line) = timeout(WITHIN, wire::read(&mut read)).await?? else { return Ok(()) };
    let request: Request = match serde_json::from_str(&line) {
        Ok(request) => request,
        Err(error) => {
            return refuse(&mut write, format!("this supervisor does not know what that is: {error}")).await;
        }
    };
    match request {
        Request::Status => {
            let status = desk.status.borrow_and_update().clone();
            answer(&mut write, &status).await
        }
        Request::TryNow => {
            heard(&desk, |done| Command::TryNow { done }).await?;
            let status = desk.status.borrow_and_update().clone();
            answer(&mut write, &status).await
        }
        Request::Down { force } => {
            let (reply, parting) = oneshot::channel();
            hand(&desk, Command::Down { force, answer: reply }).await?;
            let parting = parting.await.map_err(io::Error::other)?;
            answer(&mut write, &parting).await
        }
        Request::Up { spec } => match TunnelSpec::from_wire(spec) {
            Ok(spec) => {
                heard(&desk, |done| Command::Be { spec, keep: true, done }).await?;
                follow(read, write, desk.status).await
            }
            Err(problem) => refuse(&mut write, problem).await,
        },
        Request::Hold { who, spec } => match TunnelSpec::from_wire(spec) {
            Ok(spec) => {
                let who: String = who.chars().filter(|c| !c.is_control()).take(80).collect();
                let held = desk.holders.join(Holder { pid, who, since_ms: desk.clock.now_ms() });
                heard(&desk, |done| Command::Be { spec, keep: false, done }).await?;
                let followed = follow(read, write, desk.status).await;
                drop(held);
                followed
            }
            Err(problem) => refuse(&mut write, problem).await,
        },
    }
}

/// Hands over a command and waits until it was heard: the status before that is about what was before.
async fn heard(desk: &Desk, command: impl FnOnce(oneshot::Sender<()>) -> Command) -> io::Result<()> {
    let (done, heard) = oneshot::channel();
    hand(desk, command(done)).await?;
    heard.await.map_err(io::Error::other)
}

async fn hand(desk: &Desk, command: Command) -> io::Result<()> {
    desk.commands.send(command).await.map_err(|_| io::Error::other("the supervisor ends"))
}

/// Sends the status and each later one, until the other side hangs up.
async fn follow(
    mut read: BufReader<OwnedReadHalf>,
    mut write: OwnedWriteHalf,
    mut status: watch::Receiver<Status>,
) -> io::Result<()> {
    status.mark_changed();
    let mut byte = [0];
    loop {
        tokio::select! {
            changed = status.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let now = status.borrow_and_update().clone();
                answer(&mut write, &now).await?;
            }
            // Nothing more is said on this connection; its end is what is waited for.
            end = read.read(&mut byte) => if !matches!(end, Ok(1..)) {
                return Ok(());
            }
        }
    }
}

async fn answer(write: &mut OwnedWriteHalf, value: &impl serde::Serialize) -> io::Result<()> {
    timeout(WITHIN, wire::write(write, value)).await?
}

async fn refuse(write: &mut OwnedWriteHalf, error: String) -> io::Result<()> {
    answer(write, &Refused { error }).await
}
