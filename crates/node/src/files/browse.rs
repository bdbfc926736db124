//! `fs.listDir`: the directories within a directory, for an administrator who picks one. Who picks may look everywhere.

use crate::invoke::Failure;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Deserialize)]
pub(super) struct Params {
    #[serde(default)]
    path: Option<String>,
}

/// `{path, parent?, home, entries: [{name, path, hidden?}]}`; without a path, the home directory's.
pub(super) fn browse(p: Params) -> Result<Value, Failure> {
    let asked = p.path.filter(|path| !path.is_empty()).map_or_else(exec::home_directory, PathBuf::from);
    if !asked.is_absolute() {
        return Err(Failure::invalid("fs.listDir path must be absolute"));
    }
    let listing = exec::list_directories(&asked, None)
        .map_err(|e| Failure::invalid(format!("{}: {e}", asked.display())))?;
    Ok(json!(listing))
}
