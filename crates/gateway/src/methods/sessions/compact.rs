//! `sessions.compact`: makes what the model reads of a session shorter, on demand. What is taken out of its sight stays
//! in the transcript.

use super::entry;
use crate::methods::{Answer, Call, store_error, submit};
use crate::runs::compact::{self, Done};
use agent::turn::Keep;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    key: String,
    agent_id: Option<String>,
    max_lines: Option<usize>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = &call.shared;
    let key = submit::session_key(&call, Some(&p.key), p.agent_id.as_deref())?;
    let Some(session) = shared.store.session(&key).await.map_err(store_error)? else {
        return Err(entry::not_found(&key));
    };
    if session.message_count == 0 {
        return Ok(json!({"ok": true, "key": key, "compacted": false, "reason": "no transcript"}).into());
    }
    let Some(hold) = shared.runs.try_hold(shared, &key) else {
        return Err(ErrorShape::invalid(format!(
            "Session {key} has an active run; retry after it finishes."
        )));
    };
    let keep = p.max_lines.map_or(Keep::Recent, Keep::Last);
    // It goes on if the caller goes: what the model was paid for is not thrown away.
    let Some(done) = compact::start(shared, hold, session, keep).await else {
        return Err(ErrorShape::unavailable(
            "the compaction ended without a result; the gateway's log says why",
        ));
    };
    match done {
        Done::Compacted(c) if p.max_lines.is_some() => {
            Ok(json!({"ok": true, "key": key, "compacted": true, "kept": c.kept}).into())
        }
        Done::Compacted(c) => {
            let result = json!({"tokensBefore": c.tokens_before, "tokensAfter": c.tokens_after});
            Ok(json!({"ok": true, "key": key, "compacted": true, "result": result}).into())
        }
        Done::Nothing => {
            Ok(json!({"ok": true, "key": key, "compacted": false, "reason": "nothing to compact"}).into())
        }
        Done::Failed(reason) => {
            Ok(json!({"ok": false, "key": key, "compacted": false, "reason": reason}).into())
        }
    }
}
