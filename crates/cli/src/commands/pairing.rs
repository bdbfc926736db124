//! `openclaw pairing`: people who ask to speak to the agent on a channel. Devices and nodes have commands of their own.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{Link, one_call};
use crate::output::{Table, ago, printable};
use crate::view::{cell, list, number, text};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// `pairing` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct PairingArgs {
    #[command(subcommand)]
    command: PairingCommand,
}

#[derive(Debug, Subcommand)]
enum PairingCommand {
    /// Who is waiting
    List(ListArgs),
    /// Let somebody in
    Approve(ApproveArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Only this channel
    #[arg(value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only this channel
    #[arg(long = "channel", value_name = "CHANNEL", conflicts_with = "channel")]
    channel_flag: Option<String>,
}

#[derive(Debug, Args)]
struct ApproveArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The channel, or the code where the channel is not named
    #[arg(value_name = "CHANNEL_OR_CODE")]
    first: String,
    /// The code that the person was given
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// The channel, where it does not stand before the code
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
}

/// Asks or decides.
///
/// # Errors
/// The gateway cannot be reached, or there is no such code.
pub(crate) async fn run(args: PairingArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        PairingCommand::List(args) => waiting(args, ctx).await,
        PairingCommand::Approve(args) => approve(args, ctx).await,
    }
}

async fn waiting(args: ListArgs, ctx: &Context) -> Result<(), Failure> {
    let params = match args.channel.or(args.channel_flag) {
        Some(channel) => json!({"channel": channel}),
        None => json!({}),
    };
    let payload = one_call(ctx, &args.connect, "channels.pairing.list", params).await?;
    ctx.out.show(&payload, || table(ctx, &payload))
}

fn table(ctx: &Context, payload: &Value) -> String {
    let mut table = Table::new(&["CHANNEL", "CODE", "SENDER", "NAME", "ASKED"]);
    for request in list(payload, "/requests") {
        table.row([
            cell(request, "/channel"),
            cell(request, "/code"),
            cell(request, "/senderId"),
            cell(request, "/name"),
            ago(ctx.now_ms(), number(request, "/createdAt")),
        ]);
    }
    let shown = table.render(&ctx.out, "nobody is waiting");
    if table.is_empty() {
        return shown;
    }
    format!("{shown}\n\nlet in: {}", ctx.command("pairing approve CHANNEL CODE"))
}

async fn approve(args: ApproveArgs, ctx: &Context) -> Result<(), Failure> {
    let (channel, code) = named(args.first, args.code, args.channel)?;
    let link = Link::dial_for(ctx, &args.connect, "channels.pairing.approve").await?;
    let channel = match channel {
        Some(channel) => channel,
        None => channel_of(&link, &code).await?,
    };
    let payload = link.call("channels.pairing.approve", json!({"channel": channel, "code": code})).await?;
    link.leave().await;
    ctx.out.show(&payload, || {
        let sender = text(&payload, "/name").map_or_else(|| cell(&payload, "/senderId"), str::to_owned);
        printable(&format!("{sender} may now speak to the agent on {channel}"))
    })
}

/// Channel and code from `CODE`, `CHANNEL CODE` or `--channel CHANNEL CODE`.
fn named(
    first: String,
    code: Option<String>,
    flag: Option<String>,
) -> Result<(Option<String>, String), Failure> {
    match (code, flag) {
        (Some(code), None) => Ok((Some(first), code)),
        (None, flag) => Ok((flag, first)),
        (Some(_), Some(_)) => {
            Err(Failure::usage("the channel is named twice; give CHANNEL CODE or --channel CHANNEL CODE"))
        }
    }
}

/// The channel on which somebody waits with this code.
async fn channel_of(link: &Link, code: &str) -> Result<String, Failure> {
    let payload = link.call("channels.pairing.list", json!({})).await?;
    let same = |r: &&Value| text(r, "/code").is_some_and(|c| c.eq_ignore_ascii_case(code));
    let mut channels: Vec<&str> =
        list(&payload, "/requests").iter().filter(same).filter_map(|r| text(r, "/channel")).collect();
    channels.dedup();
    match channels.as_slice() {
        [channel] => Ok((*channel).to_owned()),
        [] => Err(Failure::not_found(format!("nobody waits with the code {code}"))
            .hint("see who does: openclaw pairing list")),
        _ => Err(Failure::usage(format!("the code {code} is waiting on {}", channels.join(" and ")))
            .hint(format!("name the channel: openclaw pairing approve CHANNEL {code}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channel_may_stand_before_the_code_or_in_its_flag_but_not_in_both() {
        let text = |t: &str| t.to_owned();
        let telegram = || Some(text("telegram"));
        assert_eq!(named(text("telegram"), Some(text("AB")), None), Ok((telegram(), text("AB"))));
        assert_eq!(named(text("AB"), None, telegram()), Ok((telegram(), text("AB"))));
        assert_eq!(named(text("AB"), None, None), Ok((None, text("AB"))));
        assert!(named(text("telegram"), Some(text("AB")), telegram()).is_err());
    }
}
