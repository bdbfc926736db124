//! What a connection from the internet (Tailscale Funnel) may do, whatever its scopes: look, write to the agent and to chats,
//! and be a node. It never runs commands, drives a browser, or widens what others may run (S20), by itself or through a turn:
//! a turn that begins so has no tool that does ([`LEFT_OUT`]). What is not named here is refused, new methods too.

use crate::connection::outbound::Principal;
use crate::hub::policy;
use protocol::methods::MethodSpec;
use protocol::{Access, ErrorCode, ErrorShape, Scope};
use serde_json::{Value, json};

/// Beside reading: what changes conversations and nothing else.
const MAY: &[&str] = &[
    "agent",
    "agent.wait",
    "chat.abort",
    "chat.send",
    "message.action",
    "node.invoke",
    "poll",
    "send",
    "sessions.abort",
    "sessions.create",
    "sessions.send",
    "tasks.cancel",
    "users.self",
];

/// Tools that run commands on the gateway's host or on nodes, now or later, the one that drives browsers, and those that write files: what is written into
/// `HEARTBEAT.md`, or into a script, a later turn runs. What nodes lend is left out, too.
pub(crate) const LEFT_OUT: &[&str] = &[
    "browser",
    "exec",
    "process",
    "nodes",
    "cron",
    "write",
    "edit",
    "file_fetch",
    "dir_list",
    "dir_fetch",
    "file_write",
];

/// Refuses what is not for connections over Funnel.
pub(super) fn check(spec: &MethodSpec, params: &Value, principal: &Principal) -> Result<(), ErrorShape> {
    if !principal.over_funnel {
        return Ok(());
    }
    let command = params["command"].as_str().unwrap_or_default();
    let looks = matches!(spec.access, Access::Anyone | Access::Node | Access::Operator(Scope::Read));
    if spec.name == "node.invoke" && policy::is_for_near_only(command) {
        return Err(refusal(&format!("node.invoke of {command}")));
    }
    if looks || MAY.contains(&spec.name) { Ok(()) } else { Err(refusal(spec.name)) }
}

/// The refusal of something by name.
pub(crate) fn refusal(what: &str) -> ErrorShape {
    let message = format!(
        "{what} is never reachable over Tailscale Funnel; connect over the tailnet, an ssh tunnel or on the gateway's host"
    );
    ErrorShape::new(ErrorCode::Forbidden, message).with_details(json!({"code": "NOT_OVER_FUNNEL"}))
}
