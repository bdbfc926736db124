//! `sessions.search`: what was said, found by its words.

use crate::methods::{Answer, Call, store_error, submit};
use model::Message;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{SearchHit, TextSearch};

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 25;
const MAX_KEYS: usize = 200;
/// Characters shown around the first word that was found.
const AROUND: usize = 80;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    agent_id: Option<String>,
    session_keys: Option<Vec<String>>,
    query: String,
    limit: Option<usize>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    if p.query.trim().is_empty() {
        return Err(ErrorShape::invalid("query must not be empty"));
    }
    let asked = p.session_keys.unwrap_or_default();
    if asked.len() > MAX_KEYS {
        return Err(ErrorShape::invalid(format!(
            "at /sessionKeys: must not have more than {MAX_KEYS} items"
        )));
    }
    let keys: Result<Vec<_>, _> =
        asked.iter().map(|key| submit::kept_session_key(&call, Some(key), p.agent_id.as_deref())).collect();
    let keys = Some(keys?).filter(|keys| !keys.is_empty());
    let limit = p.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let search = TextSearch { query: p.query, agent_id: p.agent_id, keys, limit: limit + 1 };
    let words = search.words();
    let hits = call.shared.store.search(search).await.map_err(store_error)?;
    let truncated = hits.len() > limit;
    let results: Vec<Value> = hits.iter().take(limit).filter_map(|hit| result(hit, &words)).collect();
    Ok(json!({"results": results, "truncated": truncated}).into())
}

fn result(hit: &SearchHit, words: &[String]) -> Option<Value> {
    let (role, text, timestamp) = match &hit.message {
        Message::User(user) => ("user", user.content.text(), user.timestamp),
        Message::Assistant(answer) => ("assistant", answer.text(), answer.timestamp),
        Message::ToolResult(_) | Message::Note(_) => return None,
    };
    Some(json!({
        "sessionKey": hit.key, "sessionId": hit.session_id, "messageId": hit.entry_id, "role": role,
        "timestamp": timestamp, "snippet": snippet(&text, words), "score": hit.score,
    }))
}

/// The text around the first word; its beginning where the word stands there in another spelling (`u` finds `ü`).
fn snippet(text: &str, words: &[String]) -> String {
    let chars: Vec<char> = text.chars().collect();
    // One character each, so that places in it are places in the text.
    let lower: String = chars.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
    let found = words.iter().filter_map(|word| lower.find(word.as_str())).min().unwrap_or(0);
    let at = lower.get(..found).map_or(0, |before| before.chars().count());
    let (from, to) = (at.saturating_sub(AROUND), at.saturating_add(AROUND).min(chars.len()));
    let shown: String = chars.get(from..to).unwrap_or_default().iter().collect();
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < chars.len() { "…" } else { "" });
    format!("{before}{shown}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_shows_the_first_word_in_its_place() {
        let words = ["milk".to_owned()];
        assert_eq!(snippet("Get the MILK\nplease", &words), "Get the MILK please");
        let long = format!("{} milk {}", "ä ".repeat(200), "ß".repeat(200));
        let shown = snippet(&long, &words);
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.contains(" milk "), "{shown}");
        assert!(shown.chars().count() <= 2 * AROUND + 2);
        assert_eq!(snippet("Mïlk", &words), "Mïlk");
        assert_eq!(snippet("", &words), "");
    }
}
