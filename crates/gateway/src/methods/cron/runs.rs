//! `cron.runs`: what ran, and what came of it.

use super::JobId;
use crate::cron::wire;
use crate::methods::{Answer, Call, store_error};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::RunFilter;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    agent_id: Option<String>,
    scope: Option<String>,
    #[serde(flatten)]
    job: JobId,
    run_id: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    statuses: Vec<String>,
    status: Option<String>,
    #[serde(default)]
    delivery_statuses: Vec<String>,
    delivery_status: Option<String>,
    query: Option<String>,
    sort_dir: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let job_id = p.job.id.or(p.job.job_id);
    if job_id.is_none() && p.scope.as_deref() != Some("all") {
        return Err(ErrorShape::invalid(
            "invalid cron.runs params: must have required property 'id' (or scope: \"all\")",
        ));
    }
    let mut statuses = p.statuses;
    statuses.extend(p.status.filter(|s| s != "all"));
    let mut deliveries = p.delivery_statuses;
    deliveries.extend(p.delivery_status);
    let limit = p.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let filter = RunFilter {
        job_id: job_id.filter(|_| p.scope.as_deref() != Some("all")),
        agent_id: p.agent_id,
        run_id: p.run_id,
        statuses,
        deliveries,
        query: p.query.filter(|q| !q.trim().is_empty()),
        ascending: p.sort_dir.as_deref() == Some("asc"),
        limit,
        offset: p.offset,
    };
    let page = call.shared.store.cron_runs(filter).await.map_err(store_error)?;
    let entries: Vec<Value> = page.runs.into_iter().map(wire::entry).collect();
    let next = p.offset + entries.len();
    let has_more = i64::try_from(next).is_ok_and(|next| next < page.total);
    Ok(json!({
        "entries": entries, "total": page.total, "offset": p.offset, "limit": limit, "hasMore": has_more,
        "nextOffset": has_more.then_some(next),
    })
    .into())
}
