//! Who owns the gateway's tasks. Every task is spawned here, so that all of them end when the gateway does.

use std::future::Future;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// After a task that should run for ever has died, it is started again after this time.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// The owner of all tasks. `soft` asks them to finish what they have in hand, `hard` drops them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lifecycle {
    tracker: TaskTracker,
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Lifecycle {
    /// Cancelled when no new work should begin.
    pub(crate) fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Runs a task until it ends, or until shutdown has waited long enough. A panic ends this task alone.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let hard = self.hard.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = hard.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Runs a task that should go on until shutdown; when it panics or returns early it is started again.
    pub(crate) fn supervise<F>(&self, name: &'static str, task: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.supervise_until(name, self.soft.clone(), task);
    }

    /// As [`Lifecycle::supervise`], until `until` is cancelled, which is to happen at shutdown at the latest. Gives what
    /// is cancelled when the task has ended.
    pub(crate) fn supervise_until<F>(
        &self,
        name: &'static str,
        until: CancellationToken,
        task: impl Fn() -> F + Send + 'static,
    ) -> CancellationToken
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tracker = self.tracker.clone();
        let ended = CancellationToken::new();
        // Whichever way the task ends.
        let guard = ended.clone().drop_guard();
        self.spawn(async move {
            let _guard = guard;
            while !until.is_cancelled() {
                // A task of its own, so that a panic ends it alone; dropped with this one, so that `hard` ends it too.
                let outcome = AbortOnDropHandle::new(tracker.spawn(task())).await;
                if until.is_cancelled() {
                    return;
                }
                match outcome {
                    Ok(()) => tracing::warn!(task = name, "ended early; starting it again"),
                    Err(error) => tracing::error!(task = name, %error, "died; starting it again"),
                }
                tokio::select! {
                    () = until.cancelled() => {}
                    () = tokio::time::sleep(RESTART_DELAY) => {}
                }
            }
        });
        ended
    }

    /// Asks all tasks to end, waits, and then drops those that are left.
    pub(crate) async fn shutdown(&self, patience: Duration) {
        self.soft.cancel();
        self.tracker.close();
        if tokio::time::timeout(patience, self.tracker.wait()).await.is_err() {
            self.hard.cancel();
            // What is left is dropped at its next await; a second is plenty for that.
            if tokio::time::timeout(Duration::from_secs(1), self.tracker.wait()).await.is_err() {
                tracing::warn!(tasks = self.tracker.len(), "some tasks did not end in time");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_supervised_task_that_panics_is_started_again() {
        let lifecycle = Lifecycle::default();
        let starts = Arc::new(AtomicU32::new(0));
        let (counted, soft) = (starts.clone(), lifecycle.soft().clone());
        lifecycle.supervise("test", move || {
            let (counted, soft) = (counted.clone(), soft.clone());
            async move {
                if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                    panic!("first start");
                }
                soft.cancelled().await;
            }
        });
        while starts.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        lifecycle.shutdown(Duration::from_secs(1)).await;
        assert_eq!(starts.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_drops_what_does_not_end_by_itself() {
        let lifecycle = Lifecycle::default();
        lifecycle.spawn(std::future::pending());
        lifecycle.supervise("test", std::future::pending);
        // Both have begun before they are asked to end.
        tokio::task::yield_now().await;
        lifecycle.shutdown(Duration::from_secs(5)).await;
        assert!(lifecycle.tracker.is_empty());
    }
}
