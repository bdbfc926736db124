//! Reading parameters, and the checks that `system.run.prepare` and `system.run` share.

use crate::invoke::Failure;
use serde::de::DeserializeOwned;

/// Reads a command's parameters; absent ones read as `{}`.
pub(crate) fn read<T: DeserializeOwned>(command: &str, json: Option<&str>) -> Result<T, Failure> {
    serde_json::from_str(json.unwrap_or("{}"))
        .map_err(|e| Failure::invalid(format!("invalid {command} params: {e}")))
}

/// A command line must have a program in it.
pub(super) fn check_argv(command: &str, argv: &[String]) -> Result<(), Failure> {
    match argv.first() {
        Some(program) if !program.is_empty() => Ok(()),
        _ => Err(Failure::invalid(format!("invalid {command} params: at /command: must name a program"))),
    }
}
