//! `cron.status`: whether jobs run, and when the next one does.

use crate::methods::sessions::list::store_path;
use crate::methods::{Answer, Call, store_error};
use serde_json::json;

pub(super) async fn handle(call: Call) -> Answer {
    let shared = &call.shared;
    let jobs = shared.store.cron_jobs().await.map_err(store_error)?.len();
    let next = shared.store.cron_next_at().await.map_err(store_error)?;
    let enabled = shared.settings().cron_enabled;
    let path = store_path(shared);
    Ok(json!({
        "enabled": enabled, "storePath": path, "storage": "sqlite", "sqlitePath": path, "jobs": jobs,
        "nextWakeAtMs": next.filter(|_| enabled),
    })
    .into())
}
