//! Changing one value of the config file. Comments, order, layout and keys that are not used here stay as they are.
//!
//! Every edit is checked: the new text is read again and must say exactly what the old one said, but for the one value.

mod file;
mod tree;

pub use file::write_atomically;

use crate::doc::Positions;
use crate::path::{PathStep, path_steps};
use crate::read::document;
use crate::{ConfigError, REDACTED};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::CstRootNode;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Why the file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// What was given is no path into a config.
    #[error("{0}")]
    Path(String),
    /// The value is what stands in the place of a secret that was not shown.
    #[error("{REDACTED} stands for a secret that was not shown; give the secret itself, or leave {path} alone")]
    Redacted {
        /// The path.
        path: String,
    },
    /// The text cannot be read, or not well enough to be changed.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The path leads through something that holds no other values.
    #[error("{path} cannot be set: {at} is {found}, which holds no other values; set or unset {at} first")]
    NotAContainer {
        /// The path.
        path: String,
        /// Where it stops.
        at: String,
        /// What is there.
        found: &'static str,
    },
    /// The list is shorter.
    #[error("{path} cannot be set: {at} has {len} items; the next one is {at}[{len}]")]
    NoSuchItem {
        /// The path.
        path: String,
        /// The list.
        at: String,
        /// How many items it has.
        len: usize,
    },
    /// There is nothing to take out.
    #[error("{path} is not set")]
    NotSet {
        /// The path.
        path: String,
    },
    /// The text is written in a way that hides where the value is, such as a key that is given twice.
    #[error("{path} cannot be changed without changing something else{}; change it with an editor", twice(.repeated))]
    Unclear {
        /// The path.
        path: String,
        /// Keys that are given more than once.
        repeated: Vec<String>,
    },
    /// The file cannot be read or written.
    #[error("cannot {action} {}: {source}; nothing was changed", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn twice(repeated: &[String]) -> String {
    repeated.first().map(|key| format!(": {key} is given more than once")).unwrap_or_default()
}

/// `text` with `value` at `path`. Objects and lists on the way are made where they are missing; an empty text counts as
/// `{}`.
///
/// # Errors
/// See [`EditError`].
pub fn set(text: &str, path: &str, value: &Value) -> Result<String, EditError> {
    if holds_redacted(value) {
        return Err(EditError::Redacted { path: path.to_owned() });
    }
    let steps = steps(path)?;
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let mut wanted = read(text)?;
    tree::put(&mut wanted, &steps, value, path)?;
    edited(text, path, &wanted, |root| tree::set(root, &steps, value))
}

/// `text` without what is at `path`. What held it stays, even if it is empty now.
///
/// # Errors
/// See [`EditError`].
pub fn unset(text: &str, path: &str) -> Result<String, EditError> {
    let steps = steps(path)?;
    let not_set = || EditError::NotSet { path: path.to_owned() };
    if text.trim().is_empty() {
        return Err(not_set());
    }
    let mut wanted = read(text)?;
    tree::take(&mut wanted, &steps).ok_or_else(not_set)?;
    edited(text, path, &wanted, |root| tree::remove(root, &steps))
}

/// What a person wrote on a command line: JSON5 where it is that, else the text itself.
pub fn value_from_text(text: &str) -> Value {
    let as_text = || Value::String(text.to_owned());
    // A number that JSON has not (Infinity, NaN) reads as null.
    match document(text, Path::new("")) {
        Ok(Value::Null) if text.trim() != "null" => as_text(),
        Ok(value) => value,
        Err(_) => as_text(),
    }
}

fn steps(path: &str) -> Result<Vec<PathStep>, EditError> {
    let steps = path_steps(path).map_err(EditError::Path)?;
    if steps.is_empty() {
        return Err(EditError::Path("the path is empty; write it like gateway.auth.mode".to_owned()));
    }
    Ok(steps)
}

fn read(text: &str) -> Result<Value, EditError> {
    let value = document(text, Path::new("")).map_err(|error| match error {
        ConfigError::Syntax { line, column, message, .. } => EditError::Syntax { line, column, message },
        other => EditError::Syntax { line: 1, column: 1, message: other.to_string() },
    })?;
    match value {
        Value::Object(_) => Ok(value),
        _ => {
            let message = "the config must be an object: { … }".to_owned();
            Err(EditError::Syntax { line: 1, column: 1, message })
        }
    }
}

/// Makes the change and checks that it is the only one.
fn edited(
    text: &str,
    path: &str,
    wanted: &Value,
    change: impl FnOnce(&CstRootNode) -> Option<()>,
) -> Result<String, EditError> {
    let unclear =
        || EditError::Unclear { path: path.to_owned(), repeated: Positions::scan(text).repeated().to_vec() };
    let options = ParseOptions { allow_missing_commas: false, ..ParseOptions::default() };
    let root = CstRootNode::parse(text, &options).map_err(|error| EditError::Syntax {
        line: error.line_display(),
        column: error.column_display(),
        message: format!("{}; this can be read and not be changed here: use an editor", error.kind()),
    })?;
    change(&root).ok_or_else(unclear)?;
    let mut out = root.to_string();
    if !out.ends_with('\n') {
        out.push('\n');
    }
    match document(&out, Path::new("")) {
        Ok(read) if read == *wanted => Ok(out),
        _ => Err(unclear()),
    }
}

fn holds_redacted(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(REDACTED),
        Value::Array(items) => items.iter().any(holds_redacted),
        Value::Object(map) => Map::values(map).any(holds_redacted),
        _ => false,
    }
}
