//! `sessions.reset`: begins a new transcript; the old one is kept. What is under way is stopped first.

use super::entry;
use crate::methods::{Answer, Call, store_error, submit};
use crate::runs::hold;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    key: String,
    agent_id: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let key = submit::kept_session_key(&call, Some(&p.key), p.agent_id.as_deref())?;
    let shared = &call.shared;
    // A turn that writes to the old transcript would answer into nothing: it is stopped first, and what waits for it.
    let Some(_hold) = hold::seize(shared, &key).await.map_err(store_error)? else {
        return Err(entry::still_active(&key));
    };
    let Some(session) = shared.store.reset_session(&key).await.map_err(store_error)? else {
        return Err(ErrorShape::invalid(format!(
            "no session {key}; sessions.list names those that there are"
        )));
    };
    crate::runs::events::session_changed(shared, &key, "reset").await;
    Ok(json!({"ok": true, "key": key, "entry": entry::entry(&session), "resolved": entry::resolved(shared, &session)})
        .into())
}
