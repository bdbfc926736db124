//! Stopping what a session does, on somebody's word.

use super::finish;
use crate::shared::Shared;
use model::SessionKey;
use std::sync::Arc;
use store::StoreError;

/// Stops the running turn, or takes out what waits under `run_id`; gives the runs that were stopped.
pub(crate) async fn abort(
    shared: &Arc<Shared>,
    key: &SessionKey,
    run_id: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let (mut aborted, removed) = shared.runs.abort(key, run_id);
    aborted.extend(finish::close_waiting(shared, key, removed).await?);
    Ok(aborted)
}
