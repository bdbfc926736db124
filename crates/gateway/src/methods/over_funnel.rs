//! What a connection from the internet (Tailscale Funnel) may never do, whatever its scopes: run commands, drive a browser, or
//! widen what others may run (S20). What an agent does in a turn is decided by the agent's tools and approvals, not here.

use crate::connection::outbound::Principal;
use crate::hub::policy;
use protocol::{ErrorCode, ErrorShape};
use serde_json::{Value, json};

/// Methods that run something by themselves, or decide that something may run.
const NEVER: &[&str] = &[
    "tools.invoke",
    "fs.listDir",
    "exec.approvals.set",
    "exec.approvals.node.set",
    "exec.approval.request",
    "exec.approval.resolve",
    "approval.resolve",
    "node.pair.approve",
];

/// Refuses what is not for connections over Funnel.
pub(super) fn check(method: &str, params: &Value, principal: &Principal) -> Result<(), ErrorShape> {
    if !principal.over_funnel {
        return Ok(());
    }
    let command = params["command"].as_str().unwrap_or_default();
    let refused = NEVER.contains(&method)
        || method.starts_with("terminal.")
        || (method == "node.invoke" && policy::is_for_near_only(command));
    if !refused {
        return Ok(());
    }
    let what = if method == "node.invoke" { format!("{method} of {command}") } else { method.to_owned() };
    Err(refusal(&what))
}

/// The refusal of something by name.
pub(crate) fn refusal(what: &str) -> ErrorShape {
    let message = format!(
        "{what} is never reachable over Tailscale Funnel; connect over the tailnet, an ssh tunnel or on the gateway's host"
    );
    ErrorShape::new(ErrorCode::Forbidden, message).with_details(json!({"code": "NOT_OVER_FUNNEL"}))
}
