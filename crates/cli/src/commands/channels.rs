//! `openclaw channels`: the platforms that the gateway speaks on.

mod configured;
mod dead_letters;
mod logs;
mod remove;

pub(crate) use configured::{Bot, telegram};

use super::health;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::Link;
use clap::{Args, Subcommand};
use serde_json::json;
use std::time::Duration;

/// `channels` and its subcommand.
#[derive(Debug, Args)]
pub(crate) struct ChannelsArgs {
    #[command(subcommand)]
    command: ChannelsCommand,
}

#[derive(Debug, Subcommand)]
enum ChannelsCommand {
    /// How they are
    Status(StatusArgs),
    /// What the gateway's log says of them
    Logs(logs::LogsArgs),
    /// The accounts that are configured on this host
    List(configured::ListArgs),
    /// Configure an account, or change what is configured of it
    Add(configured::AddArgs),
    /// Messages that a platform would not take and that were given up
    #[command(visible_alias = "failed")]
    DeadLetters(dead_letters::DeadLettersArgs),
    /// Switch an account off, or delete what is configured of it
    Remove(remove::RemoveArgs),
}

#[derive(Debug, Args)]
struct StatusArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Ask the platforms themselves
    #[arg(long)]
    probe: bool,
    /// Only this channel
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
}

/// Asking the platforms takes its time beside the command's.
const WAY: Duration = Duration::from_secs(5);

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: ChannelsArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        ChannelsCommand::Status(args) => status(args, ctx).await,
        ChannelsCommand::Logs(args) => logs::run(args, ctx).await,
        ChannelsCommand::List(args) => configured::list(&args, ctx),
        ChannelsCommand::Add(args) => configured::add(args, ctx),
        ChannelsCommand::DeadLetters(args) => dead_letters::run(args, ctx).await,
        ChannelsCommand::Remove(args) => remove::remove(args, ctx),
    }
}

async fn status(args: StatusArgs, ctx: &Context) -> Result<(), Failure> {
    let time = args.connect.timeout();
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut params = json!({"probe": args.probe, "timeoutMs": millis});
    if let Some(channel) = args.channel {
        params["channel"] = channel.into();
    }
    let link = Link::dial_for(ctx, &args.connect, "channels.status").await?;
    let payload = link.call_within("channels.status", params, time + WAY).await?;
    link.leave().await;
    ctx.out.show(&payload, || {
        let lines = health::channels(&ctx.out, &payload, ctx.now_ms());
        if lines.is_empty() {
            "no channels are configured; add one: openclaw channels add --help".into()
        } else {
            lines.trim_end().to_owned()
        }
    })
}
