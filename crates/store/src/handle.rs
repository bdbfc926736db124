//! The handle that everybody holds: reads go to the readers, writes to the writer.

use crate::R;
use crate::error::{Fault, Sql, StoreError};
use crate::nodes::Approved;
use crate::readers::Readers;
use crate::sessions::LastPage;
use crate::writer::{Message, QueuedJob};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// The state. Cheap to clone; all clones are the same store. When the last one is gone, the writer finishes what was
/// queued and ends by itself.
#[derive(Clone)]
pub struct Store {
    pub(crate) core: Arc<Core>,
}

pub(crate) struct Core {
    pub(crate) path: PathBuf,
    pub(crate) jobs: mpsc::Sender<Message>,
    pub(crate) readers: Readers,
    pub(crate) clock: model::SharedClock,
    /// Commits so far; counted up before they are acknowledged.
    pub(crate) version: Arc<AtomicU64>,
    /// The page of sessions that was asked for last.
    pub(crate) last_page: LastPage,
    /// What is approved for nodes, by their ids.
    pub(crate) approved: Approved,
    /// Ends a background check of the file.
    pub(crate) stop_check: Arc<AtomicBool>,
}

impl Drop for Core {
    fn drop(&mut self) {
        self.stop_check.store(true, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.core.path).finish()
    }
}

impl Store {
    /// Finishes everything queued before, writes the log back into the file and ends the writer. Other handles get
    /// [`StoreError::Closed`] from then on. Closing twice does nothing.
    pub async fn close(self) {
        self.core.stop_check.store(true, Ordering::Relaxed);
        // Readers first, so that the writer's connection is the last: the last one tidies the log away.
        self.core.readers.close().await;
        let (done, closed) = oneshot::channel();
        if self.core.jobs.send(Message::Close(done)).await.is_ok() {
            // An error means that the writer ended before it read this: then it is closed as well.
            let _ = closed.await;
        }
    }

    /// Whether the state works: the writer takes up and ends a transaction, and a reader reads.
    ///
    /// # Errors
    /// One of them cannot; waits as long as they do.
    pub async fn answers(&self) -> R<()> {
        self.write(|_, _| Ok(())).await?;
        self.read(|c| crate::sql::one(c, "SELECT count(*) FROM settings", [], |_| Ok(())).map(|_| ())).await
    }

    /// Counts up with every commit. What is read after asking for it is at least as new, so as long as it stays, what
    /// was read is what everybody who got an answer knows.
    pub(crate) fn version(&self) -> u64 {
        self.core.version.load(Ordering::Acquire)
    }

    /// The time that goes into rows and expiries.
    pub(crate) fn now(&self) -> i64 {
        self.core.clock.now_ms()
    }

    /// What is said of the store once it is closed.
    pub fn closed(&self) -> StoreError {
        StoreError::Closed { path: self.core.path.clone() }
    }

    /// Runs `work` on the writer; answers after the commit. `work` gets the time of day.
    pub(crate) async fn write<T, F>(&self, work: F) -> R<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, i64) -> Sql<T> + Send + 'static,
    {
        let (job, answer) = QueuedJob::queued(work);
        self.core.jobs.send(Message::Job(job)).await.map_err(|_| self.closed())?;
        answer.await.map_err(|_| self.closed())?
    }

    /// Runs `work` on a reader, in one read transaction: it sees everything that was acknowledged before, and all its
    /// queries see the same.
    pub(crate) async fn read<T, F>(&self, work: F) -> R<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Sql<T> + Send + 'static,
    {
        self.core.readers.run(work).await
    }
}

/// A panic in a job, as a fault: the thread goes on.
pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Fault {
    let text = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".into());
    Fault::Job(format!("a state job failed inside ({text}); its changes were undone"))
}
