//! `openclaw system`: who is connected, telling the agent that something happened, and its heartbeat.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::{Table, ago, printable};
use crate::view::{cell, joined, list, number};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// `system` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct SystemArgs {
    #[command(subcommand)]
    command: SystemCommand,
}

#[derive(Debug, Subcommand)]
enum SystemCommand {
    /// Who is connected; as JSON, an array
    Presence(PlainArgs),
    /// Tell the agent that something happened
    Event(EventArgs),
    /// The agent's regular look at what there is to do
    #[command(subcommand)]
    Heartbeat(HeartbeatCommand),
}

#[derive(Debug, Subcommand)]
enum HeartbeatCommand {
    /// The last one
    Last(PlainArgs),
    /// Let it run
    Enable(PlainArgs),
    /// Stop it
    Disable(PlainArgs),
}

#[derive(Debug, Args)]
struct PlainArgs {
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Debug, Args)]
struct EventArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// What happened
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    text: String,
    /// When the agent hears of it
    #[arg(long, value_enum, default_value_t = Mode::NextHeartbeat)]
    mode: Mode,
    /// The session that hears of it
    #[arg(long, value_name = "KEY")]
    session_key: Option<String>,
}

/// When the agent hears of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// At once.
    Now,
    /// With its next heartbeat.
    NextHeartbeat,
}

/// Asks or tells.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: SystemArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        SystemCommand::Presence(args) => {
            let payload = one_call(ctx, &args.connect, "system-presence", json!({})).await?;
            ctx.out.show(&payload, || presence(ctx, &payload))
        }
        SystemCommand::Event(args) => {
            let mode = if args.mode == Mode::Now { "now" } else { "next-heartbeat" };
            let mut params = json!({"text": args.text, "mode": mode});
            if let Some(key) = args.session_key {
                params["sessionKey"] = key.into();
            }
            let payload = one_call(ctx, &args.connect, "wake", params).await?;
            ctx.out.show(&payload, || "told".into())
        }
        SystemCommand::Heartbeat(HeartbeatCommand::Last(args)) => {
            let payload = one_call(ctx, &args.connect, "last-heartbeat", json!({})).await?;
            ctx.out.show(&payload, || heartbeat(ctx, &payload))
        }
        SystemCommand::Heartbeat(HeartbeatCommand::Enable(args)) => set_heartbeats(args, true, ctx).await,
        SystemCommand::Heartbeat(HeartbeatCommand::Disable(args)) => set_heartbeats(args, false, ctx).await,
    }
}

async fn set_heartbeats(args: PlainArgs, enabled: bool, ctx: &Context) -> Result<(), Failure> {
    let payload = one_call(ctx, &args.connect, "set-heartbeats", json!({"enabled": enabled})).await?;
    let state = if enabled { "run" } else { "are stopped" };
    ctx.out.show(&payload, || format!("heartbeats {state}"))
}

fn presence(ctx: &Context, payload: &Value) -> String {
    let mut table = Table::new(&["HOST", "MODE", "ROLES", "PLATFORM", "VERSION", "SEEN"]);
    for entry in list(payload, "") {
        table.row([
            cell(entry, "/host"),
            cell(entry, "/mode"),
            joined(entry, "/roles"),
            cell(entry, "/platform"),
            cell(entry, "/version"),
            ago(ctx.now_ms(), number(entry, "/ts")),
        ]);
    }
    table.render(&ctx.out, "nobody is connected")
}

fn heartbeat(ctx: &Context, payload: &Value) -> String {
    if payload.is_null() {
        return "there was no heartbeat yet".into();
    }
    let when = ago(ctx.now_ms(), number(payload, "/ts"));
    let (status, reason) = (cell(payload, "/status"), cell(payload, "/reason"));
    printable(&format!("{when}: {status} ({reason})\n{}", cell(payload, "/preview")))
}
