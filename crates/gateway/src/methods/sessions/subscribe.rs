//! `sessions.subscribe`, `sessions.messages.subscribe` and their opposites.

use crate::methods::{Answer, Call, submit};
use serde::Deserialize;
use serde_json::json;

pub(super) async fn subscribe(call: Call) -> Answer {
    call.shared.hub.subscribe_sessions(call.conn.id(), true);
    Ok(json!({"subscribed": true}).into())
}

pub(super) async fn unsubscribe(call: Call) -> Answer {
    call.shared.hub.subscribe_sessions(call.conn.id(), false);
    Ok(json!({"subscribed": false}).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    key: String,
    agent_id: Option<String>,
}

pub(super) async fn subscribe_messages(call: Call) -> Answer {
    messages(call, true).await
}

pub(super) async fn unsubscribe_messages(call: Call) -> Answer {
    messages(call, false).await
}

async fn messages(mut call: Call, on: bool) -> Answer {
    let p: Params = call.params()?;
    let key = submit::kept_session_key(&call, Some(&p.key), p.agent_id.as_deref())?;
    call.shared.hub.subscribe_messages(call.conn.id(), &key, on)?;
    Ok(json!({"subscribed": on, "key": key}).into())
}
