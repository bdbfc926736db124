//! `chat.send`: as `agent`, answered at once; the answer comes in `chat` events.

use crate::methods::submit::{self, Submit};
use crate::methods::{Answer, Call};
use model::Directives;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    session_key: String,
    agent_id: Option<String>,
    message: String,
    queue_mode: Option<String>,
    #[serde(default)]
    attachments: Vec<Value>,
    timeout_ms: Option<u64>,
    idempotency_key: String,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let key = submit::session_key(&call, Some(&p.session_key), p.agent_id.as_deref())?;
    let directives =
        Directives { queue_mode: p.queue_mode, timeout_ms: p.timeout_ms, ..Directives::default() };
    let run_id = p.idempotency_key;
    let submit =
        Submit { key, run_id: run_id.clone(), message: p.message, attachments: p.attachments, directives };
    submit::submit(&call, submit).await?;
    Ok(json!({"runId": run_id, "status": "started"}).into())
}
