//! `sessions.send`: as `chat.send`, to a session that is there.

use super::entry;
use crate::methods::submit::{self, Submit};
use crate::methods::{Answer, Call, store_error};
use model::Directives;
use serde::Deserialize;
use serde_json::{Value, json};
use store::Expected;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    key: String,
    agent_id: Option<String>,
    message: String,
    #[serde(default)]
    attachments: Vec<Value>,
    timeout_ms: Option<u64>,
    idempotency_key: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let key = submit::session_key(&call, Some(&p.key), p.agent_id.as_deref())?;
    if call.shared.store.session(&key).await.map_err(store_error)?.is_none() {
        return Err(entry::not_found(&key));
    }
    let run_id = p.idempotency_key.unwrap_or_else(model::new_id);
    let directives = Directives { timeout_ms: p.timeout_ms, ..Directives::default() };
    let submit = Submit {
        key,
        run_id: run_id.clone(),
        message: p.message,
        attachments: p.attachments,
        directives,
        expected: Expected::default(),
    };
    submit::submit(&call, submit).await?;
    Ok(json!({"runId": run_id, "status": "started"}).into())
}
