//! `channels.pairing.list` and `channels.pairing.approve`: strangers who wrote to a channel.

use crate::methods::{Answer, Call, store_error};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::ChannelRequest;

#[derive(Deserialize)]
struct List {
    channel: Option<String>,
}

pub(super) async fn list(mut call: Call) -> Answer {
    let p: List = call.params()?;
    let requests = call.shared.store.channel_requests(p.channel.as_deref()).await.map_err(store_error)?;
    let requests: Vec<Value> = requests.iter().map(request_json).collect();
    Ok(json!({"requests": requests, "limits": {"pendingPerAccount": 3, "ttlMs": 3_600_000}}).into())
}

#[derive(Deserialize)]
struct Approve {
    channel: String,
    code: String,
}

pub(super) async fn approve(mut call: Call) -> Answer {
    let p: Approve = call.params()?;
    let approved = call.shared.store.approve_channel(&p.channel, p.code.trim()).await.map_err(store_error)?;
    let Some(request) = approved else {
        return Err(ErrorShape::invalid(format!(
            "no pending {} request with this code; codes last an hour, see: openclaw pairing list {}",
            p.channel, p.channel
        )));
    };
    tracing::info!(channel = %request.channel, sender = %request.sender_id, "sender approved");
    let mut out = request_json(&request);
    out["approved"] = json!(true);
    Ok(out.into())
}

fn request_json(request: &ChannelRequest) -> Value {
    json!({
        "channel": request.channel, "accountId": request.account, "senderId": request.sender_id,
        "code": request.code, "name": request.name, "createdAt": request.created_at_ms,
    })
}
