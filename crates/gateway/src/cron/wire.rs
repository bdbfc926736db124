//! Jobs and runs as clients see them, and the `cron` event (`samples/rpc.jsonl`, `events.jsonl`).

use crate::hub::Audience;
use crate::shared::Shared;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::cron::Job;
use protocol::Scope;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::CronRun;

/// A job as `cron.get` shows it: what is stored, and the parts of its state that lists show.
pub(crate) fn job(job: &Job) -> Value {
    let mut value = plain(job);
    let Value::Object(out) = &mut value else { return value };
    out.insert("configRevision".into(), json!(revision(job)));
    let state = out.get("state").cloned().unwrap_or_default();
    for (name, from) in [
        ("nextRunAtMs", "nextRunAtMs"),
        ("lastRunAtMs", "lastRunAtMs"),
        ("lastRunStatus", "lastRunStatus"),
        ("lastRunError", "lastError"),
    ] {
        if let Some(found) = state.get(from).filter(|v| !v.is_null()) {
            out.insert(name.into(), found.clone());
        }
    }
    value
}

/// A job as it is stored.
fn plain(job: &Job) -> Value {
    serde_json::to_value(job).unwrap_or_default()
}

/// Changes when people change the job, and not when it runs.
pub(crate) fn revision(job: &Job) -> String {
    let mut value = plain(job);
    if let Value::Object(map) = &mut value {
        map.shift_remove("state");
        map.shift_remove("updatedAtMs");
    }
    digest(&value)
}

/// `sha256:…` of a value.
pub(crate) fn digest(value: &Value) -> String {
    format!("sha256:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(value.to_string().as_bytes())))
}

/// An ended run as `cron.runs` shows it: what was known at its end, and what has become of its answer since.
pub(crate) fn entry(run: CronRun) -> Value {
    let mut entry = run.entry;
    if let Value::Object(out) = &mut entry {
        out.insert("deliveryStatus".into(), json!(run.delivery));
        if run.delivery == "not-requested" {
            return entry;
        }
        out.insert("delivered".into(), json!(run.delivery == "delivered"));
        if run.delivery == "not-delivered" {
            out.entry("completionStatus").and_modify(|status| *status = json!("failed"));
            if let Some(error) = run.delivery_error {
                out.entry("deliveryError").or_insert_with(|| json!(error));
            }
        }
    }
    entry
}

/// Tells operators what happened to a job.
pub(crate) fn event(shared: &Shared, action: &str, job: &Job, more: Value) {
    let mut payload = json!({"jobId": job.id, "action": action, "job": plain(job)});
    if let Value::Object(out) = &mut payload {
        out.extend(as_map(more));
        if let Some(next) = job.state.next_run_at_ms {
            out.entry("nextRunAtMs").or_insert_with(|| json!(next));
        }
    }
    shared.hub.broadcast(Audience::Operators(Scope::Read), "cron", &payload, true);
}

fn as_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
