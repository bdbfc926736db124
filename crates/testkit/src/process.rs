//! A program that a test started and answers for: what it says is kept, and it ends with its handle, together with all that
//! it started.

// Only tests use this: what cannot be set up ends them with the reason.
#![allow(clippy::panic)]

use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getrlimit, pidfd_open, pidfd_send_signal, setrlimit,
};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Who waits longer than this waits in vain.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Lines that are kept; long runs would fill the memory otherwise.
const KEPT_LINES: usize = 20_000;

/// A running program.
pub struct Process {
    name: String,
    child: Child,
    said: Arc<Said>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Said {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Default)]
struct Lines {
    kept: VecDeque<String>,
    dropped: usize,
    ended: usize,
}

impl Process {
    /// Starts it; what it says on both outputs is kept.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{name}: {e}"));
        let said = Arc::<Said>::default();
        let readers = [
            child.stdout.take().map(|out| read(out, &said)),
            child.stderr.take().map(|err| read(err, &said)),
        ];
        Self { name: name.to_owned(), child, said, readers: readers.into_iter().flatten().collect() }
    }

    /// Waits for a line from `since` on (a number that [`Process::mark`] gave, or 0) in which `pick` finds something. `None`
    /// when it has ended without, or [`PATIENCE`] has passed.
    pub fn find<T>(&self, since: usize, pick: impl Fn(&str) -> Option<T>) -> Option<T> {
        let find = |lines: &Lines| {
            lines.kept.iter().skip(since.saturating_sub(lines.dropped)).find_map(|line| pick(line))
        };
        let lines = self.said.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = |lines: &mut Lines| find(lines).is_none() && lines.ended < 2;
        let (lines, _) =
            self.said.more.wait_timeout_while(lines, PATIENCE, wait).unwrap_or_else(PoisonError::into_inner);
        find(&lines)
    }

    /// As [`Process::find`].
    ///
    /// # Panics
    /// There is no such line; `what` says what it should have been.
    pub fn wait_for<T>(&self, what: &str, since: usize, pick: impl Fn(&str) -> Option<T>) -> T {
        let found = self.find(since, pick);
        found.unwrap_or_else(|| panic!("{}: no {what}; it said:\n  {}", self.name, self.lines().join("\n  ")))
    }

    /// Waits for a line that contains `text`; panics as [`Process::wait_for`].
    pub fn wait_for_text(&self, text: &str, since: usize) {
        self.wait_for(text, since, |line| line.contains(text).then_some(()));
    }

    /// How many lines it has said.
    pub fn mark(&self) -> usize {
        let lines = self.said.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.dropped + lines.kept.len()
    }

    /// The lines that are kept.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.said.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.kept.iter().cloned().collect()
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(handle) = handle_of(self.child.id()) {
            // Fails only where it has ended, and then nobody needs the signal.
            let _ = pidfd_send_signal(handle, signal);
        }
    }

    /// Waits until it has ended by itself; what it started may live on.
    ///
    /// # Panics
    /// The system does not know it any more.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// Waits until it and all that shares its outputs have ended by themselves, so that all of its lines are there.
    ///
    /// # Panics
    /// As [`Process::ended`].
    pub fn said_all(&mut self) -> ExitStatus {
        let exit = self.ended();
        for reader in self.readers.drain(..) {
            // A reader that panicked has nothing to tell.
            let _ = reader.join();
        }
        exit
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// All that it started and that runs, each by a handle that stays true when numbers are used again.
    pub fn descendants(&self) -> Vec<Descendant> {
        let mut found = Vec::new();
        descend(self.child.id(), &mut found);
        found
    }

    /// Ends it and all that it started, as `kill -9` does, and waits for it.
    pub fn kill(&mut self) {
        if self.is_running() {
            // Stopped, it neither starts anything nor lets a number be used again while its children are gathered.
            self.signal(Signal::STOP);
            let below = self.descendants();
            self.signal(Signal::KILL);
            below.iter().for_each(Descendant::kill);
        }
        // It may have ended by itself.
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{} said:\n  {}\n", self.name, self.lines().join("\n  "));
        }
    }
}

/// A process that another one started.
#[derive(Debug)]
pub struct Descendant {
    /// Its number.
    pub id: u32,
    /// The name of its program.
    pub program: String,
    handle: OwnedFd,
}

impl Descendant {
    /// The process with this number, as long as it runs.
    pub fn of(id: u32) -> Option<Self> {
        let handle = handle_of(id)?;
        let program = std::fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
        Some(Self { id, program: program.trim().to_owned(), handle })
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        // Fails only where it has ended, and then nobody needs the signal.
        let _ = pidfd_send_signal(&self.handle, signal);
    }

    /// Ends it.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Waits until it has ended, whoever its parent is; false after `patience`.
    pub fn has_ended_within(&self, patience: Duration) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let limit = Timespec {
            tv_sec: patience.as_secs().cast_signed(),
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        let mut wait = [PollFd::new(&self.handle, PollFlags::IN)];
        poll(&mut wait, Some(&limit)).is_ok_and(|ready| ready > 0)
    }
}

fn handle_of(id: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(id.cast_signed())?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// The deepest last, so that a list is ended from the top and nothing is started meanwhile.
fn descend(id: u32, found: &mut Vec<Descendant>) {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{id}/task")) else { return };
    let lists = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect();
    for child in children {
        found.extend(Descendant::of(child));
        descend(child, found);
    }
}

fn read(from: impl Read + Send + 'static, said: &Arc<Said>) -> JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut lines = said.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.kept.len() == KEPT_LINES {
                lines.kept.pop_front();
                lines.dropped += 1;
            }
            lines.kept.push_back(line);
            drop(lines);
            said.more.notify_all();
        }
        said.lines.lock().unwrap_or_else(PoisonError::into_inner).ended += 1;
        said.more.notify_all();
    })
}

/// Lets this process have as many files open as it may, for tests with many connections.
///
/// # Panics
/// The system does not let it.
#[allow(clippy::expect_used)]
pub fn open_many_files() {
    let allowed = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, ..allowed }).expect("its own maximum");
}
