//! In: a batch is committed before the platform's offset moves; open rows are handed to sessions, now or after a crash.

use crate::runs::dispatch;
use crate::shared::Shared;
use channels::Inbox;
use model::Inbound;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Open rows are looked at this often even if nobody said that there are any: a safety net, not the way they go.
const SWEEP: Duration = Duration::from_secs(30);

/// Wakes the task that hands rows to sessions.
#[derive(Debug, Default)]
pub(crate) struct InboxSignal(Notify);

impl InboxSignal {
    /// There may be open rows.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

/// One channel account's way in.
pub(crate) struct ChannelInbox {
    pub(crate) shared: Arc<Shared>,
    pub(crate) channel: &'static str,
    pub(crate) account: String,
    /// Whose position the cursor is; stored in front of it.
    pub(crate) cursor_owner: String,
}

impl Inbox for ChannelInbox {
    /// Guards against a crash right after the platform forgets the batch: rows and cursor are one commit, and only its
    /// success lets the offset move.
    fn accept<'a>(
        &'a self,
        batch: Vec<Inbound>,
        cursor: String,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        Box::pin(async move {
            let cursor = format!("{}:{cursor}", self.cursor_owner);
            let rows = self.shared.store.accept_inbound(self.channel, &self.account, batch, &cursor).await;
            rows.map_err(|e| e.to_string())?;
            self.shared.inbox.wake();
            Ok(())
        })
    }
}

/// Hands open rows to sessions until shutdown. Supervised: when it dies, the rows are still open.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        match shared.store.open_inbound().await {
            Ok(rows) => {
                if let Err(error) = dispatch::rows(&shared, rows).await {
                    tracing::error!(%error, "inbound messages wait");
                }
            }
            Err(error) => tracing::error!(%error, "inbound messages could not be read"),
        }
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            () = shared.inbox.0.notified() => {}
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}
