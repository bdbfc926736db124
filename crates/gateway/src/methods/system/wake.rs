//! `wake`, `system-event`: a line for a session, on disk before it is answered; `wake` may have the agent look at once, which
//! is on disk with it.

use crate::methods::{Answer, Call, store_error, submit};
use crate::shared::Shared;
use model::SessionKey;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;

/// Longer lines are messages.
const MAX_TEXT: usize = 16 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wake {
    mode: String,
    text: String,
    session_key: Option<String>,
    agent_id: Option<String>,
}

pub(super) async fn wake(mut call: Call) -> Answer {
    let p: Wake = call.params()?;
    let key = submit::session_key(&call, p.session_key.as_deref(), p.agent_id.as_deref())?;
    let shared = &call.shared;
    // A session of its own has no heartbeat that it could wait for.
    let wakes = p.mode == "now" || !key.is_main();
    leave(shared, &key, &p.text, wakes).await?;
    if wakes {
        shared.cron.wake();
    }
    Ok(json!({"ok": true}).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    text: String,
    session_key: Option<String>,
    agent_id: Option<String>,
}

pub(super) async fn event(mut call: Call) -> Answer {
    let p: Event = call.params()?;
    let key = submit::session_key(&call, p.session_key.as_deref(), p.agent_id.as_deref())?;
    leave(&call.shared, &key, &p.text, false).await?;
    Ok(json!({"ok": true}).into())
}

async fn leave(shared: &Shared, key: &SessionKey, text: &str, wakes: bool) -> Result<(), ErrorShape> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(ErrorShape::invalid(format!(
            "at /text: must have 1 to {MAX_TEXT} bytes that say something"
        )));
    }
    if shared.store.system_events(key).await.map_err(store_error)?.len() >= store::MAX_SYSTEM_EVENTS {
        return Err(ErrorShape::unavailable(format!(
            "too many system events wait in {key}; send the agent a message there, so that it reads them"
        ))
        .retryable());
    }
    shared.store.add_system_event(key, text, wakes).await.map_err(store_error)
}
