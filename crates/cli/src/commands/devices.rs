//! `openclaw devices`: devices that are paired or want to be. What a node may do is decided with `openclaw nodes`.

mod local;
mod manage;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::{Link, one_call, scope_names};
use crate::output::{Table, ago, printable};
use crate::view::{cell, joined, list, number, text};
use clap::{Args, Subcommand};
use protocol::Scope;
use serde_json::{Value, json};

/// `devices` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    #[command(subcommand)]
    command: DevicesCommand,
}

#[derive(Debug, Subcommand)]
enum DevicesCommand {
    /// Paired devices, and those that ask to be
    List(ListArgs),
    /// Let a device in
    Approve(ApproveArgs),
    /// Turn a device's request down
    Reject(RequestArgs),
    /// Forget a paired device: its tokens end at once
    Remove(RemoveArgs),
    /// Give a device a new token; the old one works until the device has the new one
    Rotate(manage::RotateArgs),
    /// Make a device's token worthless at once
    Revoke(manage::TokenArgs),
    /// Give a device a name of your own
    Rename(manage::RenameArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Look at this host's own state directory, also while no gateway runs
    #[arg(long, conflicts_with_all = ["url", "port"])]
    local: bool,
}

#[derive(Debug, Args)]
struct ApproveArgs {
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

#[derive(Debug, Args)]
struct RequestArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The request, as `openclaw devices list` shows it
    #[arg(value_name = "REQUEST_ID")]
    request_id: String,
}

#[derive(Debug, Args)]
struct RemoveArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The device, as `openclaw devices list` shows it
    #[arg(value_name = "DEVICE_ID")]
    device_id: String,
}

/// Asks or decides.
///
/// # Errors
/// The gateway cannot be reached or refuses, or there is no such request or device.
pub(crate) async fn run(args: DevicesArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        DevicesCommand::List(args) => {
            let payload = if args.local {
                local::devices(&args.connect, ctx).await?
            } else {
                one_call(ctx, &args.connect, "device.pair.list", json!({})).await?
            };
            ctx.out.show(&payload, || page(ctx, &payload))
        }
        DevicesCommand::Approve(args) => approve(args, ctx).await,
        DevicesCommand::Reject(args) => {
            let params = json!({"requestId": args.request_id});
            let payload = one_call(ctx, &args.connect, "device.pair.reject", params).await?;
            ctx.out.show(&payload, || format!("turned down {}", printable(&args.request_id)))
        }
        DevicesCommand::Remove(args) => {
            let params = json!({"deviceId": args.device_id});
            let payload = one_call(ctx, &args.connect, "device.pair.remove", params).await?;
            ctx.out.show(&payload, || format!("removed {}", printable(&args.device_id)))
        }
        DevicesCommand::Rotate(args) => manage::rotate(args, ctx).await,
        DevicesCommand::Revoke(args) => manage::revoke(args, ctx).await,
        DevicesCommand::Rename(args) => manage::rename(args, ctx).await,
    }
}

fn page(ctx: &Context, payload: &Value) -> String {
    let now = ctx.now_ms();
    let mut pending = Table::new(&["REQUEST", "DEVICE", "NAME", "ROLE", "SCOPES", "ASKED"]);
    for request in list(payload, "/pending") {
        pending.row([
            cell(request, "/requestId"),
            short(request),
            cell(request, "/displayName"),
            cell(request, "/role"),
            joined(request, "/scopes"),
            ago(now, number(request, "/ts")),
        ]);
    }
    let mut paired = Table::new(&["DEVICE", "NAME", "ROLES", "CLIENT", "SEEN"]);
    for device in list(payload, "/paired") {
        paired.row([
            cell(device, "/deviceId").chars().take(64).collect(),
            named(device),
            joined(device, "/roles"),
            cell(device, "/clientId"),
            ago(now, number(device, "/lastSeenAtMs")),
        ]);
    }
    let paired = format!("Paired\n{}", paired.render(&ctx.out, "none"));
    if pending.is_empty() {
        return paired;
    }
    let approve = ctx.command("devices approve REQUEST");
    format!("Waiting\n{}\napprove: {approve}\n\n{paired}", pending.render(&ctx.out, ""))
}

/// The operator's own name for it, else what it calls itself.
fn named(device: &Value) -> String {
    let label = cell(device, "/operatorLabel");
    if text(device, "/operatorLabel").is_some() { label } else { cell(device, "/displayName") }
}

fn short(device: &Value) -> String {
    cell(device, "/deviceId").chars().take(12).collect()
}

