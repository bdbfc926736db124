//! From the file to a [`Config`].

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::doc::{Doc, Positions, Section, too_deep};
use crate::include::{Places, Whole, assemble};
use crate::redact::{redact, redact_text};
use crate::sections::sources;
use crate::{Config, ConfigError, Diagnostic, Env, Level, Paths};

/// Largest file that is read.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A config that was read. `Debug` shows no secret.
#[derive(Clone)]
pub struct Loaded {
    /// What it says, with defaults.
    pub config: Config,
    /// The whole document as read, with what it includes, with secrets and with all keys that are not used.
    pub source: Value,
    /// The config file alone, as it is written.
    pub(crate) written: Value,
    /// Where each value stands.
    pub(crate) places: Arc<Places>,
    /// The files that it includes.
    pub included: Vec<PathBuf>,
    /// What is worth knowing and stops nothing, in the order of the file.
    pub warnings: Vec<Diagnostic>,
    /// Whether there is a file.
    pub exists: bool,
    /// SHA-256 of the file's bytes in lower-case hex.
    pub hash: String,
    /// SHA-256 of the file and all that it includes, in lower-case hex: changes whenever one of them does.
    pub revision: String,
    /// The file's text, with secrets; empty when there is none.
    pub raw: String,
    /// The file that was read, or would have been.
    pub file: PathBuf,
}

impl Loaded {
    /// The document with every secret replaced: what may be shown.
    pub fn redacted(&self) -> Value {
        redact(&self.source)
    }

    /// The config file alone, with every secret replaced and with `$include` as it is written.
    pub fn redacted_written(&self) -> Value {
        redact(&self.written)
    }

    /// The text with every secret and what comments say replaced, layout kept: what may be shown.
    pub fn redacted_raw(&self) -> String {
        redact_text(&self.raw, &self.written)
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("file", &self.file)
            .field("exists", &self.exists)
            .field("hash", &self.hash)
            .field("config", &self.config)
            .field("source", &self.redacted())
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Reads the config file; a missing one is an empty config.
///
/// # Errors
/// It cannot be read, is no JSON5, or has values that cannot be used: all of these at once.
pub fn load(paths: &Paths, env: &Env) -> Result<Loaded, ConfigError> {
    let file = &paths.config_file;
    match read_text(file)? {
        Some(text) => parse(&text, file, env),
        None => {
            let mut empty = parse("{}", file, env)?;
            empty.exists = false;
            empty.raw = String::new();
            empty.hash = hash(b"");
            empty.revision = empty.hash.clone();
            Ok(empty)
        }
    }
}

/// Reads a config from its text; `file` is what messages call it, and what relative paths start from.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, file: &Path, env: &Env) -> Result<Loaded, ConfigError> {
    let written = document(text, file)?;
    // Only now: the text is known to be small and shallow.
    let Whole { value: source, places, included } = assemble(&written, text, file, env)?;
    let mut doc = Doc::new(file, &places, env.clone());
    if !source.is_object() {
        doc.remark(Level::Error, "", false, "the config must be an object: { … }".to_owned());
        return Err(ConfigError::Invalid(doc.into_remarks()));
    }
    for (file, path, line, column) in places.repeated() {
        let (file, path) = (file.to_path_buf(), path.to_owned());
        let message = "is given more than once; the last one counts".to_owned();
        doc.add(Diagnostic { file, line, column, path, message, level: Level::Warning });
    }
    sources(&mut doc, &source);
    let config = Section::root(&doc, &source, Config::read);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        doc.into_remarks().into_iter().partition(|remark| remark.level == Level::Error);
    if !errors.is_empty() {
        return Err(ConfigError::Invalid(errors));
    }
    let hash = hash(text.as_bytes());
    let revision = revision(&hash, &included);
    Ok(Loaded {
        config,
        source,
        written,
        places: Arc::new(places),
        included: included.into_iter().map(|(file, _)| file).collect(),
        revision,
        warnings,
        exists: true,
        hash,
        raw: text.to_owned(),
        file: file.to_path_buf(),
    })
}

/// The text as a value, once it is known to be small and shallow enough for the parser.
pub(crate) fn document(text: &str, file: &Path) -> Result<Value, ConfigError> {
    let syntax = |(line, column): (usize, usize), message: String| ConfigError::Syntax {
        file: file.to_path_buf(),
        line,
        column,
        message,
    };
    if text.len() > MAX_BYTES {
        return Err(syntax((1, 1), format!("the file is larger than {MAX_BYTES} bytes; make it smaller")));
    }
    if let Some(offset) = too_deep(text) {
        let place = Positions::lines_of(text).line_column(offset);
        return Err(syntax(
            place,
            "objects and arrays are nested deeper than 64 levels; make it flatter".to_owned(),
        ));
    }
    json5::from_str(text).map_err(|error| {
        let place = error.position().map(|at| (at.line + 1, at.column + 1));
        let message = error.code().map_or_else(|| error.to_string(), |code| code.to_string());
        let message = if text.trim().is_empty() {
            "the file is empty; write {} or remove it".to_owned()
        } else {
            message
        };
        syntax(place.unwrap_or_else(|| Positions::lines_of(text).line_column(text.len())), message)
    })
}

/// The file's text; `None` when there is no file.
pub(crate) fn read_text(file: &Path) -> Result<Option<String>, ConfigError> {
    let failed = |reason: String| ConfigError::Read { file: file.to_path_buf(), reason };
    let kind = match std::fs::metadata(file) {
        Ok(kind) => kind,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(failed(format!("{error}; check the permissions of the file and its directories")));
        }
    };
    // A pipe would be waited for without end.
    if !kind.is_file() {
        return Err(failed("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| failed(format!("{error}; check the permissions of the file")))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            Err(failed(format!("byte {at} is not UTF-8; save the file as UTF-8")))
        }
    }
}

/// SHA-256 of a config file's bytes in lower-case hex, whatever it says; `None` where it cannot be read.
pub fn file_hash(file: &Path) -> Option<String> {
    read_text(file).ok().flatten().map(|text| hash(text.as_bytes()))
}

/// The file's hash, or, where it includes others, one over all of them.
fn revision(own: &str, included: &[(PathBuf, String)]) -> String {
    if included.is_empty() {
        return own.to_owned();
    }
    let mut all = Sha256::new_with_prefix(own);
    for (file, text) in included {
        all.update(file.as_os_str().as_encoded_bytes());
        all.update([0]);
        all.update(hash(text.as_bytes()));
    }
    hex::encode(all.finalize())
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
