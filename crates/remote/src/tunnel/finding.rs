//! The side of those who use a tunnel: finding its supervisor, starting one where there is none, holding it, asking it.

use super::machine::Phase;
use super::program::SUPERVISE;
use super::wire::{self, Parting, Refused, Request, Status};
use super::{Mark, Place, TunnelSpec};
use serde::de::DeserializeOwned;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// A supervisor answers a question within this time; ending an ssh that does not listen takes it 2 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A new supervisor can be talked to after this time at most.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks for a supervisor that somebody else is starting, or that is just ending.
const LOOK: Duration = Duration::from_millis(25);

/// How a supervisor is started.
#[derive(Debug, Clone)]
pub struct Starter {
    /// The program that looks after tunnels ([`super::run`]).
    pub program: PathBuf,
    /// The state directory, absolute.
    pub state_dir: PathBuf,
}

/// Why a tunnel cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The supervisor could not be started.
    #[error("the tunnel's supervisor could not be started: {0}")]
    Start(String),
    /// It does not answer, or hung up.
    #[error("the tunnel's supervisor does not answer: {0}")]
    Silent(String),
    /// It does not do what it was asked for.
    #[error("the tunnel's supervisor refuses: {0}")]
    Refused(String),
    /// ssh or sshd refused, or the local port is taken.
    #[error("no tunnel to {}: {}", .0.target, .0.reason)]
    Down(Box<Status>),
    /// It did not come up in time.
    #[error("the tunnel to {} is not up after {} s: {}", status.target, after.as_secs_f32(), status.reason)]
    Late {
        /// How it was doing at last.
        status: Box<Status>,
        /// How long was waited.
        after: Duration,
    },
}

/// What a supervisor says, by lines. Giving up a reading loses nothing.
type Answers = Lines<BufReader<OwnedReadHalf>>;

/// A tunnel that is held as long as this lives. What the supervisor tells is read by a task of it, whether or not anybody
/// looks: who does not read is let go by the supervisor.
#[derive(Debug)]
pub struct Hold {
    told: watch::Receiver<Told>,
    reader: JoinHandle<()>,
    // Closing it is letting go.
    _write: OwnedWriteHalf,
}

