//! `channels.start` and `channels.stop`: whether a channel receives. What an operator has stopped stays so until one
//! starts it again, or the gateway starts anew.

use crate::delivery::channels::TELEGRAM;
use crate::methods::{Answer, Call};
use crate::reload;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// A channel that was told to stop ends its call for messages at once.
const STOP_WITHIN: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    channel: String,
    account_id: Option<String>,
}

/// The account that is meant; the error says which there are.
fn account(call: &mut Call, method: &str) -> Result<String, ErrorShape> {
    let p: Params = call.params()?;
    let channels = &call.shared.channels;
    let broken = channels.broken_accounts();
    if p.channel != TELEGRAM || (!channels.has(TELEGRAM) && broken.is_empty()) {
        return Err(ErrorShape::invalid(format!("invalid {method} channel"))
            .with_details(json!({"channel": p.channel, "channels": channels.names()})));
    }
    let account = p.account_id.filter(|id| !id.is_empty()).unwrap_or_else(|| channels.default_account());
    if let Some((_, problem)) = broken.into_iter().find(|(name, _)| *name == account) {
        return Err(ErrorShape::unavailable(problem));
    }
    if !channels.has_account(TELEGRAM, &account) {
        let there_are = channels.accounts().join(", ");
        return Err(ErrorShape::invalid(format!("unknown account {account:?}; there are: {there_are}")));
    }
    Ok(account)
}

pub(super) async fn start(mut call: Call) -> Answer {
    if !call.shared.channels.broken().is_empty() {
        // Its token may be there by now.
        reload::secrets_again(&call.shared).await;
    }
    let account = account(&mut call, "channels.start")?;
    let started = call.shared.channels.start(&call.shared, &account);
    tracing::info!(channel = TELEGRAM, account, by = %call.conn.id(), "the channel is started");
    call.shared.health.changed(&call.shared);
    Ok(json!({"channel": TELEGRAM, "accountId": account, "started": started}).into())
}

pub(super) async fn stop(mut call: Call) -> Answer {
    let account = account(&mut call, "channels.stop")?;
    let ending = call.shared.channels.stop(&account);
    let ended = async {
        for ended in &ending {
            ended.cancelled().await;
        }
    };
    if tokio::time::timeout(STOP_WITHIN, ended).await.is_err() {
        return Err(ErrorShape::unavailable(
            "the channel was told to stop and has not yet; see channels.status",
        )
        .retryable());
    }
    tracing::info!(channel = TELEGRAM, account, by = %call.conn.id(), "the channel is stopped");
    call.shared.health.changed(&call.shared);
    Ok(json!({"channel": TELEGRAM, "accountId": account, "stopped": true}).into())
}
