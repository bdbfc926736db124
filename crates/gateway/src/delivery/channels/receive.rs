//! The task that receives on one account, and tells clients how it is doing.

use super::telegram::TelegramAccount;
use super::{TELEGRAM, webhook};
use crate::delivery::inbox::ChannelInbox;
use crate::shared::Shared;
use channels::ChannelStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The tasks before this one have been told to end, and do within milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Receives until `cancel`, once the tasks before have ended.
pub(super) async fn run(
    shared: Arc<Shared>,
    account: Arc<TelegramAccount>,
    cancel: CancellationToken,
    before: Vec<CancellationToken>,
) {
    let ended = async {
        for before in &before {
            before.cancelled().await;
        }
    };
    if tokio::time::timeout(PATIENCE, ended).await.is_err() {
        // Ends this task; the supervisor starts it again.
        return tracing::error!(
            account = account.name(),
            "telegram waits: the account before it has not ended"
        );
    }
    let status = account.bot.watch();
    tokio::join!(poll(&shared, &account, &cancel), watch(&shared, status, &cancel));
    shared.health.changed(&shared);
}

async fn poll(shared: &Arc<Shared>, account: &Arc<TelegramAccount>, cancel: &CancellationToken) {
    let owner = format!("{}@{}", account.name(), account.bot_id);
    if let Some(listens) = &account.listens {
        let inbox = ChannelInbox { shared: shared.clone(), channel: TELEGRAM, owner };
        return webhook::run(account, listens, Arc::new(inbox), cancel).await;
    }
    while !cancel.is_cancelled() {
        match shared.store.cursor(TELEGRAM, &owner).await {
            Ok(cursor) => {
                let inbox = ChannelInbox { shared: shared.clone(), channel: TELEGRAM, owner: owner.clone() };
                account.bot.poll(&inbox, cursor, cancel).await;
            }
            Err(error) => {
                tracing::error!(account = account.name(), %error, "telegram cannot start: its position is unknown");
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        }
    }
}

/// Tells clients when the channel goes up or down.
async fn watch(shared: &Arc<Shared>, mut status: watch::Receiver<ChannelStatus>, cancel: &CancellationToken) {
    let mut last = None;
    loop {
        let now = {
            let s = status.borrow_and_update();
            (s.running, s.connected, s.lifecycle, s.last_error.clone())
        };
        if last.as_ref() != Some(&now) {
            last = Some(now);
            shared.health.changed(shared);
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            changed = status.changed() => if changed.is_err() { return },
        }
    }
}
