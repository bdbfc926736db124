//! `sessions.reset`: begins a new transcript; the old one is kept.

use crate::methods::{Answer, Call, store_error, submit};
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
    let key = submit::session_key(&call, Some(&p.key), p.agent_id.as_deref())?;
    let shared = &call.shared;
    // A turn that writes to the old transcript would answer into nothing.
    if !shared.runs.running(&key).is_empty() {
        return Err(ErrorShape::unavailable(
            "the session is answering; abort the run first (chat.abort), then reset",
        )
        .retryable());
    }
    let Some(session) = shared.store.reset_session(&key).await.map_err(store_error)? else {
        return Err(ErrorShape::invalid(format!(
            "no session {key}; sessions.list names those that there are"
        )));
    };
    crate::runs::events::session_changed(shared, &key, "reset").await;
    Ok(json!({
        "ok": true,
        "key": key,
        "entry": {
            "sessionId": session.session_id,
            "updatedAt": session.updated_at_ms,
            "sessionStartedAt": session.started_at_ms,
            "createdVia": session.created_via,
            "createdAt": session.created_at_ms,
            "compactionCount": session.compactions,
            "inputTokens": session.usage.input,
            "outputTokens": session.usage.output,
            "totalTokens": session.context_tokens,
        },
    })
    .into())
}
