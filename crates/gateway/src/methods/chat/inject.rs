//! `chat.inject`: an entry of the assistant's in a session, without a turn: nobody asks the model, and it reads it with
//! the rest the next time.

use crate::methods::{Answer, Call, store_error, submit};
use crate::runs::events;
use model::{AssistantMessage, Block, Message, StopReason, Usage};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// For so long it waits for the end of a turn under way: within one, it would stand between a call and its result.
const PATIENCE: Duration = Duration::from_secs(60);
/// Characters of a label.
const MAX_LABEL: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    session_key: String,
    agent_id: Option<String>,
    message: String,
    label: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = &call.shared;
    let key = submit::session_key(&call, Some(&p.session_key), p.agent_id.as_deref())?;
    let text = match p.label.as_deref().map(str::trim).filter(|label| !label.is_empty()) {
        Some(label) if label.chars().count() > MAX_LABEL => {
            return Err(ErrorShape::invalid(format!(
                "invalid chat.inject params: at /label: must not have more than {MAX_LABEL} characters"
            )));
        }
        Some(label) => format!("[{label}]\n\n{}", p.message),
        None => p.message,
    };
    if shared.store.session(&key).await.map_err(store_error)?.is_none() {
        return Err(ErrorShape::invalid(format!("session not found: {key}")));
    }
    let Some(_hold) = shared.runs.hold(shared, &key, PATIENCE).await else {
        return Err(ErrorShape::unavailable(format!("Session {key} is still active; try again.")).retryable());
    };
    let message = Message::Assistant(AssistantMessage {
        content: vec![Block::Text { text }],
        api: "openai-responses".into(),
        // The names by which clients know what no model wrote.
        provider: "openclaw".into(),
        model: "gateway-injected".into(),
        usage: Usage::default(),
        stop_reason: StopReason::Stop,
        timestamp: shared.clock.now_ms(),
        error_message: None,
    });
    let Some(entry) = shared.store.inject(&key, message).await.map_err(store_error)? else {
        return Err(ErrorShape::invalid(format!("session not found: {key}")));
    };
    events::injected(shared, &key, &entry);
    events::session_changed(shared, &key, "inject").await;
    Ok(json!({"ok": true, "messageId": entry.id}).into())
}
