//! `chat.abort`: stops a session's running turn, or takes a waiting message out.

use crate::methods::{Answer, Call, store_error, submit};
use crate::runs;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    session_key: String,
    agent_id: Option<String>,
    run_id: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let key = submit::kept_session_key(&call, Some(&p.session_key), p.agent_id.as_deref())?;
    let aborted = runs::abort::abort(&call.shared, &key, p.run_id.as_deref()).await.map_err(store_error)?;
    Ok(json!({"ok": true, "aborted": !aborted.is_empty(), "runIds": aborted}).into())
}
