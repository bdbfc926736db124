//! `chat.history` and `chat.startup`: the transcript of a session, newest last.

use crate::methods::sessions::list as sessions_list;
use crate::methods::{Answer, Call, store_error, submit};
use crate::runs::events::entry_json;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::HistoryPage;

const DEFAULT_LIMIT: usize = 200;
const MAX_LIMIT: usize = 1000;
/// An answer stays below this, whatever is asked: the oldest messages are left out first, and the images of one that is
/// too large by itself.
const MAX_BYTES: usize = 6 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    session_key: String,
    agent_id: Option<String>,
    session_id: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
    max_bytes: Option<usize>,
    max_chars: Option<usize>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    Ok(history(&call, &p).await?.into())
}

/// As `chat.history`, with the models that a chat page wants to show.
pub(super) async fn startup(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let mut out = history(&call, &p).await?;
    out["metadata"] = json!({"models": crate::methods::models::list::models(&call.shared.current())});
    Ok(out.into())
}

async fn history(call: &Call, p: &Params) -> Result<Value, ErrorShape> {
    let shared = &call.shared;
    let key = submit::kept_session_key(call, Some(&p.session_key), p.agent_id.as_deref())?;
    let limit = p.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let budget = p.max_bytes.or(p.max_chars).unwrap_or(MAX_BYTES).min(MAX_BYTES);
    // `offset` counts from the newest.
    let page = HistoryPage { session_id: p.session_id.clone(), limit, offset: p.offset, max_bytes: budget };
    let read = shared.store.history_page(&key, page).await.map_err(store_error)?;
    let Some((entries, total)) = read else {
        return Err(ErrorShape::invalid("sessionId does not belong to sessionKey"));
    };
    let messages = within(entries.iter().map(entry_json).collect(), budget);
    let next = p.offset.saturating_add(messages.len());
    let has_more = i64::try_from(next).is_ok_and(|n| n < total);
    let session = shared.store.session(&key).await.map_err(store_error)?;
    // Of an earlier conversation under the key, nothing is said but what was said in it.
    let session = session.filter(|s| p.session_id.as_ref().is_none_or(|id| *id == s.session_id));
    let session_id = session.as_ref().map(|s| &s.session_id).or(p.session_id.as_ref());
    let mut out = json!({
        "sessionKey": key,
        "sessionId": session_id,
        "messages": messages,
        "hasMore": has_more,
        "totalMessages": total,
        "defaults": sessions_list::defaults(shared),
        "thinkingLevel": "off",
    });
    if has_more {
        out["nextOffset"] = json!(next);
    }
    if let Some(session) = session {
        out["sessionInfo"] = sessions_list::row(shared, &session);
    }
    Ok(out)
}

/// The newest messages that fit; the newest one in any case, without its images where it is too large.
fn within(messages: Vec<Value>, budget: usize) -> Vec<Value> {
    let mut left = budget;
    let mut kept: Vec<Value> = Vec::new();
    for mut message in messages.into_iter().rev() {
        let size = message.to_string().len();
        if size > left && !kept.is_empty() {
            break;
        }
        if size > left {
            leave_images_out(&mut message);
        }
        left = left.saturating_sub(size);
        kept.push(message);
    }
    kept.reverse();
    kept
}

/// Puts a line of text where a message has an image.
fn leave_images_out(message: &mut Value) {
    match message {
        Value::Array(items) => items.iter_mut().for_each(leave_images_out),
        Value::Object(fields) if fields.get("type").is_some_and(|t| t == "image") => {
            let size = fields.get("data").and_then(Value::as_str).map_or(0, str::len);
            *message = json!({"type": "text", "text": format!("[image left out: {size} bytes are too many for this list]")});
        }
        Value::Object(fields) => fields.values_mut().for_each(leave_images_out),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_messages_win_and_one_is_always_shown() {
        let messages: Vec<Value> = (0..10).map(|i| json!(format!("message {i}"))).collect();
        assert_eq!(within(messages.clone(), 24), [json!("message 8"), json!("message 9")]);
        assert_eq!(within(messages, 1), [json!("message 9")]);
        assert!(within(vec![], 5).is_empty());
    }

    #[test]
    fn a_message_too_large_by_itself_loses_its_images_and_no_more() {
        let image = json!({"type": "image", "data": "A".repeat(1000), "mimeType": "image/png"});
        let message = json!({"role": "user", "content": [{"type": "text", "text": "look"}, image]});
        let shown = within(vec![message.clone()], 100);
        assert_eq!(shown[0]["content"][0]["text"], "look");
        assert!(shown[0]["content"][1]["text"].as_str().unwrap().contains("1000 bytes"), "{}", shown[0]);
        assert_eq!(within(vec![message.clone()], 10_000), [message]);
    }
}
