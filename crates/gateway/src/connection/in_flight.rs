//! The requests of one connection that are not answered yet. They go on whatever else the connection does, writing
//! included: a request that nobody drives may hold what others wait for, such as a place at the store's readers.

use super::DRAIN_TIMEOUT;
use super::outbound::ConnHandle;
use crate::methods::Answer;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use protocol::limits::MAX_PAYLOAD;
use std::pin::{Pin, pin};
use tokio::time::Instant;

/// Requests that may be in flight; beyond it nothing more is read from the connection until one is answered.
const MAX_REQUESTS: usize = 256;
/// Bytes that their frames may have together before nothing more is read: the largest frame twice, so that one large
/// request does not keep the next from being read.
const MAX_BYTES: usize = 2 * MAX_PAYLOAD;

/// What answers a request.
pub(super) type Work = Pin<Box<dyn Future<Output = Answer> + Send>>;

struct Done {
    id: String,
    bytes: usize,
    answer: Answer,
}

/// Requests in flight, bounded in number and bytes.
#[derive(Default)]
pub(super) struct InFlight {
    requests: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
    bytes: usize,
}

impl InFlight {
    /// Whether nothing more should be read.
    pub(super) fn is_full(&self) -> bool {
        self.requests.len() >= MAX_REQUESTS || self.bytes > MAX_BYTES
    }

    /// Takes a request in, whose frame had so many bytes.
    pub(super) fn push(&mut self, id: String, bytes: usize, work: Work) {
        self.bytes += bytes;
        self.requests.push(Box::pin(async move { Done { id, bytes, answer: work.await } }));
    }

    /// The next answer with its request's id; `None` where nothing is in flight. Cancellation-safe.
    pub(super) async fn next(&mut self) -> Option<(String, Answer)> {
        let done = self.requests.next().await?;
        self.bytes = self.bytes.saturating_sub(done.bytes);
        Some((done.id, done.answer))
    }

    /// Does something that may take its time while the requests go on; their answers go into the queue. `None` where
    /// the connection should close meanwhile: `work` is dropped then. Where what is queued should go out before, `work` may be
    /// part of that, and has a moment to end.
    pub(super) async fn go_on_during<T>(
        &mut self,
        work: impl Future<Output = T>,
        handle: &ConnHandle,
    ) -> Option<T> {
        let mut work = pin!(work);
        let mut limit: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                () = handle.closing().cancelled(), if limit.is_none() => {
                    if handle.goodbye().is_none_or(|goodbye| !goodbye.drain) {
                        return None;
                    }
                    limit = Some(Instant::now() + DRAIN_TIMEOUT);
                }
                () = tokio::time::sleep_until(limit.unwrap_or_else(Instant::now)), if limit.is_some() => return None,
                done = &mut work => return Some(done),
                Some((id, answer)) = self.next() => handle.answer(&id, answer),
            }
        }
    }

    /// Drops all requests.
    pub(super) fn clear(&mut self) {
        self.requests.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::outbound::{Outgoing, Principal};
    use serde_json::json;

    fn handle() -> (ConnHandle, tokio::sync::mpsc::Receiver<Outgoing>) {
        ConnHandle::new("c".into(), Principal::of_test("operator", &[]))
    }

    #[tokio::test]
    async fn requests_are_answered_while_a_write_hangs_and_closing_ends_the_wait() {
        let (handle, mut queue) = handle();
        let mut in_flight = InFlight::default();
        in_flight.push(
            "7".into(),
            10,
            Box::pin(async {
                tokio::task::yield_now().await;
                Ok(json!(1).into())
            }),
        );
        let closer = handle.clone();
        let heard = async {
            let frame = queue.recv().await;
            closer.close(protocol::limits::CloseCode::Policy, "enough");
            frame
        };
        let (written, frame) =
            tokio::join!(in_flight.go_on_during(std::future::pending::<()>(), &handle), heard);
        assert_eq!(written, None);
        assert!(matches!(frame, Some(Outgoing::Text(text)) if text.contains(r#""id":"7""#)));
        assert_eq!(in_flight.bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_being_written_as_the_end_comes_is_written_where_the_rest_is_to_go_out() {
        let code = protocol::limits::CloseCode::Policy;
        let (handle, _queue) = handle();
        handle.close_after_queue(code, "revoked");
        let mut in_flight = InFlight::default();
        let write = tokio::task::yield_now();
        assert_eq!(in_flight.go_on_during(write, &handle).await, Some(()));
        let hangs = std::future::pending::<()>();
        assert_eq!(in_flight.go_on_during(hangs, &handle).await, None, "but not for ever");
    }

    #[tokio::test]
    async fn many_requests_and_large_ones_stop_the_reading() {
        let pending = || -> Work { Box::pin(std::future::pending()) };
        for (count, bytes) in [(MAX_REQUESTS, 1), (3, MAX_PAYLOAD)] {
            let mut in_flight = InFlight::default();
            for _ in 0..count {
                assert!(!in_flight.is_full());
                in_flight.push("1".into(), bytes, pending());
            }
            assert!(in_flight.is_full(), "{count} of {bytes} bytes");
            in_flight.clear();
            assert!(!in_flight.is_full());
        }
    }
}
