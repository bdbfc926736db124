//! `config.set`, `config.patch` and `config.apply`: changing the configuration file, and taking the change up.
//!
//! `set` and `apply` bring a whole configuration, `patch` what is to be merged. Whoever changes a file that is there
//! says which one they mean (`baseHash`, from `config.get`). Secrets come back as the placeholder that was shown.

use super::get::diagnostics;
use crate::methods::{Answer, Call};
use crate::reload::{self, Applied, Unready};
use crate::shared::Shared;
use config::{Base, Change, ConfigError, EditError, Edited, Editor, Loaded};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::MutexGuard;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    raw: String,
    base_hash: Option<String>,
    note: Option<String>,
    #[serde(default)]
    replace_paths: Vec<String>,
}

pub(super) async fn set(call: Call) -> Answer {
    handle(call, "config.set", "config-set").await
}

pub(super) async fn patch(call: Call) -> Answer {
    handle(call, "config.patch", "config-patch").await
}

pub(super) async fn apply(call: Call) -> Answer {
    handle(call, "config.apply", "config-apply").await
}

async fn handle(mut call: Call, method: &'static str, kind: &'static str) -> Answer {
    let p: Params = call.params()?;
    let shared = call.shared.clone();
    let change = if method == "config.patch" {
        let patch = config::edit::read_object(&p.raw).map_err(|error| refusal(&error))?;
        Change::Merge { patch, replace: p.replace_paths }
    } else {
        Change::Replace { text: p.raw }
    };
    let _gate = gate(&shared).await?;
    if p.base_hash.is_none() && shared.paths.config_file.exists() {
        return Err(ErrorShape::invalid(
            "config base hash required; re-run config.get and retry with baseHash",
        ));
    }
    // What could not be taken up is not written, either.
    let Edited { loaded, changed, .. } = edit(&shared, change.clone(), p.base_hash.clone(), true).await?;
    let ready = match changed.is_empty() {
        true => None,
        false => Some(reload::prepare(&shared, loaded).await.map_err(|error| unready(&error))?),
    };
    let Edited { loaded, changed, .. } = edit(&shared, change, p.base_hash, false).await?;
    let mut answer = json!({
        "ok": true,
        "path": loaded.file.display().to_string(),
        "hash": shared.identity.config_hash(&loaded.hash),
        "config": loaded.redacted(),
        "changedPaths": changed,
        "warnings": diagnostics(&loaded.warnings),
    });
    if changed.is_empty() {
        answer["noop"] = json!(true);
        return Ok(answer.into());
    }
    let path = answer["path"].clone();
    let applied = match ready.filter(|ready| ready.revision == loaded.revision) {
        Some(ready) => reload::take_up(&shared, ready),
        // Somebody else's change came in between, and is in the file too.
        None => take_up(&shared, loaded).await?,
    };
    answer["applied"] = json!(applied.live);
    answer["restart"] = json!({"required": !applied.restart.is_empty(), "paths": applied.restart});
    answer["sentinel"] = json!({"persisted": false, "payload": {
        "kind": kind, "status": "ok", "ts": shared.clock.now_ms(), "message": p.note,
        "stats": {"mode": method, "root": path, "requiresRestart": !applied.restart.is_empty()},
    }});
    tracing::info!(method, by = %call.conn.id(), changed = ?applied.changed.len(), "the configuration was changed");
    Ok(answer.into())
}

/// Waits for its turn: changes go one at a time, from the file to what hangs on it.
///
/// # Errors
/// A change before this one hangs.
pub(in crate::methods) async fn gate(shared: &Shared) -> Result<MutexGuard<'_, ()>, ErrorShape> {
    reload::gate(shared).await.map_err(|problem| ErrorShape::unavailable(problem).retryable())
}

/// Changes the file, or with `dry_run` says what would come of it. The gate is held by who calls.
///
/// # Errors
/// Why nothing was changed, as clients see it.
pub(in crate::methods) async fn edit(
    shared: &Arc<Shared>,
    change: Change,
    base: Option<String>,
    dry_run: bool,
) -> Result<Edited, ErrorShape> {
    let editing = shared.clone();
    let edited = tokio::task::spawn_blocking(move || {
        let name = |sha: &str| editing.identity.config_hash(sha);
        let base = base.as_deref().map(|given| Base { given, name: &name });
        Editor { paths: &editing.paths, env: &editing.base.env, base, dry_run }.apply(change)
    });
    let edited = tokio::time::timeout(reload::CHANGE_WITHIN, edited).await.map_err(|_| {
        ErrorShape::unavailable(
            "the configuration file was not written in time; see with config.get whether it changed",
        )
    })?;
    let edited = edited.map_err(|error| ErrorShape::unavailable(error.to_string()))?;
    edited.map_err(|error| refusal(&error))
}

/// Makes what was written the configuration that counts. The gate is held by who calls.
///
/// # Errors
/// It cannot count, or takes longer than it may.
pub(in crate::methods) async fn take_up(shared: &Arc<Shared>, loaded: Loaded) -> Result<Applied, ErrorShape> {
    let ready = reload::prepare(shared, loaded).await.map_err(|error| {
        ErrorShape::unavailable(format!(
            "{error}; the change is written, and config.get shows whether it counts"
        ))
    })?;
    Ok(reload::take_up(shared, ready))
}

/// Why a configuration could not be taken up; nothing was written.
fn unready(error: &Unready) -> ErrorShape {
    match error {
        Unready::Secrets(failures) => {
            let issue = |(place, problem): &(String, String)| json!({"path": place, "message": problem});
            let issues: Vec<_> = failures.iter().map(issue).collect();
            ErrorShape::invalid(format!("{error}; nothing was changed"))
                .with_details(json!({"code": "CONFIG_SECRETS", "issues": issues}))
        }
        Unready::Failed(problem) => {
            ErrorShape::unavailable(format!("{problem}; nothing was changed")).retryable()
        }
    }
}

/// Why nothing was changed. None of it holds a secret.
fn refusal(error: &EditError) -> ErrorShape {
    match error {
        EditError::Config(ConfigError::Invalid(issues)) => {
            let first: Vec<String> =
                issues.iter().take(5).map(|d| format!("{}: {}", d.path, d.message)).collect();
            ErrorShape::invalid(format!("invalid config: {}", first.join("; ")))
                .with_details(json!({"issues": diagnostics(issues)}))
        }
        EditError::Conflict { given, now, .. } => ErrorShape::invalid(format!(
            "config changed since last load; re-run config.get and retry ({error})"
        ))
        .with_details(json!({"code": "CONFIG_CONFLICT", "baseHash": given, "hash": now})),
        EditError::Write { .. } => {
            tracing::error!(%error, "the configuration cannot be written");
            ErrorShape::unavailable(error.to_string()).retryable()
        }
        EditError::Included { file, path } => ErrorShape::invalid(error.to_string()).with_details(
            json!({"code": "CONFIG_INCLUDED", "path": path, "file": file.display().to_string()}),
        ),
        other => ErrorShape::invalid(other.to_string()),
    }
}
