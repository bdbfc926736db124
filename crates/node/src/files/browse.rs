//! `fs.listDir`: the directories within a directory, for an administrator who picks one.

use crate::invoke::Failure;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Component, Path, PathBuf};

/// Directories that an answer names; those that sort behind them are left out.
const MAX_ENTRIES: usize = 5000;
/// Names that are looked at: a directory of more is not for picking.
const MAX_NAMES: usize = 100_000;

#[derive(Deserialize)]
pub(super) struct Params {
    #[serde(default)]
    path: Option<String>,
}

/// `{path, parent?, home, entries: [{name, path, hidden?}]}`; without a path, the home directory's.
pub(super) fn browse(p: Params) -> Result<Value, Failure> {
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let asked = p.path.filter(|path| !path.is_empty()).map_or_else(|| home.clone(), PathBuf::from);
    if !asked.is_absolute() {
        return Err(Failure::invalid("fs.listDir path must be absolute"));
    }
    let directory = plain(&asked);
    let problem = |e: std::io::Error| Failure::invalid(format!("{}: {e}", directory.display()));
    let mut found: Vec<(bool, String, String)> = Vec::new();
    for entry in std::fs::read_dir(&directory).map_err(problem)?.take(MAX_NAMES) {
        let entry = entry.map_err(problem)?;
        // A name that is no text cannot be picked.
        let (Ok(name), Some(at)) =
            (entry.file_name().into_string(), entry.path().to_str().map(str::to_owned))
        else {
            continue;
        };
        // A link counts as what it leads to: who picks may look everywhere.
        if entry.path().is_dir() {
            found.push((name.starts_with('.'), name, at));
        }
    }
    found.sort_unstable();
    found.truncate(MAX_ENTRIES);
    let entries: Vec<Value> = found.into_iter().map(shown).collect();
    let mut out = json!({"path": directory.display().to_string(), "home": home.display().to_string(), "entries": entries});
    if let Some(parent) = directory.parent() {
        out["parent"] = json!(parent.display().to_string());
    }
    Ok(out)
}

fn shown((hidden, name, path): (bool, String, String)) -> Value {
    let mut entry = json!({"name": name, "path": path});
    if hidden {
        entry["hidden"] = json!(true);
    }
    entry
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
