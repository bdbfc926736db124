//! `exec.approvals.get|set`: the document of the gateway's own host.

use crate::methods::{Answer, Call};
use exec::policy::{ApprovalsError, ApprovalsFile, Document, Snapshot};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) async fn get(call: Call) -> Answer {
    on_disk(&call, |file| file.read()).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    file: Value,
    base_hash: Option<String>,
}

pub(super) async fn set(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let document = read("exec.approvals.set", p.file)?;
    on_disk(&call, move |file| file.replace(document, p.base_hash.as_deref())).await
}

/// A document as a client sends it: whatever is not of the published form is refused by name.
pub(super) fn read(method: &str, file: Value) -> Result<Document, ErrorShape> {
    let invalid = |at: &str, problem: String| {
        ErrorShape::invalid(format!("invalid {method} params: at /file{at}: {problem}"))
    };
    let document: Document = serde_json::from_value(file).map_err(|e| invalid("", e.to_string()))?;
    if let Some(path) = document.unknown_property() {
        return Err(invalid(&path, "unexpected property".into()));
    }
    match document.too_large() {
        None => Ok(document),
        Some((at, problem)) => Err(invalid(&at, problem)),
    }
}

async fn on_disk(
    call: &Call,
    work: impl FnOnce(&ApprovalsFile) -> Result<Snapshot, ApprovalsError> + Send + 'static,
) -> Answer {
    let file = call.shared.approvals.file.clone();
    let done = tokio::task::spawn_blocking(move || work(&file)).await;
    match done {
        Ok(Ok(snapshot)) => Ok(shown(snapshot).into()),
        Ok(Err(
            e @ (ApprovalsError::Changed | ApprovalsError::HashRequired | ApprovalsError::TooLarge { .. }),
        )) => Err(ErrorShape::invalid(e.to_string())),
        Ok(Err(error)) => Err(ErrorShape::unavailable(error.to_string())),
        Err(error) => Err(ErrorShape::unavailable(format!("the document could not be read: {error}"))),
    }
}

fn shown(snapshot: Snapshot) -> Value {
    let resolved = snapshot.document.resolved_defaults();
    json!({
        "path": snapshot.path.display().to_string(),
        "exists": snapshot.exists,
        "hash": snapshot.hash,
        "file": snapshot.document.redacted(),
        "resolvedDefaults": resolved,
    })
}
