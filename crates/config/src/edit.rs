//! Changing the config file. Comments, order, layout and keys that are not used here stay as they are.
//!
//! Every edit is checked: the new text is read again and must say exactly what the old one said, but for the one value.

mod agents;
mod change;
mod diff;
mod entered;
mod file;
mod grants;
mod lock;
mod patch;
mod restore;
mod tree;

pub use agents::{AgentChange, AgentValues, agent_bindings, agent_id};
pub use change::{Base, Change, Edited, Editor};
pub use diff::changed_paths;
use diff::written as written_path;
pub(crate) use file::replace_private;
pub use file::write_atomically;
pub use grants::GrantChange;
pub(crate) use lock::lock;

use crate::doc::Positions;
use crate::path::{PathStep, path_steps};
use crate::read::document;
use crate::{ConfigError, Env, Loaded, Paths, REDACTED};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::CstRootNode;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file cannot be read, or would say something that is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no such place, or nothing can be put there.
    #[error("{problem}")]
    Place {
        /// The path as it was given.
        path: String,
        /// What is in the way, and what to do.
        problem: String,
    },
    /// The file is not the one that was to be changed.
    #[error("{} has changed meanwhile: the change was made for {given}, the file is {now}; read it again and repeat the change", file.display())]
    Conflict {
        /// The config file.
        file: PathBuf,
        /// The hash that was expected.
        given: String,
        /// The hash of the file.
        now: String,
    },
    /// The value stands in an included file.
    #[error("{path} stands in {}, which the config file includes, and cannot be changed from outside; change it there", file.display())]
    Included {
        /// The value's path.
        path: String,
        /// The file.
        file: PathBuf,
    },
    /// The host says that somebody else manages the file.
    #[error("{variable}=1 says that the config is managed elsewhere; change it there, or unset {variable}")]
    ReadOnly {
        /// The variable.
        variable: String,
    },
    /// The file cannot be written.
    #[error("cannot {action} {}: {source}; nothing was changed", file.display())]
    Write {
        /// What was tried.
        action: &'static str,
        /// With which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl EditError {
    fn place(path: &str, problem: impl Into<String>) -> Self {
        Self::Place { path: path.to_owned(), problem: problem.into() }
    }
}

/// `text` with `value` at `path`. Objects and lists on the way are made where they are missing; an empty text counts as
/// `{}`.
///
/// # Errors
/// See [`EditError`].
pub fn set(text: &str, path: &str, value: &Value) -> Result<String, EditError> {
    let steps = &steps(path)?;
    if holds_redacted(value) {
        let problem = format!(
            "{REDACTED} stands for a secret that was not shown; give the secret itself, or leave {path} alone"
        );
        return Err(EditError::place(path, problem));
    }
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let mut wanted = document_of(text)?;
    tree::put(&mut wanted, steps, value, path)?;
    edited(text, path, &wanted, |root| tree::set(root, steps, value))
}

/// `text` without what is at `path`. What held it stays, even if it is empty now.
///
/// # Errors
/// See [`EditError`].
pub fn unset(text: &str, path: &str) -> Result<String, EditError> {
    let steps = &steps(path)?;
    let not_set = || EditError::place(path, format!("{path} is not set"));
    if text.trim().is_empty() {
        return Err(not_set());
    }
    let mut wanted = document_of(text)?;
    tree::take(&mut wanted, steps).ok_or_else(not_set)?;
    edited(text, path, &wanted, |root| tree::remove(root, steps))
}

/// What a person wrote on a command line, where it is JSON5; `None` where it can only be meant as text.
pub fn read_value(text: &str) -> Option<Value> {
    // A number that JSON has not (Infinity, NaN) reads as null.
    document(text, Path::new("")).ok().filter(|value| !value.is_null() || text.trim() == "null")
}

/// Sets one value of the config file, which is made where it is missing, and gives what it says then. `steps` are the
/// names of keys, or places in lists. What would stop a start is not written.
///
/// # Errors
/// See [`EditError`].
pub fn set_in_file(paths: &Paths, env: &Env, steps: &[String], value: &Value) -> Result<Loaded, EditError> {
    let change = Change::Set { steps: named(steps)?, value: value.clone() };
    Editor { paths, env, base: None, dry_run: false }.apply(change).map(|edited| edited.loaded)
}

/// Takes one value out of the config file. As [`set_in_file`].
///
/// # Errors
/// See [`EditError`].
pub fn unset_in_file(paths: &Paths, env: &Env, steps: &[String]) -> Result<Loaded, EditError> {
    let change = Change::Unset { steps: named(steps)? };
    Editor { paths, env, base: None, dry_run: false }.apply(change).map(|edited| edited.loaded)
}

/// The text's errors, with the file's name.
fn in_file(error: EditError, path: &Path) -> EditError {
    match error {
        EditError::Config(ConfigError::Syntax { line, column, message, .. }) => {
            EditError::Config(ConfigError::Syntax { file: path.to_path_buf(), line, column, message })
        }
        other => other,
    }
}

/// The steps with these names. A number is a key or a place in a list, whichever is there; where nothing is, 0 begins a
/// list.
fn named(names: &[String]) -> Result<Vec<PathStep>, EditError> {
    if names.is_empty() {
        return Err(empty_path());
    }
    let step =
        |name: &String| PathStep { index: name.parse().ok(), bracketed: name == "0", name: name.clone() };
    Ok(names.iter().map(step).collect())
}

fn empty_path() -> EditError {
    EditError::place("", "the path is empty; write it like gateway.auth.mode")
}

fn steps(path: &str) -> Result<Vec<PathStep>, EditError> {
    let steps = path_steps(path).map_err(|problem| EditError::place(path, problem))?;
    if steps.is_empty() {
        return Err(empty_path());
    }
    Ok(steps)
}

/// The text as an object.
fn document_of(text: &str) -> Result<Value, EditError> {
    let value = document(text, Path::new(""))?;
    match value {
        Value::Object(_) => Ok(value),
        _ => Err(syntax(1, 1, "the config must be an object: { … }".to_owned())),
    }
}

/// A patch as people write it: JSON5, an object.
///
/// # Errors
/// It is no JSON5, or no object.
pub fn read_object(text: &str) -> Result<Value, EditError> {
    document_of(text).map_err(|error| in_file(error, Path::new("raw")))
}

fn syntax(line: usize, column: usize, message: String) -> EditError {
    EditError::Config(ConfigError::Syntax { file: PathBuf::new(), line, column, message })
}

/// Makes the change and checks that it is the only one.
fn edited(
    text: &str,
    path: &str,
    wanted: &Value,
    change: impl FnOnce(&CstRootNode) -> Option<()>,
) -> Result<String, EditError> {
    let unclear = || {
        let twice =
            Positions::scan(text).repeated().first().map(|key| format!(": {key} is given more than once"));
        let problem = "cannot be changed without changing something else";
        EditError::place(path, format!("{path} {problem}{}; use an editor", twice.unwrap_or_default()))
    };
    let options = ParseOptions { allow_missing_commas: false, ..ParseOptions::default() };
    let root = CstRootNode::parse(text, &options).map_err(|error| {
        let message = format!("{}; this can be read and not be changed here: use an editor", error.kind());
        syntax(error.line_display(), error.column_display(), message)
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
