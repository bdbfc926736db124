//! `agent.wait`: waits for the end of a run, or says that it still runs.

use crate::methods::{Answer, Call, store_error, submit};
use crate::runs::{RunResult, finish};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use store::RunStatus;

const DEFAULT_TIMEOUT_MS: u64 = 30_000;
const MAX_TIMEOUT_MS: u64 = 3_600_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    run_id: String,
    timeout_ms: Option<u64>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let timeout = Duration::from_millis(p.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS).min(MAX_TIMEOUT_MS));
    let mut result = call.shared.runs.watch(&p.run_id);
    match call.shared.store.run(&p.run_id).await.map_err(store_error)? {
        Some(run) => {
            if let Some(ended) = finish::stored(&run) {
                return Ok(answer(&p.run_id, &ended).into());
            }
        }
        // Accepted and not begun yet, or never heard of: only an open row can tell.
        None if !submit::is_known(&call.shared, &p.run_id).await? => {
            return Err(ErrorShape::invalid(format!("unknown run {}; it was never accepted here", p.run_id)));
        }
        None => {}
    }
    match tokio::time::timeout(timeout, result.wait_for(Option::is_some)).await {
        Ok(Ok(ended)) => Ok(ended.as_deref().map_or(Value::Null, |r| answer(&p.run_id, r)).into()),
        _ => Ok(json!({"runId": p.run_id, "status": "timeout"}).into()),
    }
}

fn answer(run_id: &str, result: &RunResult) -> Value {
    let status = match result.status {
        RunStatus::Failed => "error",
        RunStatus::Aborted => "aborted",
        RunStatus::Done | RunStatus::Running => "ok",
    };
    let mut out = json!({
        "runId": run_id, "status": status, "startedAt": result.started_at_ms, "endedAt": result.ended_at_ms,
    });
    if let Some(error) = &result.error {
        out["error"] = json!(error);
    }
    out
}
