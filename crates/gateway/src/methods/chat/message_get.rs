//! `chat.message.get`: one message of a session in full, where a list showed less of it.

use crate::methods::{Answer, Call, store_error, submit};
use crate::runs::events::entry_json;
use model::Message;
use protocol::limits::MAX_PAYLOAD;
use serde::Deserialize;
use serde_json::json;

/// Characters of text, where the call names no number, and at most.
const DEFAULT_CHARS: usize = 1_000_000;
const MAX_CHARS: usize = 2_000_000;
/// The frame around the message is far smaller than what this leaves.
const MAX_BYTES: usize = MAX_PAYLOAD - 4096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    session_key: String,
    agent_id: Option<String>,
    message_id: String,
    max_chars: Option<usize>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let key = submit::kept_session_key(&call, Some(&p.session_key), p.agent_id.as_deref())?;
    let Some(entry) = call.shared.store.entry(&key, &p.message_id).await.map_err(store_error)? else {
        return Ok(json!({"ok": false, "unavailableReason": "not_found"}).into());
    };
    let message = entry_json(&entry);
    let chars = p.max_chars.unwrap_or(DEFAULT_CHARS).min(MAX_CHARS);
    if text_of(&entry.message).chars().count() > chars || message.to_string().len() > MAX_BYTES {
        return Ok(json!({"ok": false, "unavailableReason": "oversized"}).into());
    }
    Ok(json!({"ok": true, "message": message}).into())
}

fn text_of(message: &Message) -> String {
    match message {
        Message::User(user) => user.content.text(),
        Message::Assistant(answer) => answer.text(),
        Message::ToolResult(result) => result.text(),
        Message::Note(note) => note.text.clone(),
    }
}
