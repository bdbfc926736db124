//! `chat.metadata`: what a chat page offers beside the chat.

use crate::methods::{Answer, Call, submit};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    agent_id: Option<String>,
    session_key: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    // Nothing depends on the session yet, but one that cannot be is refused.
    submit::session_key(&call, p.session_key.as_deref(), p.agent_id.as_deref())?;
    Ok(json!({
        "models": crate::methods::models::list::models(&call.shared.current()),
        "commands": crate::methods::tools::commands::all(true),
        "runtimeSelectionLocked": false,
    })
    .into())
}
