//! `channels.pairing.list` and `channels.pairing.approve`: strangers who wrote to a channel. A request's id is the code
//! that the stranger was given: the owner has it from them, or from the list.

use crate::delivery::channels::{TELEGRAM, label};
use crate::delivery::outbox;
use crate::methods::{Answer, Call, store_error};
use crate::settings::Settings;
use channels::policy::DmPolicy;
use model::Outbound;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{ChannelRequest, Store, StoreError};

/// What somebody hears who was let in, where the owner wants it.
const WELCOME: &str = "You may write to me now.";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List {
    channel: Option<String>,
    account_id: Option<String>,
}

pub(super) async fn list(mut call: Call) -> Answer {
    let p: List = call.params()?;
    let shared = &call.shared;
    let names = shared.channels.accounts();
    let listed = waiting(p, &shared.store, &shared.settings(), &names).await;
    listed.map(Into::into).map_err(store_error)
}

/// Who waits, and on which of these accounts one has to.
pub(crate) async fn waiting(
    p: List,
    store: &Store,
    settings: &Settings,
    names: &[String],
) -> Result<Value, StoreError> {
    let is_asked = |channel: &str, account: &str| {
        p.channel.as_deref().is_none_or(|c| c == channel)
            && p.account_id.as_deref().is_none_or(|a| a == account)
    };
    let requests = store.channel_requests(p.channel.as_deref()).await?;
    let requests: Vec<Value> =
        requests.iter().filter(|r| is_asked(&r.channel, &r.account)).map(request_json).collect();
    let by_pairing = |account: &&String| {
        settings.access_policy(TELEGRAM, account).is_some_and(|p| p.dm == DmPolicy::Pairing)
    };
    let accounts: Vec<Value> = names
        .iter()
        .filter(by_pairing)
        .filter(|account| is_asked(TELEGRAM, account))
        .map(|account| {
            json!({"channel": TELEGRAM, "channelLabel": label(TELEGRAM), "accountId": account, "notifySupported": true})
        })
        .collect();
    Ok(json!({
        "accounts": accounts,
        "requests": requests,
        // Nobody on a channel gives commands to the gateway here: there is no such owner to configure.
        "commandOwnerConfigured": false,
        "limits": {"pendingPerAccount": store::MAX_STRANGERS, "ttlMs": store::STRANGER_LIFE_MS},
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Approve {
    channel: String,
    account_id: String,
    request_id: String,
    #[serde(default)]
    notify: bool,
    #[serde(default)]
    bootstrap_command_owner: bool,
}

pub(super) async fn approve(mut call: Call) -> Answer {
    let p: Approve = call.params()?;
    let shared = &call.shared;
    let approved = shared.store.approve_channel(&p.channel, &p.account_id, &p.request_id).await;
    let Some(request) = approved.map_err(store_error)? else {
        return Err(ErrorShape::invalid(format!(
            "no pending {} request with this code; codes last an hour, see: openclaw pairing list {}",
            p.channel, p.channel
        )));
    };
    tracing::info!(channel = %request.channel, sender = %request.sender_id, "sender approved");
    let notification = if p.notify { notify(&call, &request).await } else { "not-requested" };
    let owner = if p.bootstrap_command_owner { "unavailable" } else { "not-requested" };
    Ok(json!({
        "requestId": request.code, "senderId": request.sender_id, "notification": notification,
        "commandOwnerBootstrap": owner,
    })
    .into())
}

/// Tells the sender; says whether they heard it. They are let in either way.
async fn notify(call: &Call, request: &ChannelRequest) -> &'static str {
    let out = Outbound {
        channel: request.channel.clone(),
        account: request.account.clone(),
        to: request.sender_id.clone(),
        text: WELCOME.into(),
        act: None,
        ..Outbound::default()
    };
    let key = format!("welcome:{}:{}:{}", request.channel, request.account, request.code);
    match outbox::send(&call.shared, out, &key, None).await {
        Ok(_) => "sent",
        Err(error) => {
            tracing::warn!(%error, sender = %request.sender_id, "the sender was not told that they are let in");
            "failed"
        }
    }
}

fn request_json(request: &ChannelRequest) -> Value {
    let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
    let name = request.name.as_deref().filter(|name| !name.is_empty());
    json!({
        "requestId": request.code,
        "channel": request.channel,
        "channelLabel": label(&request.channel),
        "accountId": request.account,
        "senderId": request.sender_id,
        "senderLabel": name.unwrap_or(&request.sender_id),
        "createdAt": time(request.created_at_ms),
        "lastSeenAt": time(request.last_seen_at_ms),
        "expiresAt": time(request.created_at_ms.saturating_add(store::STRANGER_LIFE_MS)),
        "notifySupported": true,
    })
}
