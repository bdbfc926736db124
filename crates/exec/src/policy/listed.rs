//! Whether an entry of the list names a program as it would be started.
//!
//! The form of entries is OpenClaw's, those that an approval made included: they hold for the exact arguments in the exact
//! directory.

use super::analysis::Step;
use super::{AllowEntry, glob};
use regex_lite::RegexBuilder;
use sha2::{Digest, Sha256};
use std::path::Path;

/// What an approval wrote before entries were bound to a directory; worth nothing any more.
const UNBOUND: &str = "sha256:argv:";
/// Arguments and directory, hashed.
const BOUND: &str = "sha256:cwd-argv:v1:";
/// A pattern that would take more than this to compile is not tried.
const MAX_REGEX_BYTES: usize = 256 * 1024;

/// An entry that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Its pattern.
    pub pattern: String,
    /// Its arguments' pattern.
    pub arg_pattern: Option<String>,
    /// Where the program really is.
    pub resolved: String,
}

/// The entry that names the step; one that names the arguments too comes first.
pub(super) fn find(entries: &[AllowEntry], step: &Step, cwd: &Path, home: Option<&Path>) -> Option<Use> {
    let hash = bound_hash(&step.arguments, cwd);
    let named = |entry: &&AllowEntry| names_program(entry, step, home);
    let exact = entries.iter().filter(named).find(|e| names_arguments(e, step, &hash));
    let any = || entries.iter().filter(named).find(|e| names_all_arguments(e, step));
    exact.or_else(any).map(|entry| Use {
        pattern: entry.pattern.clone(),
        arg_pattern: entry.arg_pattern.clone(),
        resolved: step.program.real.to_string_lossy().into_owned(),
    })
}

/// An entry for exactly this step in exactly this directory.
pub(super) fn grant(step: &Step, cwd: &Path) -> AllowEntry {
    AllowEntry {
        id: Some(model::new_id()),
        source: Some("allow-always".to_owned()),
        arg_pattern: Some(bound_hash(&step.arguments, cwd)),
        ..AllowEntry::of(step.program.real.to_string_lossy())
    }
}

fn names_program(entry: &AllowEntry, step: &Step, home: Option<&Path>) -> bool {
    let (pattern, program) = (entry.pattern.trim(), &step.program);
    if pattern.is_empty() {
        return false;
    }
    if pattern == "*" {
        return !entry.is_generated() && entry.arg_pattern.is_none();
    }
    if !pattern.contains(['/', '~', '\\']) {
        let name = program.found.file_name().map(|n| n.to_string_lossy());
        return !program.written.contains('/') && name.is_some_and(|n| glob::fits(pattern, &n));
    }
    let pattern = match (pattern.strip_prefix("~/"), home.and_then(Path::to_str)) {
        (Some(rest), Some(home)) => format!("{}/{rest}", home.trim_end_matches('/')),
        _ => pattern.to_owned(),
    };
    [&program.found, &program.real].iter().any(|p| glob::fits(&pattern, &p.to_string_lossy()))
}

/// By what they are, not because all are allowed.
fn names_arguments(entry: &AllowEntry, step: &Step, hash: &str) -> bool {
    let Some(pattern) = entry.arg_pattern.as_deref().filter(|_| step.literal) else { return false };
    if pattern.starts_with(BOUND) {
        return pattern == hash;
    }
    if pattern.starts_with(UNBOUND) || entry.is_generated() || step.carries {
        return false;
    }
    let subject = if pattern.contains('\0') { divided(&step.arguments) } else { step.arguments.join(" ") };
    // Its classes are ASCII's, as in the language that these patterns are written for.
    let regex = RegexBuilder::new(pattern).size_limit(MAX_REGEX_BYTES).build();
    regex.is_ok_and(|r| r.is_match(&subject))
}

fn names_all_arguments(entry: &AllowEntry, step: &Step) -> bool {
    entry.arg_pattern.is_none() && !entry.is_generated() && !step.carries
}

fn divided(arguments: &[String]) -> String {
    if arguments.is_empty() { "\0\0".to_owned() } else { format!("{}\0", arguments.join("\0")) }
}

fn bound_hash(arguments: &[String], cwd: &Path) -> String {
    let cwd = cwd.to_string_lossy();
    let mut subject = format!("{}\0{cwd}\0{}\0", cwd.len(), arguments.len());
    for argument in arguments {
        subject.push_str(&format!("{}\0{argument}\0", argument.len()));
    }
    format!("{BOUND}{}", hex::encode(Sha256::digest(subject)))
}
