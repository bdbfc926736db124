//! `devices approve`: lets a device in. What a device has already stays with it, so that approving is about both: what it asks
//! for and what it has.

use super::{asked, local, short};
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::{Link, scope_names};
use crate::output::printable;
use crate::view::{cell, joined, list, number, text};
use clap::Args;
use protocol::Scope;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The request, as `openclaw devices list` shows it
    #[arg(value_name = "REQUEST_ID")]
    request_id: Option<String>,
    /// Show the newest request and the command that approves it
    #[arg(long, conflicts_with = "request_id")]
    latest: bool,
    /// Decide in this host's own state directory, also while no gateway runs; --latest approves then
    #[arg(long, conflicts_with_all = ["url", "port"])]
    local: bool,
}

pub(super) async fn run(args: ApproveArgs, ctx: &Context) -> Result<(), Failure> {
    if args.local && (args.latest || args.request_id.is_some()) {
        let decided = local::approve(&args.connect, ctx, args.request_id.as_deref()).await?;
        return ctx.out.show(&decided.answer, || done(&decided.request, &decided.held));
    }
    if args.local {
        let devices = local::devices(&args.connect, ctx).await?;
        return Err(preview(&devices, &ctx.command("devices approve --local")));
    }
    let link = Link::dial(ctx, &args.connect, &scope_names(&[Scope::Pairing])).await?;
    let devices = link.call("device.pair.list", json!({})).await?;
    let Some(id) = args.request_id else {
        link.leave().await;
        return Err(preview(&devices, &ctx.command("devices approve")));
    };
    let waits = |r: &&Value| text(r, "/requestId") == Some(&id);
    let request = list(&devices, "/pending").iter().find(waits).ok_or_else(|| {
        Failure::not_found(format!("no device waits with the request {id}"))
            .hint("see who does: openclaw devices list")
            .hint("approving a node's commands is another step: openclaw nodes pending")
    })?;
    let held = held(&devices, request);
    let link = link.widen(ctx, &args.connect, &needed(request, &held)).await?;
    let payload = link.call("device.pair.approve", json!({"requestId": id})).await?;
    link.leave().await;
    ctx.out.show(&payload, || done(request, &held))
}

/// A decision, and what it was about.
pub(super) struct Decided {
    pub(super) request: Value,
    /// What the device had before.
    pub(super) held: Vec<String>,
    pub(super) answer: Value,
}

/// The scopes that the device of a request was approved for before.
pub(super) fn held(devices: &Value, request: &Value) -> Vec<String> {
    let id = text(request, "/deviceId");
    let device = list(devices, "/paired").iter().find(|d| id.is_some() && text(d, "/deviceId") == id);
    let scopes = device.map_or(&[][..], |device| list(device, "/scopes"));
    scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Nobody grants what they do not hold: what the device asks for, and what it has, since its new token is good for both.
pub(super) fn needed(request: &Value, held: &[String]) -> Vec<String> {
    let mut scopes = scope_names(&[Scope::Pairing]);
    if text(request, "/role").is_some_and(|role| role != "operator") {
        // Letting in what is no operator is an administrator's decision.
        scopes.extend(scope_names(&[Scope::Admin]));
    }
    let asked = list(request, "/scopes").iter().filter_map(Value::as_str);
    for scope in asked.chain(held.iter().map(String::as_str)) {
        if scope.starts_with("operator.") && !scopes.iter().any(|s| s == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

fn done(request: &Value, held: &[String]) -> String {
    let name = text(request, "/displayName").map_or_else(|| short(request), str::to_owned);
    let scopes = list(request, "/scopes");
    let mut may =
        if scopes.is_empty() { String::new() } else { format!(" with {}", joined(request, "/scopes")) };
    if !held.is_empty() {
        may.push_str(&format!(", and keeps {}", held.join(", ")));
    }
    let mut done = printable(&format!("{name} is paired as {}{may}", cell(request, "/role")));
    if text(request, "/role") == Some("node") {
        done.push_str("\nits commands are approved apart, once it has connected: openclaw nodes pending");
    }
    done
}

pub(super) fn newest(requests: &[Value]) -> Option<&Value> {
    requests.iter().max_by_key(|r| number(r, "/ts").unwrap_or_default())
}

/// Without an exact id nothing is approved: another device may ask in the same moment.
fn preview(devices: &Value, command: &str) -> Failure {
    let Some(request) = newest(list(devices, "/pending")) else {
        return Failure::not_found("no device is waiting").hint("see the paired ones: openclaw devices list");
    };
    let id = cell(request, "/requestId");
    let name = text(request, "/displayName").map_or_else(|| short(request), str::to_owned);
    let scopes = match asked(request, &held(devices, request)) {
        none if none == "-" => String::new(),
        some => format!(" (scopes: {some})"),
    };
    let role = cell(request, "/role");
    let wants = format!("{name} asks to be paired as {role}{scopes}; nothing is approved yet");
    Failure::new(Exit::Failed, "APPROVAL_NEEDS_ID", wants)
        .details(request.clone())
        .hint(format!("if you know it: {command} {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_exact_id_the_newest_request_is_shown_and_nothing_approved() {
        let devices = json!({
            "pending": [
                {"requestId":"r1","deviceId":"d1","role":"node","scopes":[],"ts":1},
                {"requestId":"r2","deviceId":"d2","displayName":"mac","role":"operator","scopes":["operator.write"],"ts":2},
            ],
            "paired": [{"deviceId":"d2","scopes":["operator.read"]},{"deviceId":"d1","scopes":["operator.admin"]}],
        });
        let failure = preview(&devices, "openclaw devices approve");
        assert_eq!(failure.exit, Exit::Failed);
        let asked = "mac asks to be paired as operator (scopes: operator.write (has operator.read)); nothing";
        assert!(failure.message.starts_with(asked), "{}", failure.message);
        assert_eq!(failure.hints, ["if you know it: openclaw devices approve r2"]);
        assert_eq!(preview(&json!({}), "").code, "NOT_FOUND");
    }

    #[test]
    fn approving_asks_for_what_the_device_asks_for_and_has_and_for_no_more() {
        let request = json!({"deviceId":"d","scopes":["operator.read","operator.pairing","other"]});
        assert_eq!(needed(&request, &[]), ["operator.pairing", "operator.read"]);
        let devices = json!({"paired":[{"deviceId":"e","scopes":["operator.admin"]},
            {"deviceId":"d","scopes":["operator.write","operator.read"]}]});
        let held = held(&devices, &request);
        assert_eq!(needed(&request, &held), ["operator.pairing", "operator.read", "operator.write"]);
        assert!(done(&request, &held).ends_with("and keeps operator.write, operator.read"));
        let node = json!({"role":"node","scopes":[]});
        assert_eq!(needed(&node, &[]), ["operator.pairing", "operator.admin"]);
    }
}
