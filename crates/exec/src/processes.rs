//! Background processes: started, looked at, fed and stopped by whoever holds the registry, and gone with it.

mod entry;

pub use entry::{ProcessInfo, ProcessOutput, ProcessState};

use crate::{CommandSpec, ExecError, spawn};
use entry::Entry;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Processes that are kept, ended ones included: with [`BUFFER`] each that is 64 MiB at the very most.
const LIMIT: usize = 64;
/// Output kept of each: enough for the end of any build log.
const BUFFER: usize = 1024 * 1024;
/// How long an ended process can still be asked about.
const KEEP: Duration = Duration::from_secs(30 * 60);
/// SIGTERM, 2 s, SIGKILL and a last second of reading, with room to spare.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// The background processes of one owner. At most 64 are kept, running and ended together; an ended one is forgotten
/// after 30 minutes, or when its place is needed. Dropping the registry kills all of them with their groups.
#[derive(Debug, Default)]
pub struct Processes {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<String, Arc<Entry>>,
    /// Places given to processes that are being started.
    starting: usize,
    tasks: JoinSet<()>,
}

impl Processes {
    /// A registry without processes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a command in the background and gives its id, 8 hex digits. Its stdin is a pipe for
    /// [`Processes::write`]; what [`CommandSpec::stdin`] holds is written first. [`CommandSpec::max_output`] has no
    /// meaning here.
    ///
    /// # Errors
    /// As [`crate::run()`], and [`ExecError::Full`] where 64 run already.
    pub async fn start(&self, spec: CommandSpec) -> Result<String, ExecError> {
        let place = self.take_place()?;
        let started = spawn::start(&spec, true).await?;
        let (entry, task) = entry::follow(spec, started, BUFFER);
        let mut state = self.lock();
        let id = fresh_id(&state.entries);
        state.entries.insert(id.clone(), Arc::new(entry));
        state.tasks.spawn(task);
        drop(state);
        drop(place);
        Ok(id)
    }

    /// Output from position `after` on (0 is the beginning), at most `max` bytes of it, and how the process stands.
    /// stdout and stderr come together in the order they were written.
    ///
    /// # Errors
    /// [`ExecError::Unknown`].
    pub fn poll(&self, id: &str, after: u64, max: usize) -> Result<ProcessOutput, ExecError> {
        Ok(self.find(id)?.output(id, after, max))
    }

    /// Waits until there is output after position `after` or the process has ended, at most `limit`; then as
    /// [`Processes::poll`]. Cancellation-safe.
    ///
    /// # Errors
    /// [`ExecError::Unknown`].
    pub async fn poll_wait(
        &self,
        id: &str,
        after: u64,
        max: usize,
        limit: Duration,
    ) -> Result<ProcessOutput, ExecError> {
        let entry = self.find(id)?;
        // When the time is over, what is there is the answer.
        let _ = timeout(limit, entry.news(after)).await;
        Ok(entry.output(id, after, max))
    }

    /// Gives a process input. It is queued: at most 16 writes of 64 KiB wait for a process that does not read.
    ///
    /// # Errors
    /// [`ExecError::Unknown`]; [`ExecError::Stdin`] where it has ended, its input was closed, the queue is full or
    /// `bytes` is too long.
    pub fn write(&self, id: &str, bytes: Vec<u8>) -> Result<(), ExecError> {
        self.find(id)?.write(id, bytes)
    }

    /// Closes a process's input once everything queued is written: it reads the end of file.
    ///
    /// # Errors
    /// [`ExecError::Unknown`].
    pub fn close_input(&self, id: &str) -> Result<(), ExecError> {
        self.find(id)?.close_input();
        Ok(())
    }

    /// Stops a process with its whole group (SIGTERM, 2 s later SIGKILL) and waits for its end. One that has ended
    /// stays as it is.
    ///
    /// # Errors
    /// [`ExecError::Unknown`].
    pub async fn kill(&self, id: &str) -> Result<ProcessInfo, ExecError> {
        self.find(id)?.stop();
        self.wait(id, KILL_DEADLINE).await
    }

    /// All processes, those started last first.
    pub fn list(&self) -> Vec<ProcessInfo> {
        let mut state = self.lock();
        state.prune();
        let mut all: Vec<_> = state.entries.iter().map(|(id, e)| e.info(id)).collect();
        all.sort_by_key(|p| p.age_ms);
        all
    }

    /// Waits for the end of a process, at most `limit`, and says how it stands then. Cancellation-safe.
    ///
    /// # Errors
    /// [`ExecError::Unknown`].
    pub async fn wait(&self, id: &str, limit: Duration) -> Result<ProcessInfo, ExecError> {
        let entry = self.find(id)?;
        // When the time is over, the process is told about as it is: running.
        let _ = timeout(limit, entry.ended()).await;
        Ok(entry.info(id))
    }

    fn find(&self, id: &str) -> Result<Arc<Entry>, ExecError> {
        self.lock().entries.get(id).cloned().ok_or_else(|| ExecError::Unknown { id: id.to_owned() })
    }

    fn take_place(&self) -> Result<Place<'_>, ExecError> {
        let mut state = self.lock();
        state.prune();
        if state.entries.len() + state.starting >= LIMIT && !state.forget_oldest_ended() {
            return Err(ExecError::Full { limit: LIMIT });
        }
        state.starting += 1;
        Ok(Place(self))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can leave the map half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // The tasks kill their groups when they are dropped, but they may be dropped late: this is at once.
        for entry in self.lock().entries.values() {
            entry.kill_now();
        }
    }
}

impl State {
    fn prune(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        let now = Instant::now();
        self.entries.retain(|_, e| e.ended_at().is_none_or(|at| now.duration_since(at) < KEEP));
    }

    fn forget_oldest_ended(&mut self) -> bool {
        let oldest = self
            .entries
            .iter()
            .filter_map(|(id, e)| Some((e.ended_at()?, id.clone())))
            .min_by_key(|(at, _)| *at)
            .map(|(_, id)| id);
        oldest.is_some_and(|id| self.entries.remove(&id).is_some())
    }
}

/// A place for a process that is being started; given back however the start ends.
struct Place<'a>(&'a Processes);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().starting -= 1;
    }
}

/// Short, because a model has to repeat it.
fn fresh_id(taken: &HashMap<String, Arc<Entry>>) -> String {
    loop {
        let id: String = model::new_id().chars().take(8).collect();
        if !taken.contains_key(&id) {
            return id;
        }
    }
}
