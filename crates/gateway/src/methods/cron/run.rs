//! `cron.run`: a job, now.

use super::{JobId, refused};
use crate::cron::ops::{self, Asked, By, When};
use crate::methods::{Answer, Call};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    #[serde(flatten)]
    job: JobId,
    mode: Option<String>,
    expected_process_instance_id: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let id = p.job.get("cron.run")?;
    let shared = &call.shared;
    if p.expected_process_instance_id.is_some_and(|expected| expected != shared.boot_id) {
        return Err(ErrorShape::invalid("the gateway was started anew meanwhile; look at the job again")
            .with_details(json!({"code": "PROCESS_INSTANCE_CHANGED", "processInstanceId": shared.boot_id})));
    }
    let when = match p.mode.as_deref() {
        Some("due") => When::Due,
        Some("if-enabled") => When::IfEnabled,
        _ => When::Force,
    };
    let asked = ops::run_now(shared, By::Operator, &id, when).await;
    Ok(match asked.map_err(|e| refused("cron.run", e))? {
        Asked::Begun(run_id) => {
            json!({"ok": true, "enqueued": true, "runId": run_id, "processInstanceId": shared.boot_id})
        }
        Asked::Not(reason) => json!({"ok": true, "ran": false, "reason": reason}),
    }
    .into())
}