async fn approve(args: ApproveArgs, ctx: &Context) -> Result<(), Failure> {
    if args.local && (args.latest || args.request_id.is_some()) {
        let (request, payload) = local::approve(&args.connect, ctx, args.request_id.as_deref()).await?;
        return ctx.out.show(&payload, || done(&request));
    }
    if args.local {
        let devices = local::devices(&args.connect, ctx).await?;
        return Err(preview(list(&devices, "/pending"), &ctx.command("devices approve --local")));
    }
    let link = Link::dial(ctx, &args.connect, &scope_names(&[Scope::Pairing])).await?;
    let pending = link.call("device.pair.list", json!({})).await?;
    let requests = list(&pending, "/pending");
    let Some(id) = args.request_id else {
        link.leave().await;
        return Err(preview(requests, &ctx.command("devices approve")));
    };
    let request = requests.iter().find(|r| text(r, "/requestId") == Some(&id)).ok_or_else(|| {
        Failure::not_found(format!("no device waits with the request {id}"))
            .hint("see who does: openclaw devices list")
            .hint("approving a node's commands is another step: openclaw nodes pending")
    })?;
    // Nobody grants what they do not hold: ask for what the device asks for.
    let wanted = joined_scopes(request);
    let link = link.widen(ctx, &args.connect, &wanted).await?;
    let payload = link.call("device.pair.approve", json!({"requestId": id})).await?;
    link.leave().await;
    ctx.out.show(&payload, || done(request))
}

fn done(request: &Value) -> String {
    let name = text(request, "/displayName").map_or_else(|| short(request), str::to_owned);
    let scopes = list(request, "/scopes");
    let may = if scopes.is_empty() { String::new() } else { format!(" with {}", joined(request, "/scopes")) };
    let mut done = printable(&format!("{name} is paired as {}{may}", cell(request, "/role")));
    if text(request, "/role") == Some("node") {
        done.push_str("\nits commands are approved apart, once it has connected: openclaw nodes pending");
    }
    done
}

fn joined_scopes(request: &Value) -> Vec<String> {
    let mut scopes = scope_names(&[Scope::Pairing]);
    if text(request, "/role").is_some_and(|role| role != "operator") {
        // Letting in what is no operator is an administrator's decision.
        scopes.extend(scope_names(&[Scope::Admin]));
    }
    for scope in list(request, "/scopes").iter().filter_map(Value::as_str) {
        if scope.starts_with("operator.") && !scopes.iter().any(|s| s == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

fn newest(requests: &[Value]) -> Option<&Value> {
    requests.iter().max_by_key(|r| number(r, "/ts").unwrap_or_default())
}

/// Without an exact id nothing is approved: another device may ask in the same moment.
fn preview(requests: &[Value], command: &str) -> Failure {
    let Some(request) = newest(requests) else {
        return Failure::not_found("no device is waiting").hint("see the paired ones: openclaw devices list");
    };
    let id = cell(request, "/requestId");
    let name = text(request, "/displayName").map_or_else(|| short(request), str::to_owned);
    let wants = format!(
        "{name} asks to be paired as {} (scopes: {}); nothing is approved yet",
        cell(request, "/role"),
        joined(request, "/scopes")
    );
    Failure::new(Exit::Failed, "APPROVAL_NEEDS_ID", wants)
        .details(request.clone())
        .hint(format!("if you know it: {command} {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_exact_id_the_newest_request_is_shown_and_nothing_approved() {
        let requests = [
            json!({"requestId":"r1","deviceId":"d1","role":"node","scopes":[],"ts":1}),
            json!({"requestId":"r2","deviceId":"d2","displayName":"mac","role":"operator","scopes":["operator.read"],"ts":2}),
        ];
        let failure = preview(&requests, "openclaw devices approve");
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.message.starts_with("mac asks to be paired as operator (scopes: operator.read)"));
        assert_eq!(failure.hints, ["if you know it: openclaw devices approve r2"]);
        assert_eq!(preview(&[], "").code, "NOT_FOUND");
    }

    #[test]
    fn approving_asks_for_what_the_device_asks_for_and_for_no_more() {
        let request = json!({"scopes":["operator.read","operator.pairing","other"]});
        assert_eq!(joined_scopes(&request), ["operator.pairing", "operator.read"]);
        let node = json!({"role":"node","scopes":[]});
        assert_eq!(joined_scopes(&node), ["operator.pairing", "operator.admin"]);
    }
}
