//! `sessions.preview`: the last things said in some sessions, cut to fit into a list.

use crate::methods::{Answer, Call, store_error, submit};
use model::Message;
use serde::Deserialize;
use serde_json::{Value, json};
use store::Entry;

/// Sessions that one call may ask for; further ones are left out.
const MAX_KEYS: usize = 64;
/// Entries of a session, where the call names no number, and at most.
const DEFAULT_ITEMS: usize = 12;
const MAX_ITEMS: usize = 50;
/// Characters of an entry, where the call names no number, and at most.
const DEFAULT_CHARS: usize = 240;
const MAX_CHARS: usize = 2_000;
/// Bytes of entries that are read for one session: a few images are not worth more in a preview.
const MAX_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    keys: Vec<String>,
    limit: Option<usize>,
    max_chars: Option<usize>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let asked: Vec<String> = p.keys.into_iter().take(MAX_KEYS).collect();
    let keys: Result<Vec<_>, _> =
        asked.iter().map(|key| submit::kept_session_key(&call, Some(key), None)).collect();
    let limit = p.limit.unwrap_or(DEFAULT_ITEMS).min(MAX_ITEMS);
    let chars = p.max_chars.unwrap_or(DEFAULT_CHARS).min(MAX_CHARS);
    let found = call.shared.store.spoken(keys?, limit, MAX_BYTES).await.map_err(store_error)?;
    let previews: Vec<Value> = asked
        .iter()
        .zip(found)
        .map(|(key, entries)| {
            let items: Vec<Value> = entries.iter().flatten().filter_map(|entry| item(entry, chars)).collect();
            let status = match (&entries, items.is_empty()) {
                (None, _) => "missing",
                (Some(_), true) => "empty",
                (Some(_), false) => "ok",
            };
            json!({"key": key, "status": status, "items": items})
        })
        .collect();
    Ok(json!({"ts": call.shared.clock.now_ms(), "previews": previews}).into())
}

fn item(entry: &Entry, chars: usize) -> Option<Value> {
    let (role, text) = match &entry.message {
        Message::User(user) => ("user", user.content.text()),
        Message::Assistant(answer) => ("assistant", answer.text()),
        Message::ToolResult(_) | Message::Note(_) => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| json!({"role": role, "text": text.chars().take(chars).collect::<String>()}))
}
