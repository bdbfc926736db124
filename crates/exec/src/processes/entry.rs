//! One background process: its buffer, its input, its state, and the task that follows it.

use crate::group::GroupHandle;
use crate::ring::Ring;
use crate::run::{deadline, millis};
use crate::spawn::Started;
use crate::supervise::{Why, read_all, supervise};
use crate::{CommandSpec, ExecError, display_argv};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Writes that may wait for a process that does not read.
const INPUT_QUEUE: usize = 16;
/// Longest single write: with the queue, 1 MiB may wait.
const INPUT_MAX: usize = 64 * 1024;

/// How a background process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessState {
    /// It runs.
    Running,
    /// It has ended.
    Ended {
        /// Its exit code; `None` where a signal ended it.
        exit_code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// Whether its time was over.
        timed_out: bool,
        /// Whether it was stopped with [`crate::Processes::kill`].
        killed: bool,
    },
}

/// A background process, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its id in the registry.
    pub id: String,
    /// Its command line, in shell quotes.
    pub command: String,
    /// Where it runs; `None` is the directory of this process.
    pub cwd: Option<PathBuf>,
    /// How it stands.
    pub state: ProcessState,
    /// How long ago it was started, in ms.
    pub age_ms: u64,
    /// How long it has run, in ms; stands still when it has ended.
    pub duration_ms: u64,
    /// How much it has written, in bytes.
    pub output_bytes: u64,
}

/// Output of a background process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessOutput {
    /// stdout and stderr as they came; lossy UTF-8.
    pub text: String,
    /// The position to read on from.
    pub next: u64,
    /// Bytes after the asked position that are gone, because only the last 1 MiB is kept.
    pub lost: u64,
    /// The process itself.
    pub info: ProcessInfo,
}

/// A process in the registry.
#[derive(Debug)]
pub(super) struct Entry {
    command: String,
    cwd: Option<PathBuf>,
    begun: Instant,
    shared: Arc<Shared>,
    input: Mutex<Option<mpsc::Sender<Vec<u8>>>>,
    state: watch::Receiver<Standing>,
    group: GroupHandle,
    stop: CancellationToken,
}

