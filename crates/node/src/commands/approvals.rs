//! `system.execApprovals.get` and `.set`: the document of this host that says which commands may run.

use crate::host::Host;
use crate::invoke::Failure;
use exec::policy::{ApprovalsError, Document, Snapshot};
use serde::Deserialize;
use serde_json::{Value, json};

/// The document.
pub(super) async fn get(host: &Host) -> Result<Value, Failure> {
    let file = host.approvals.clone();
    shown(tokio::task::spawn_blocking(move || file.read()).await)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SetParams {
    file: Document,
    #[serde(default)]
    base_hash: Option<String>,
}

/// Puts another in its place.
pub(super) async fn set(host: &Host, params: SetParams) -> Result<Value, Failure> {
    if let Some(path) = params.file.unknown_property() {
        return Err(Failure::invalid(format!(
            "invalid system.execApprovals.set params: at /file{path}: unexpected property"
        )));
    }
    let file = host.approvals.clone();
    let SetParams { file: document, base_hash } = params;
    shown(tokio::task::spawn_blocking(move || file.replace(document, base_hash.as_deref())).await)
}

fn shown(done: Result<Result<Snapshot, ApprovalsError>, tokio::task::JoinError>) -> Result<Value, Failure> {
    let snapshot = match done {
        Ok(Ok(snapshot)) => snapshot,
        Ok(Err(
            e @ (ApprovalsError::Changed | ApprovalsError::HashRequired | ApprovalsError::TooLarge { .. }),
        )) => {
            return Err(Failure::invalid(e.to_string()));
        }
        Ok(Err(error)) => return Err(Failure::unavailable(error.to_string())),
        Err(error) => return Err(Failure::unavailable(error.to_string())),
    };
    let resolved = snapshot.document.resolved_defaults();
    Ok(json!({
        "path": snapshot.path.display().to_string(),
        "exists": snapshot.exists,
        "hash": snapshot.hash,
        "file": snapshot.document.redacted(),
        "resolvedDefaults": resolved,
    }))
}
