//! `config.set`, `config.patch` and `config.apply`: changing the configuration file, and taking the change up.
//!
//! `set` and `apply` bring a whole configuration, `patch` what is to be merged. Whoever changes a file that is there
//! says which one they mean (`baseHash`, from `config.get`). Secrets come back as the placeholder that was shown.

use super::get::diagnostics;
use crate::methods::{Answer, Call};
use crate::reload::{self, Applied, Ready, Unready};
use crate::shared::Shared;
use config::{Base, Change, ConfigError, EditError, Edited, Editor};
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
    let planned = plan(&shared, change, p.base_hash).await?;
    let (Edited { loaded, changed, .. }, applied) = planned.write(&shared).await?;
    let mut answer = json!({
        "ok": true,
        "path": loaded.file.display().to_string(),
        "hash": shared.identity.config_hash(&loaded.hash),
        "config": loaded.redacted(),
        "changedPaths": changed,
        "warnings": diagnostics(&loaded.warnings),
    });
    let Some(applied) = applied else {
        answer["noop"] = json!(true);
        return Ok(answer.into());
    };
    let path = answer["path"].clone();
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

/// Makes a change that the gateway itself makes, and takes it up.
///
/// # Errors
/// Why nothing was changed, as clients see it; or that it is written and does not count.
pub(crate) async fn make(shared: &Arc<Shared>, change: Change) -> Result<(), ErrorShape> {
    let _gate = gate(shared).await?;
    plan(shared, change, None).await?.write(shared).await.map(drop)
}

/// A change that can be taken up. Nothing is written yet.
pub(in crate::methods) struct Planned {
    change: Change,
    base: Option<String>,
    /// What would come of it.
    pub(in crate::methods) edited: Edited,
    /// `None` where nothing changes.
    ready: Option<Ready>,
}

/// Sees what would come of a change and makes all that hangs on it: what could not be taken up is not written, either. The
/// gate is held by who calls, until the change is written.
///
/// # Errors
/// Why nothing is changed, as clients see it.
pub(in crate::methods) async fn plan(
    shared: &Arc<Shared>,
    change: Change,
    base: Option<String>,
) -> Result<Planned, ErrorShape> {
    let edited = edit(shared, change.clone(), base.clone(), true).await?;
    let ready = match edited.changed.is_empty() {
        true => None,
        false => Some(reload::prepare(shared, edited.loaded.clone()).await.map_err(|error| unready(&error))?),
    };
    Ok(Planned { change, base, edited, ready })
}

impl Planned {
    /// Writes it and makes it count; `None` where nothing was to be done.
    ///
    /// # Errors
    /// Why nothing was changed, as clients see it; or that it is written and does not count.
    pub(in crate::methods) async fn write(
        self,
        shared: &Arc<Shared>,
    ) -> Result<(Edited, Option<Applied>), ErrorShape> {
        let edited = edit(shared, self.change, self.base, false).await?;
        if edited.changed.is_empty() {
            return Ok((edited, None));
        }
        let ready = match self.ready.filter(|ready| ready.revision == edited.loaded.revision) {
            Some(ready) => ready,
            // Somebody else's change came in between, and is in the file too.
            None => reload::prepare(shared, edited.loaded.clone()).await.map_err(|error| {
                ErrorShape::unavailable(format!(
                    "{error}; the change is written, and config.get shows whether it counts"
                ))
            })?,
        };
        Ok((edited, Some(reload::take_up(shared, ready))))
    }
}

/// Changes the file, or with `dry_run` says what would come of it.
async fn edit(
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
