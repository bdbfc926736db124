//! `cron.add`, `cron.update`, `cron.remove`: what people set.

use super::{JobId, refused};
use crate::cron::ops::{self, By};
use crate::cron::{target, wire};
use crate::methods::{Answer, Call, store_error};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) async fn add(mut call: Call) -> Answer {
    let mut params: Map<String, Value> = call.params()?;
    // Who asks is known from the connection; what a caller says of itself is not kept.
    params.shift_remove("owner");
    let shared = &call.shared;
    let declared = ops::add(shared, By::Operator, &params).await.map_err(|e| refused("cron.add", e))?;
    let preview = target::preview(shared, &declared.job).await.map_err(store_error)?;
    let mut job = wire::job(&declared.job);
    if !params.contains_key("declarationKey") {
        job["deliveryPreview"] = preview;
        return Ok(job.into());
    }
    let mut answer = json!({"created": declared.created, "job": job, "deliveryPreview": preview});
    if !declared.created {
        answer["updated"] = json!(declared.updated);
    }
    Ok(answer.into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    #[serde(flatten)]
    job: JobId,
    patch: Map<String, Value>,
    expected_config_revision: Option<String>,
}

pub(super) async fn update(mut call: Call) -> Answer {
    let p: Update = call.params()?;
    let id = p.job.get("cron.update")?;
    let seen = p.expected_config_revision.as_deref();
    let updated = ops::update_seen(&call.shared, By::Operator, &id, &p.patch, seen).await;
    let job = updated.map_err(|e| refused("cron.update", e))?;
    Ok(wire::job(&job).into())
}

pub(super) async fn remove(mut call: Call) -> Answer {
    let id = call.params::<JobId>()?.get("cron.remove")?;
    let removed = ops::remove(&call.shared, By::Operator, &id).await;
    let removed = removed.map_err(|e| refused("cron.remove", e))?;
    Ok(json!({"ok": true, "removed": removed}).into())
}