/// What was told last.
#[derive(Debug, Clone)]
struct Told {
    status: Status,
    /// Why nothing is told any more.
    gone: Option<String>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Hold {
    fn new(read: Answers, write: OwnedWriteHalf, status: Status) -> Self {
        let (tell, told) = watch::channel(Told { status, gone: None });
        // Ended by the drop of the hold, or with the supervisor.
        #[allow(clippy::disallowed_methods)]
        let reader = tokio::spawn(read_on(read, tell));
        Self { told, reader, _write: write }
    }

    /// How the tunnel is doing, as far as it was told.
    pub fn status(&self) -> Status {
        self.told.borrow().status.clone()
    }

    /// The port of its end here while it is up; nothing otherwise: whoever listens there then is not known.
    pub fn port_while_up(&self) -> Option<u16> {
        let told = self.told.borrow();
        (told.gone.is_none() && told.status.state == Phase::Up).then_some(told.status.local_port)
    }

    /// Waits until it is told anew. Giving this up loses nothing.
    ///
    /// # Errors
    /// The supervisor is gone.
    pub async fn changed(&mut self) -> Result<Status, TunnelError> {
        changed(&mut self.told).await
    }

    /// Waits until the far gateway answers, `within` this time at most.
    ///
    /// # Errors
    /// It is refused, late, or the supervisor is gone.
    pub async fn up(&self, within: Duration) -> Result<Status, TunnelError> {
        let deadline = Instant::now() + within;
        let mut told = self.told.clone();
        loop {
            let Told { status, gone } = told.borrow_and_update().clone();
            if let Some(why) = gone {
                return Err(TunnelError::Silent(why));
            }
            match status.state {
                Phase::Up => return Ok(status),
                Phase::Refused => return Err(TunnelError::Down(Box::new(status))),
                Phase::Connecting => {}
                // What was up comes back; what never was, and has a reason with a name, is told at once.
                Phase::Degraded | Phase::BackingOff => {
                    if !status.was_up && status.refusal.is_some() {
                        return Err(TunnelError::Down(Box::new(status)));
                    }
                }
            }
            match timeout_at(deadline, changed(&mut told)).await {
                Ok(status) => drop(status?),
                Err(_) => return Err(TunnelError::Late { status: Box::new(status), after: within }),
            }
        }
    }
}

/// Reads all that is told, until the supervisor hangs up.
async fn read_on(mut read: Answers, tell: watch::Sender<Told>) {
    loop {
        match next(&mut read).await {
            Ok(status) => tell.send_modify(|told| told.status = status),
            Err(error) => {
                let why = match error {
                    TunnelError::Silent(why) => why,
                    other => other.to_string(),
                };
                return tell.send_modify(|told| told.gone = Some(why));
            }
        }
    }
}

/// What is told next.
async fn changed(told: &mut watch::Receiver<Told>) -> Result<Status, TunnelError> {
    let gone = |why: &str| TunnelError::Silent(why.to_owned());
    let before = told.borrow().gone.clone();
    if before.is_none() {
        told.changed().await.map_err(|_| gone("it hung up"))?;
    }
    let now = told.borrow_and_update().clone();
    now.gone.map_or(Ok(now.status), |why| Err(gone(&why)))
}

/// Holds the tunnel, starting its supervisor where there is none. `who` says for what.
///
/// # Errors
/// There is no supervisor to be had.
pub async fn hold(
    starter: &Starter,
    place: &Place,
    spec: &TunnelSpec,
    who: &str,
) -> Result<Hold, TunnelError> {
    let request = Request::Hold { who: who.to_owned(), spec: spec.to_wire() };
    reach(starter, place, spec, &request).await
}

/// Has the tunnel stay until [`down`], starting its supervisor where there is none.
///
/// # Errors
/// There is no supervisor to be had.
pub async fn up(starter: &Starter, place: &Place, spec: &TunnelSpec) -> Result<Hold, TunnelError> {
    reach(starter, place, spec, &Request::Up { spec: spec.to_wire() }).await
}

/// How the tunnel at this place is doing; nothing where nobody looks after it.
///
/// # Errors
/// Its supervisor does not answer.
pub async fn status(place: &Place) -> Result<Option<Status>, TunnelError> {
    ask(place, &Request::Status).await
}

/// The process that looks after the tunnel at this place, also where it does not answer; nothing where there is none, or where
/// the system does not tell.
pub async fn supervisor(place: &Place) -> Option<i32> {
    let stream = timeout(ANSWER_WITHIN, UnixStream::connect(place.socket())).await.ok()?.ok()?;
    stream.peer_cred().ok()?.pid()
}

/// Asks for a try at once; nothing where nobody looks after the tunnel.
///
/// # Errors
/// Its supervisor does not answer.
pub async fn try_now(place: &Place) -> Result<Option<Status>, TunnelError> {
    ask(place, &Request::TryNow).await
}

/// Has the tunnel stay no longer, and waits for its end where it ends; nothing where nobody looks after it.
///
/// # Errors
/// Its supervisor does not answer, or does not end.
pub async fn down(place: &Place, force: bool) -> Result<Option<Parting>, TunnelError> {
    let mark = place.mark();
    let Some(parting) = ask::<Parting>(place, &Request::Down { force }).await? else { return Ok(None) };
    if parting.ends {
        ended(place, mark).await?;
    }
    Ok(Some(parting))
}

/// Waits for the end of the supervisor whose mark this is, and which is ending. Another one may take its place at once.
///
/// # Errors
/// It does not end.
pub async fn ended(place: &Place, mark: Option<Mark>) -> Result<(), TunnelError> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    let another = || place.mark().is_some_and(|now| mark.is_some_and(|before| before != now));
    while place.is_held() && !another() {
        if Instant::now() > deadline {
            return Err(TunnelError::Silent("it was to end, and has not".to_owned()));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// Asks the supervisor; nothing where there is none. One that begins or ends holds the place and answers nobody: a later look
/// tells which. Asking twice is as good as once.
async fn ask<T: DeserializeOwned>(place: &Place, request: &Request) -> Result<Option<T>, TunnelError> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    loop {
        let why = match connect(place, request).await {
            Ok((mut read, _write)) => match first(&mut read).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(TunnelError::Silent(why)) => why,
                Err(error) => return Err(error),
            },
            Err(error) => error.to_string(),
        };
        if !place.is_held() {
            return Ok(None);
        }
        if Instant::now() >= deadline {
            return Err(TunnelError::Silent(why));
        }
        sleep(LOOK).await;
    }
}

/// Talks to the supervisor; where there is none, starts one and tries again.
async fn reach(
    starter: &Starter,
    place: &Place,
    spec: &TunnelSpec,
    request: &Request,
) -> Result<Hold, TunnelError> {
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let why = match connect(place, request).await {
            Ok((mut read, write)) => match first(&mut read).await {
                Ok(status) => return Ok(Hold::new(read, write, status)),
                // It was just ending; a refusal stays one.
                Err(TunnelError::Silent(why)) => why,
                Err(error) => return Err(error),
            },
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            return Err(TunnelError::Silent(why));
        }
        if place.is_held() {
            // Somebody else is starting one, or one is ending.
            sleep(LOOK).await;
        } else {
            start(starter, place, spec).await?;
        }
    }
}

