//! Methods about jobs that run by themselves.

mod edit;
mod list;
mod run;
mod runs;
mod status;

use super::{Handler, handlers, store_error};
use crate::cron::ops::Refusal;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "cron.list" => list::list,
    "cron.get" => list::get,
    "cron.status" => status::handle,
    "cron.add" => edit::add,
    "cron.update" => edit::update,
    "cron.remove" => edit::remove,
    "cron.run" => run::handle,
    "cron.runs" => runs::handle,
};

/// A job, under either of its names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobId {
    id: Option<String>,
    job_id: Option<String>,
}

impl JobId {
    fn get(self, method: &str) -> Result<String, ErrorShape> {
        self.id.or(self.job_id).ok_or_else(|| {
            ErrorShape::invalid(format!("invalid {method} params: must have required property 'id'"))
        })
    }
}

fn refused(method: &str, refusal: Refusal) -> ErrorShape {
    match refusal {
        Refusal::Store(error) => store_error(error),
        Refusal::NotFound(ref id) => ErrorShape::invalid(refusal.to_string())
            .with_details(json!({"code": "CRON_JOB_NOT_FOUND", "jobId": id})),
        Refusal::Wrong(why) => ErrorShape::invalid(format!("invalid {method} params: {why}")),
        Refusal::Managed(why) => ErrorShape::invalid(why),
        Refusal::Changed { ref expected, ref actual } => {
            ErrorShape::invalid(refusal.to_string()).with_details(json!({
                "code": "CRON_JOB_CHANGED", "expectedConfigRevision": expected, "actualConfigRevision": actual,
            }))
        }
    }
}