/// What the task and the registry both reach.
#[derive(Debug)]
struct Shared {
    ring: Mutex<Ring>,
    /// How long the stream is: wakes who waits for output.
    written: watch::Sender<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    state: ProcessState,
    ended: Option<Instant>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere cannot leave bytes or senders half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes over a started child: the entry for the registry, and the task that must run for it. Dropping the task kills
/// the child with its group.
pub(super) fn follow(
    spec: CommandSpec,
    started: Started,
    buffer: usize,
) -> (Entry, impl Future<Output = ()> + Send + 'static) {
    let begun = Instant::now();
    let (written, _) = watch::channel(0);
    let shared = Arc::new(Shared { ring: Mutex::new(Ring::new(buffer)), written });
    let (input, queue) = mpsc::channel(INPUT_QUEUE);
    let (standing, state) = watch::channel(Standing { state: ProcessState::Running, ended: None });
    let stop = CancellationToken::new();
    let entry = Entry {
        command: display_argv(&spec.argv),
        cwd: spec.cwd.clone(),
        begun,
        shared: shared.clone(),
        input: Mutex::new(Some(input)),
        state,
        group: started.group.handle(),
        stop: stop.clone(),
    };
    let end_at = deadline(begun, spec.timeout);
    let task = async move {
        let state = drive(started, spec.stdin, queue, &shared, end_at, &stop).await;
        standing.send_replace(Standing { state, ended: Some(Instant::now()) });
    };
    (entry, task)
}

async fn drive(
    started: Started,
    first: Option<Vec<u8>>,
    queue: mpsc::Receiver<Vec<u8>>,
    shared: &Shared,
    end_at: Option<Instant>,
    stop: &CancellationToken,
) -> ProcessState {
    let Started { mut child, group, stdin, stdout, stderr } = started;
    let pump = async {
        let output = async {
            tokio::join!(read_all(stdout, |b| shared.push(b)), read_all(stderr, |b| shared.push(b)));
        };
        // The input may stay open for ever: the pipes are done when the output is.
        tokio::select! {
            () = output => {}
            never = feed(stdin, first, queue) => match never {},
        }
    };
    match supervise(&mut child, &group, pump, end_at, stop).await {
        Ok(end) => ProcessState::Ended {
            exit_code: end.status.code(),
            signal: end.status.signal(),
            timed_out: end.why == Why::TimedOut,
            killed: end.why == Why::Stopped,
        },
        Err(e) => {
            shared.push(format!("\n[the system did not say how the process ended: {e}]\n").as_bytes());
            ProcessState::Ended { exit_code: None, signal: None, timed_out: false, killed: false }
        }
    }
}

/// Writes what is queued, closes the pipe when the queue is closed, and never ends.
async fn feed(
    pipe: Option<ChildStdin>,
    first: Option<Vec<u8>>,
    mut queue: mpsc::Receiver<Vec<u8>>,
) -> std::convert::Infallible {
    if let Some(mut pipe) = pipe {
        let mut next = first;
        loop {
            if let Some(bytes) = next
                && pipe.write_all(&bytes).await.is_err()
            {
                // The process closed its input. Dropping the queue tells later writers.
                break;
            }
            match queue.recv().await {
                Some(bytes) => next = Some(bytes),
                None => break,
            }
        }
    }
    drop(queue);
    std::future::pending().await
}

impl Shared {
    fn push(&self, bytes: &[u8]) {
        let end = {
            let mut ring = lock(&self.ring);
            ring.push(bytes);
            ring.end()
        };
        self.written.send_replace(end);
    }
}

impl Entry {
    pub(super) fn info(&self, id: &str) -> ProcessInfo {
        let standing = *self.state.borrow();
        let until = standing.ended.unwrap_or_else(Instant::now);
        ProcessInfo {
            id: id.to_owned(),
            command: self.command.clone(),
            cwd: self.cwd.clone(),
            state: standing.state,
            age_ms: millis(self.begun.elapsed()),
            duration_ms: millis(until.duration_since(self.begun)),
            output_bytes: lock(&self.shared.ring).end(),
        }
    }

    pub(super) fn output(&self, id: &str, after: u64, max: usize) -> ProcessOutput {
        // The state first: output is complete before the state says that the process has ended.
        let info = self.info(id);
        let piece = lock(&self.shared.ring).read(after, max);
        ProcessOutput { text: piece.text, next: piece.next, lost: piece.lost, info }
    }

    pub(super) fn write(&self, id: &str, bytes: Vec<u8>) -> Result<(), ExecError> {
        let refuse = |reason| Err(ExecError::Stdin { id: id.to_owned(), reason });
        if bytes.len() > INPUT_MAX {
            return refuse("one write is 64 KiB at most; write it in pieces");
        }
        if self.ended_at().is_some() {
            return refuse("it has ended; start it again");
        }
        match lock(&self.input).as_ref().map(|queue| queue.try_send(bytes)) {
            Some(Ok(())) => Ok(()),
            Some(Err(mpsc::error::TrySendError::Full(_))) => {
                refuse("it does not read what was written before; wait until it does")
            }
            Some(Err(mpsc::error::TrySendError::Closed(_))) => refuse("it has closed its input"),
            None => refuse("its input was closed"),
        }
    }

    pub(super) fn close_input(&self) {
        lock(&self.input).take();
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) fn kill_now(&self) {
        self.group.kill();
    }

    pub(super) fn ended_at(&self) -> Option<Instant> {
        self.state.borrow().ended
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) {
        // A task that is gone without a word has been dropped with its process: that is an end too.
        let _ = self.state.clone().wait_for(|s| s.ended.is_some()).await;
    }

    /// Waits for output after `after`, or the end.
    pub(super) async fn news(&self, after: u64) {
        let mut written = self.shared.written.subscribe();
        tokio::select! {
            _ = written.wait_for(|end| *end > after) => {}
            () = self.ended() => {}
        }
    }
}
