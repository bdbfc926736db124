//! Waiting for the gateway.

use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long the gateway has after a cancellation to tell the node about it.
const FAREWELL: Duration = Duration::from_secs(1);

/// How waiting ended.
pub(crate) enum Waited<T> {
    /// With an answer.
    Done(T),
    /// Its time was over.
    Late,
    /// Nobody wants the answer any more.
    Cancelled,
}

/// Waits for `work`, at most `limit`. It must watch `cancel` itself; a second after that it is dropped.
pub(crate) async fn bounded<T>(
    work: impl Future<Output = T>,
    limit: Duration,
    cancel: &CancellationToken,
) -> Waited<T> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        done = timeout(limit, &mut work) => return done.map_or(Waited::Late, Waited::Done),
        () = cancel.cancelled() => {}
    }
    timeout(FAREWELL, work).await.map_or(Waited::Cancelled, Waited::Done)
}
