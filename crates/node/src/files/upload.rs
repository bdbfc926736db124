//! `terminal.upload`: a file for a terminal on this node, in a private directory of its own, for a day.

use super::content;
use crate::invoke::Failure;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use tokio_util::sync::CancellationToken;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    name: String,
    content_base64: String,
}

/// `{path, size}`. `now_ms` tells which files have had their day.
pub(super) fn upload(
    root: &Path,
    p: &Params,
    now_ms: i64,
    cancel: &CancellationToken,
) -> Result<Value, Failure> {
    let bytes =
        content::decode(Some(&p.content_base64)).map_err(|problem| Failure::invalid(problem.message))?;
    let kept = exec::keep_upload(root, (&p.name, &bytes), now_ms, || !cancel.is_cancelled());
    let path = kept.map_err(|e| Failure::unavailable(e.to_string()))?;
    let path = path.to_str().ok_or_else(|| Failure::unavailable("the path of the upload is no UTF-8"))?;
    Ok(json!({"path": path, "size": bytes.len()}))
}