async fn connect(place: &Place, request: &Request) -> io::Result<(Answers, OwnedWriteHalf)> {
    let stream = timeout(ANSWER_WITHIN, UnixStream::connect(place.socket())).await??;
    let (read, mut write) = stream.into_split();
    timeout(ANSWER_WITHIN, wire::write(&mut write, request)).await??;
    Ok((BufReader::new(read).lines(), write))
}

/// The answer to a request. A supervisor that stands still takes connections all the same, and never answers.
async fn first<T: DeserializeOwned>(read: &mut Answers) -> Result<T, TunnelError> {
    let late = |_| TunnelError::Silent(format!("it said nothing for {} s", ANSWER_WITHIN.as_secs()));
    timeout(ANSWER_WITHIN, next(read)).await.map_err(late)?
}

/// The next answer.
async fn next<T: DeserializeOwned>(read: &mut Answers) -> Result<T, TunnelError> {
    let silent = |error: io::Error| TunnelError::Silent(error.to_string());
    let line = read.next_line().await.map_err(silent)?;
    let line = line.ok_or_else(|| TunnelError::Silent("it hung up".to_owned()))?;
    serde_json::from_str(&line).map_err(|error| match serde_json::from_str::<Refused>(&line) {
        Ok(refused) => TunnelError::Refused(refused.error),
        Err(_) => TunnelError::Refused(format!("its answer is not understood ({error}); it may be of another version: openclaw remote down --force")),
    })
}

/// Starts a supervisor and waits until it can be talked to. It outlives this process.
async fn start(starter: &Starter, place: &Place, spec: &TunnelSpec) -> Result<(), TunnelError> {
    let failed = |error: io::Error| TunnelError::Start(error.to_string());
    place.prepare().map_err(failed)?;
    let mut command = Command::from(starter.command(SUPERVISE, place, spec).map_err(failed)?);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let unstarted = |error: io::Error| TunnelError::Start(format!("{}: {error}", starter.program.display()));
    let mut child = command.spawn().map_err(unstarted)?;
    let Some(out) = child.stdout.take() else {
        return Err(TunnelError::Start("it has no output".to_owned()));
    };
    let mut line = String::new();
    let read = timeout(READY_WITHIN, BufReader::new(out).read_line(&mut line)).await;
    match (read, line.trim()) {
        // Another one was quicker, which is as good.
        (Ok(Ok(_)), "ready" | "held") => Ok(()),
        (Ok(Ok(_)), "") => {
            Err(TunnelError::Start(format!("it ended at once; see {}", place.log().display())))
        }
        (Ok(Ok(_)), said) => Err(TunnelError::Start(said.to_owned())),
        (Ok(Err(error)), _) => Err(failed(error)),
        (Err(_), _) => {
            Err(TunnelError::Start(format!("it was not ready within {} s", READY_WITHIN.as_secs())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_supervisor_that_is_ending_is_none_once_it_has_ended_and_is_not_waited_for_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(dir.path(), "host-1");
        place.prepare().unwrap();
        // Its socket is gone and its lock is not, yet.
        let lock = place.lock().unwrap().unwrap();
        let asked = Instant::now();
        assert!(matches!(status(&place).await, Err(TunnelError::Silent(_))));
        assert!(asked.elapsed() >= ANSWER_WITHIN);
        let ends = async {
            sleep(LOOK * 3).await;
            drop(lock);
        };
        let (told, ()) = tokio::join!(status(&place), ends);
        assert!(told.unwrap().is_none());
    }
}
