//! `chat.abort`: stops a session's running turn, or takes a waiting message out.

use crate::methods::{Answer, Call, store_error, submit};
use crate::runs::finish;
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
    let key = submit::session_key(&call, Some(&p.session_key), p.agent_id.as_deref())?;
    let (mut aborted, removed) = call.shared.runs.abort(&key, p.run_id.as_deref());
    aborted.extend(finish::close_waiting(&call.shared, &key, removed).await.map_err(store_error)?);
    Ok(json!({"ok": true, "aborted": !aborted.is_empty(), "runIds": aborted}).into())
}
