//! The one writer: a thread that owns its connection and groups commits.
//!
//! It takes whatever waits, up to [`GROUP`] jobs, runs each in a savepoint of its own inside one transaction, commits
//! once and only then answers. A commit costs a disk flush, whatever it holds; so a hundred callers share one flush,
//! and a single caller never waits for company.

use crate::R;
use crate::error::{Fault, Sql, StoreError};
use crate::handle::panicked;
use model::SharedClock;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait. A caller beyond that waits for room: at a flush per 256 jobs this is a few flushes' worth, more
/// would only be memory.
pub(crate) const QUEUE: usize = 1024;

/// Jobs in one commit. More would make the first one wait for the last.
const GROUP: usize = 256;

/// What the writer is told.
pub(crate) enum Message {
    Job(Box<dyn Job>),
    /// Commit what came before, close the file, answer, end.
    Close(oneshot::Sender<()>),
}

/// A piece of work whose result waits for the commit.
pub(crate) trait Job: Send {
    /// Does the work and keeps the result.
    fn run(&mut self, c: &Connection, now_ms: i64) -> Sql<()>;
    /// Gives the result, or the error that came instead of it, to the caller.
    fn answer(self: Box<Self>, outcome: R<()>, path: &Path);
}

/// The one kind of [`Job`].
pub(crate) struct QueuedJob<F, T> {
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<R<T>>,
}

impl<F, T> QueuedJob<F, T>
where
    T: Send + 'static,
    F: FnOnce(&Connection, i64) -> Sql<T> + Send + 'static,
{
    pub(crate) fn queued(work: F) -> (Box<dyn Job>, oneshot::Receiver<R<T>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { work: Some(work), value: None, reply }), answer)
    }
}

impl<F, T> Job for QueuedJob<F, T>
where
    T: Send,
    F: FnOnce(&Connection, i64) -> Sql<T> + Send,
{
    fn run(&mut self, c: &Connection, now_ms: i64) -> Sql<()> {
        let work = self.work.take().ok_or_else(|| Fault::Job("a state job was run twice".into()))?;
        self.value = Some(work(c, now_ms)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: R<()>, path: &Path) {
        let result = match (outcome, self.value) {
            (Ok(()), Some(value)) => Ok(value),
            (Ok(()), None) => Err(Fault::Job("a state job gave no result".into()).at(path)),
            (Err(e), _) => Err(e),
        };
        // The caller may have gone; the work is done all the same.
        let _ = self.reply.send(result);
    }
}

/// The thread's state.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    pub(crate) clock: SharedClock,
    /// Commits so far.
    pub(crate) version: Arc<AtomicU64>,
}

/// A job of the group at hand, with what became of it; `Ok` still hangs on the commit.
type Ran = (Box<dyn Job>, R<()>);

impl Writer {
    /// Works until told to close or until the last handle is gone.
    pub(crate) fn work(self, mut inbox: mpsc::Receiver<Message>) {
        while let Some(first) = inbox.blocking_recv() {
            let (jobs, close) = collect(first, &mut inbox);
            self.commit_group(jobs);
            if let Some(done) = close {
                inbox.close();
                drop(self.connection);
                // Whoever asked may have gone; what still waits in the inbox is dropped and reads as closed.
                let _ = done.send(());
                return;
            }
        }
    }

    /// One transaction for all. Guards against a crash between two statements of a job (the whole group is then
    /// absent, and nobody was told otherwise) and against one job's failure touching its neighbours.
    fn commit_group(&self, jobs: Vec<Box<dyn Job>>) {
        let mut ran: Vec<Ran> = Vec::with_capacity(jobs.len());
        let mut refused = None;
        for mut job in jobs {
            // A file that somebody else holds costs the group one busy timeout, not one a job.
            if let Some(error) = &refused {
                let error: StoreError = Clone::clone(error);
                ran.push((job, Err(error)));
                continue;
            }
            let outcome = match self.begin() {
                Ok(()) => self.run_job(job.as_mut()),
                Err(fault) => {
                    let error = self.fail(fault);
                    refused = Some(error.clone());
                    ran.push((job, Err(error)));
                    continue;
                }
            };
            let lost = self.connection.is_autocommit();
            let outcome = outcome.map_err(|fault| self.fail(fault));
            if lost {
                // Disk full and I/O errors make SQLite drop the whole transaction, the neighbours with it.
                if let Err(error) = &outcome {
                    give_up(&mut ran, error, &self.path);
                }
            }
            ran.push((job, outcome));
        }
        let committed = self.end().map_err(|fault| self.fail(fault));
        // Before the answers: whoever has one finds a new version.
        self.version.fetch_add(1, Ordering::Release);
        for (job, outcome) in ran {
            job.answer(outcome.and(committed.clone()), &self.path);
        }
    }

    /// Begins the transaction where none is open: at the group's first job, and after the transaction was lost.
    fn begin(&self) -> Sql<()> {
        if self.connection.is_autocommit() {
            crate::sql::run(&self.connection, "BEGIN IMMEDIATE", [])?;
        }
        Ok(())
    }

    fn run_job(&self, job: &mut dyn Job) -> Sql<()> {
        let c = &self.connection;
        crate::sql::run(c, "SAVEPOINT job", [])?;
        let now = self.clock.now_ms();
        let outcome = catch_unwind(AssertUnwindSafe(|| job.run(c, now)))
            .unwrap_or_else(|payload| Err(panicked(payload.as_ref())));
        if c.is_autocommit() {
            return outcome.and_then(|()| Err(Fault::Job("the transaction was lost".into())));
        }
        if outcome.is_err() && crate::sql::run(c, "ROLLBACK TO job", []).is_err() {
            // Half a job must never be committed: then rather nothing of this group.
            crate::sql::run(c, "ROLLBACK", [])?;
            return outcome;
        }
        crate::sql::run(c, "RELEASE job", [])?;
        outcome
    }

    /// Commits what is open; where that fails, leaves nothing open, so that the next group starts clean.
    fn end(&self) -> Sql<()> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        let committed = crate::sql::run(&self.connection, "COMMIT", []).map(|_| ());
        if committed.is_err() && !self.connection.is_autocommit() {
            crate::sql::run(&self.connection, "ROLLBACK", [])?;
        }
        committed
    }

    fn fail(&self, fault: Fault) -> StoreError {
        let error = fault.at(&self.path);
        crate::check::note_damage(&self.path, &error);
        error
    }
}

/// The first message and what waits behind it, up to a group or a close.
fn collect(
    first: Message,
    inbox: &mut mpsc::Receiver<Message>,
) -> (Vec<Box<dyn Job>>, Option<oneshot::Sender<()>>) {
    let mut jobs = Vec::new();
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Job(job) => jobs.push(job),
            Message::Close(done) => return (jobs, Some(done)),
        }
        next = if jobs.len() < GROUP { inbox.try_recv().ok() } else { None };
    }
    (jobs, None)
}

/// Answers jobs whose transaction is gone; a failure of their own stays what it was.
fn give_up(ran: &mut Vec<Ran>, error: &StoreError, path: &Path) {
    for (job, outcome) in ran.drain(..) {
        job.answer(outcome.and(Err(error.clone())), path);
    }
}

#[cfg(test)]
mod tests;
