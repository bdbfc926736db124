//! `config.get`: the configuration as it was read, without its secrets.

use crate::methods::{Answer, Call};
use serde_json::{Value, json};

pub(super) async fn handle(call: Call) -> Answer {
    let current = call.shared.current();
    let loaded = &current.loaded;
    let redacted = loaded.redacted();
    let warnings: Vec<Value> = loaded
        .warnings
        .iter()
        .map(|w| json!({"path": w.path, "line": w.line, "column": w.column, "message": w.message}))
        .collect();
    Ok(json!({
        "path": loaded.file.display().to_string(),
        "exists": loaded.exists,
        "raw": loaded.redacted_raw(),
        "parsed": redacted,
        "resolved": redacted,
        "valid": true,
        "config": redacted,
        "hash": loaded.hash,
        "issues": [],
        "warnings": warnings,
    })
    .into())
}
