//! The readers: a few connections of their own, so that a long list never waits for a disk flush and never makes the
//! writer wait.

use crate::R;
use crate::error::{Fault, Sql, StoreError};
use crate::handle::panicked;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Connections at most. Reads take microseconds to a few milliseconds, so two are enough to let a short one past a
/// long one; each more would cost cache memory. Callers beyond that wait for a free one.
const READERS: u32 = 2;

/// A pool of read-only connections. They are made when first needed.
#[derive(Clone)]
pub(crate) struct Readers {
    path: PathBuf,
    /// Nobody writes: the file itself is open for reading alone.
    only: bool,
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, only: false, free: Arc::new(Semaphore::new(READERS as usize)), idle: Arc::default() }
    }

    /// Readers of a file that nobody here writes to.
    pub(crate) fn only(path: PathBuf) -> Self {
        Self { only: true, ..Self::new(path) }
    }

    /// Looks, in the calling thread.
    pub(crate) fn look<T>(&self, work: impl FnOnce(&Connection) -> Sql<T>) -> R<T> {
        self.run_now(work).map_err(|fault| self.fail(fault))
    }

    /// Runs `work` in one read transaction on a thread that may block.
    pub(crate) async fn run<T, F>(&self, work: F) -> R<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Sql<T> + Send + 'static,
    {
        let closed = || StoreError::Closed { path: self.path.clone() };
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| closed())?;
        let pool = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let outcome = pool.run_now(work).map_err(|fault| pool.fail(fault));
            drop(permit);
            outcome
        });
        match task.await {
            Ok(outcome) => outcome,
            Err(e) if e.is_panic() => Err(self.fail(panicked(e.into_panic().as_ref()))),
            // The runtime is shutting down.
            Err(_) => Err(closed()),
        }
    }

    fn run_now<T>(&self, work: impl FnOnce(&Connection) -> Sql<T>) -> Sql<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, self.only)?,
        };
        // Reading one snapshot only; there is nothing to commit, and dropping it ends it. Were `work` to panic, the
        // connection goes with it and the next caller opens a new one.
        let snapshot = connection.unchecked_transaction()?;
        let outcome = work(&connection);
        drop(snapshot);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        outcome
    }

    fn fail(&self, fault: Fault) -> StoreError {
        let error = fault.at(&self.path);
        crate::check::note_damage(&self.path, &error);
        error
    }

    /// Waits for reads under way, then closes all connections.
    pub(crate) async fn close(&self) {
        // An error means that it is closed already.
        if let Ok(all) = self.free.acquire_many(READERS).await {
            self.free.close();
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
            drop(all);
        }
    }
}

fn connect(path: &Path, only: bool) -> Sql<Connection> {
    let open = if only { crate::open::connect_for_reading } else { crate::open::connect };
    let connection = open(path)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -512;")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}
