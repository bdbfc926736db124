//! `sessions.abort`: stops what a session is at, found by its key or by the run.

use crate::methods::{Answer, Call, store_error, submit};
use crate::runs::{events, finish};
use model::SessionKey;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    key: Option<String>,
    run_id: Option<String>,
    agent_id: Option<String>,
    #[serde(default)]
    clear_queued: bool,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = call.shared.clone();
    let Some(key) = target(&call, &p)? else {
        return Ok(json!({"ok": true, "abortedRunId": null, "status": "no-active-run"}).into());
    };
    let (mut aborted, mut taken) = shared.runs.abort(&key, p.run_id.as_deref());
    if p.clear_queued && p.run_id.is_none() {
        taken.extend(shared.runs.take_waiting(&key));
    }
    aborted.extend(finish::close_waiting(&shared, &key, taken).await.map_err(store_error)?);
    if !aborted.is_empty() {
        events::session_changed(&shared, &key, "abort").await;
    }
    let status = if aborted.is_empty() { "no-active-run" } else { "aborted" };
    Ok(json!({"ok": true, "abortedRunId": aborted.first(), "status": status}).into())
}

/// The session that is meant; `None` where only a run is named and no session is at it.
fn target(call: &Call, p: &Params) -> Result<Option<SessionKey>, ErrorShape> {
    match (&p.key, &p.run_id) {
        (Some(key), _) => submit::kept_session_key(call, Some(key), p.agent_id.as_deref()).map(Some),
        (None, Some(run_id)) => Ok(call.shared.runs.session_of(run_id)),
        (None, None) => Err(ErrorShape::invalid("sessions.abort needs a key or a runId")),
    }
}
