//! `cron.list`, `cron.get`: the jobs.

use super::{JobId, refused};
use crate::cron::ops::{self, By};
use crate::cron::{agent_of, target, wire};
use crate::methods::{Answer, Call, store_error};
use crate::shared::Shared;
use model::cron::{Job, RunOutcome, Schedule};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const MAX_LIMIT: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    #[serde(default)]
    include_disabled: bool,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
    query: Option<String>,
    enabled: Option<String>,
    schedule_kind: Option<String>,
    last_run_status: Option<String>,
    trigger: Option<String>,
    sort_by: Option<String>,
    sort_dir: Option<String>,
    agent_id: Option<String>,
    include_delivery_previews: Option<bool>,
}

impl Params {
    fn wants(&self, shared: &Shared, job: &Job) -> bool {
        let chosen = |choice: &Option<String>| choice.clone().filter(|c| c != "all");
        let enabled = match self.enabled.as_deref() {
            Some("all") => true,
            Some("disabled") => !job.enabled,
            Some(_) => job.enabled,
            None => job.enabled || self.include_disabled,
        };
        let kind = match job.schedule {
            Schedule::At { .. } => "at",
            Schedule::Every { .. } => "every",
            Schedule::Cron { .. } => "cron",
        };
        let status = job.state.last_run_status.map_or("unknown", RunOutcome::as_str);
        let text = [Some(&job.name), job.display_name.as_ref(), job.description.as_ref(), Some(&job.id)];
        let holds = |query: &str| text.iter().flatten().any(|t| t.to_lowercase().contains(query));
        enabled
            && chosen(&self.schedule_kind).is_none_or(|k| k == kind)
            && chosen(&self.last_run_status).is_none_or(|s| s == status)
            && self.trigger.as_deref() != Some("conditional")
            && self.agent_id.as_ref().is_none_or(|a| *a == agent_of(shared, job))
            && self.query.as_ref().is_none_or(|q| holds(&q.trim().to_lowercase()))
    }

    fn sort(&self, jobs: &mut [Job]) {
        match self.sort_by.as_deref() {
            Some("name") => jobs.sort_by_key(|job| job.name.to_lowercase()),
            Some("updatedAtMs") => jobs.sort_by_key(|job| job.updated_at_ms),
            // Those without a next time come last.
            _ => jobs.sort_by_key(|job| job.state.next_run_at_ms.unwrap_or(i64::MAX)),
        }
        if self.sort_dir.as_deref() == Some("desc") {
            jobs.reverse();
        }
    }
}

pub(super) async fn list(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = &call.shared;
    let all = shared.store.cron_jobs().await.map_err(store_error)?;
    let mut jobs: Vec<Job> = all.into_iter().map(|row| row.job).filter(|job| p.wants(shared, job)).collect();
    p.sort(&mut jobs);
    let total = jobs.len();
    let limit = p.limit.unwrap_or(total.clamp(1, MAX_LIMIT)).min(MAX_LIMIT);
    let page: Vec<&Job> = jobs.iter().skip(p.offset).take(limit).collect();
    let mut previews = Map::new();
    if p.include_delivery_previews.unwrap_or(true) {
        for job in &page {
            previews.insert(job.id.clone(), target::preview(shared, job).await.map_err(store_error)?);
        }
    }
    let rows: Vec<Value> = page
        .iter()
        .map(|job| {
            let mut row = wire::job(job);
            row["effectiveAgentId"] = json!(agent_of(shared, job));
            row
        })
        .collect();
    let next = p.offset + page.len();
    let mut answer = json!({
        "snapshotRevision": wire::digest(&json!(rows)), "jobs": rows, "total": total, "offset": p.offset,
        "limit": limit, "hasMore": next < total, "nextOffset": (next < total).then_some(next),
    });
    if !previews.is_empty() {
        answer["deliveryPreviews"] = Value::Object(previews);
    }
    Ok(answer.into())
}

pub(super) async fn get(mut call: Call) -> Answer {
    let id = call.params::<JobId>()?.get("cron.get")?;
    let row = ops::found(&call.shared, By::Operator, &id).await.map_err(|e| refused("cron.get", e))?;
    Ok(wire::job(&row.job).into())
}
