//! Reading parameters, and the checks that `system.run.prepare` and `system.run` share.

use crate::invoke::Failure;
use serde::de::DeserializeOwned;

/// Reads a command's parameters; absent ones read as `{}`.
pub(super) fn read<T: DeserializeOwned>(command: &str, json: Option<&str>) -> Result<T, Failure> {
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

/// The policy of this node is `full` and never asks: it has nobody to ask and no allow-list. A gateway that wants less
/// to be allowed must not be given more.
pub(super) fn check_policy(security: Option<&str>, ask: Option<&str>) -> Result<(), Failure> {
    if let Some(other) = security.filter(|s| *s != "full") {
        return Err(Failure::invalid(format!(
            "this node cannot hold to security {other:?}: it has no allow-list; decide on the gateway and send \"full\""
        )));
    }
    if let Some(other) = ask.filter(|a| *a != "off") {
        return Err(Failure::invalid(format!(
            "this node cannot hold to ask {other:?}: it has nobody to ask; approve on the gateway and send \"off\""
        )));
    }
    Ok(())
}
