//! `openclaw devices`: devices that are paired or want to be. What a node may do is decided with `openclaw nodes`.

mod approve;
mod join_code;
mod local;
mod manage;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::{Table, ago, printable};
use crate::view::{cell, joined, list, number, text};
use clap::{Args, Subcommand};
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
    Approve(approve::ApproveArgs),
    /// Turn a device's request down
    Reject(RequestArgs),
    /// Forget a paired device: its tokens end at once
    Remove(RemoveArgs),
    /// Give a device a new token; the old one works until the device has the new one
    Rotate(manage::RotateArgs),
    /// Make a device's token worthless at once
    Revoke(manage::TokenArgs),
    /// A URL that lets one new node in: openclaw connect URL, on that computer
    JoinCode(join_code::JoinCodeArgs),
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
        DevicesCommand::Approve(args) => approve::run(args, ctx).await,
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
        DevicesCommand::JoinCode(args) => join_code::run(args, ctx).await,
        DevicesCommand::Rename(args) => manage::rename(args, ctx).await,
    }
}

fn page(ctx: &Context, payload: &Value) -> String {
    let now = ctx.now_ms();
    let mut pending = Table::whole(&["REQUEST", "DEVICE", "NAME", "ROLE", "ASKED", "SCOPES"]);
    for request in list(payload, "/pending") {
        pending.row([
            cell(request, "/requestId"),
            short(request),
            cell(request, "/displayName"),
            cell(request, "/role"),
            ago(now, number(request, "/ts")),
            asked(request, &approve::held(payload, request)),
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
    let paired = format!("Paired\n{}", paired.render(&ctx.out, "none; let one in: openclaw qr"));
    if pending.is_empty() {
        return paired;
    }
    let approve = ctx.command("devices approve REQUEST");
    format!("Waiting\n{}\napprove: {approve}\n\n{paired}", pending.render(&ctx.out, ""))
}

/// The scopes that a device asks for, and those that it has already.
fn asked(request: &Value, held: &[String]) -> String {
    let asked = joined(request, "/scopes");
    if held.is_empty() { asked } else { format!("{asked} (has {})", held.join(", ")) }
}

/// The operator's own name for it, else what it calls itself.
fn named(device: &Value) -> String {
    let label = cell(device, "/operatorLabel");
    if text(device, "/operatorLabel").is_some() { label } else { cell(device, "/displayName") }
}

fn short(device: &Value) -> String {
    cell(device, "/deviceId").chars().take(12).collect()
}
