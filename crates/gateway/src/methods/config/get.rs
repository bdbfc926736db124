//! `config.get`: the configuration file as it is now, without its secrets, and whether it is the one that counts.

use crate::methods::{Answer, Call};
use crate::reload;
use config::{ConfigError, Diagnostic, Level, Loaded};
use protocol::ErrorShape;
use serde_json::{Value, json};

pub(super) async fn handle(call: Call) -> Answer {
    let shared = &call.shared;
    let applied = shared.identity.config_hash(&shared.current().loaded.revision);
    let (paths, env) = (shared.paths.clone(), shared.base.env.clone());
    let reading = tokio::task::spawn_blocking(move || config::load(&paths, &env));
    let read = tokio::time::timeout(reload::READ_WITHIN, reading).await.map_err(|_| {
        ErrorShape::unavailable("the configuration file cannot be read in time; try again").retryable()
    })?;
    let read = read.map_err(|error| ErrorShape::unavailable(error.to_string()))?;
    let mut answer = match read {
        Ok(loaded) => good(&call, &loaded),
        Err(error) => broken(&call, &error),
    };
    answer["appliedConfigHash"] = json!(applied);
    answer["reload"] = reload::Reload::report(&shared.reload);
    Ok(answer.into())
}

fn good(call: &Call, loaded: &Loaded) -> Value {
    let redacted = loaded.redacted();
    let included: Vec<String> = loaded.included.iter().map(|file| file.display().to_string()).collect();
    json!({
        "path": loaded.file.display().to_string(),
        "includedPaths": included,
        "exists": loaded.exists,
        "raw": loaded.redacted_raw(),
        "parsed": loaded.redacted_written(),
        "sourceConfig": redacted,
        "resolved": redacted,
        "config": redacted,
        "valid": true,
        "hash": call.shared.identity.config_hash(&loaded.hash),
        "configRevisionHash": call.shared.identity.config_hash(&loaded.revision),
        "issues": [],
        "warnings": diagnostics(&loaded.warnings),
        "legacyIssues": [],
    })
}

/// A file that cannot be used: nothing of it is shown, because secrets cannot be told from the rest in it.
fn broken(call: &Call, error: &ConfigError) -> Value {
    let file = &call.shared.paths.config_file;
    let issues = match error {
        ConfigError::Invalid(all) => diagnostics(all),
        other => json!([{"path": "", "message": other.to_string()}]),
    };
    let hash = config::file_hash(file).map(|hash| call.shared.identity.config_hash(&hash));
    json!({
        "path": file.display().to_string(), "exists": true, "raw": null, "parsed": {}, "sourceConfig": {},
        "resolved": {}, "config": {}, "valid": false, "hash": hash, "issues": issues, "warnings": [],
        "legacyIssues": [],
    })
}

pub(super) fn diagnostics(all: &[Diagnostic]) -> Value {
    let one = |d: &Diagnostic| {
        let level = match d.level {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        json!({
            "path": d.path, "message": d.message, "file": d.file.display().to_string(), "line": d.line,
            "column": d.column, "level": level,
        })
    };
    all.iter().map(one).collect()
}
