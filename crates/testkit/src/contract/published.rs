//! `protocol.schema.json` of npm's `@openclaw/gateway-protocol`, as `scripts/npm-client-test --install` puts it under
//! `target/`. The file has 3.5 MB and a test needs a dozen of its 877 definitions: each is found by its name, and read
//! and compiled when it is first asked for.

// Only tests use this: a contract that cannot be read ends them with the reason.
#![allow(clippy::panic)]

use jsonschema::{Draft, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

const FILE: &str = "target/npm-client/node_modules/@openclaw/gateway-protocol/protocol.schema.json";

/// A pattern that keeps halves of UTF-16 pairs out, as the file writes it, and what is left of it where there are none.
const ANY_UTF16: &str = r"(?:[^\\uD800-\\uDFFF]|[\\uD800-\\uDBFF][\\uDC00-\\uDFFF])";
const ANY_CHARACTER: &str = r"[\\s\\S]";

/// The published schema.
pub struct Schema {
    text: String,
    definitions_at: usize,
    validators: Mutex<HashMap<String, Option<Arc<Validator>>>>,
}

/// A value that is not as its definition says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What is wrong there.
    pub what: String,
    /// The property that the definition does not have, where that is what is wrong.
    pub unexpected: Option<String>,
}

/// The schema, read once.
///
/// # Panics
/// It is not installed, or is not the file that it should be.
pub fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(FILE);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!(
                "{FILE}: {error}. It is the contract that every frame is held against; install it with `scripts/npm-client-test --install`"
            )
        });
        let definitions_at = text
            .find("\n  \"definitions\": {")
            .unwrap_or_else(|| panic!("{FILE} has no definitions where they should be"));
        Schema { text, definitions_at, validators: Mutex::default() }
    })
}

impl Schema {
    /// Whether there is a definition of this name.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A definition. Definitions refer to nothing outside themselves.
    ///
    /// # Panics
    /// It is no JSON.
    pub fn definition(&self, name: &str) -> Option<Value> {
        let raw = self.raw(name)?.replace(ANY_UTF16, ANY_CHARACTER);
        Some(serde_json::from_str(&raw).unwrap_or_else(|error| panic!("{FILE}: {name}: {error}")))
    }

    /// The published methods and their scopes, in the order of the file.
    ///
    /// # Panics
    /// The table is not as it should be.
    pub fn methods(&self) -> Vec<(String, String)> {
        let table = between(&self.text, "\n  \"methods\": ", "\n  }")
            .unwrap_or_else(|| panic!("{FILE} has no methods where they should be"));
        let table: serde_json::Map<String, Value> =
            serde_json::from_str(table).unwrap_or_else(|error| panic!("{FILE}: methods: {error}"));
        let scope = |row: &Value| row["scope"].as_str().unwrap_or_default().to_owned();
        table.iter().map(|(name, row)| (name.clone(), scope(row))).collect()
    }

    /// What is wrong with a value, by the definition of this name.
    ///
    /// # Panics
    /// There is no such definition, or it cannot be used.
    pub fn problems(&self, name: &str, value: &Value) -> Vec<Problem> {
        let validator = self.validator(name).unwrap_or_else(|| panic!("{FILE} has no definition {name}"));
        let mut problems = Vec::new();
        for error in validator.iter_errors(value) {
            explain(&error, &mut problems);
        }
        problems.sort();
        problems.dedup();
        problems
    }

    fn validator(&self, name: &str) -> Option<Arc<Validator>> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = validators.get(name) {
            return known.clone();
        }
        let made = self.definition(name).map(|definition| {
            let options = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(true);
            let validator =
                options.build(&definition).unwrap_or_else(|error| panic!("{FILE}: {name}: {error}"));
            Arc::new(validator)
        });
        validators.insert(name.to_owned(), made.clone());
        made
    }

    fn raw(&self, name: &str) -> Option<&str> {
        between(&self.text[self.definitions_at..], &format!("\n    \"{name}\": "), "\n    }")
    }
}

/// What stands after `begin`, up to and with the first `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let text = &text[text.find(begin)? + begin.len()..];
    Some(&text[..text.find(end)? + end.len()])
}

/// Of alternatives that all fail, the one that comes closest says what is wrong.
fn explain(error: &ValidationError<'_>, problems: &mut Vec<Problem>) {
    let path = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            problems.extend(unexpected.iter().map(|name| Problem {
                path: path.to_owned(),
                what: format!("the property '{name}' is not published"),
                unexpected: Some(name.clone()),
            }));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let closest = context.iter().filter(|branch| !branch.is_empty()).min_by_key(|branch| {
                let constants =
                    branch.iter().filter(|e| matches!(e.kind(), ValidationErrorKind::Constant { .. }));
                (constants.count(), branch.len())
            });
            match closest {
                Some(branch) => branch.iter().for_each(|error| explain(error, problems)),
                None => problems.push(plain(path, error)),
            }
        }
        _ => problems.push(plain(path, error)),
    }
}

fn plain(path: &str, error: &ValidationError<'_>) -> Problem {
    let what: String = error.to_string().chars().take(200).collect();
    Problem { path: path.to_owned(), what, unexpected: None }
}
