//! `openclaw pairing`: people who ask to speak to the agent on a channel. Devices and nodes have commands of their own.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::Link;
use crate::link::here::one_look;
use crate::output::{Table, ago, printable};
use crate::view::{cell, list, text};
use clap::builder::NonEmptyStringValueParser;
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
    /// Only this account of it
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    account: Option<String>,
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
    /// The account of it that they wrote to, where the same code waits on several
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    account: Option<String>,
    /// Tell them
    #[arg(long)]
    notify: bool,
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
    let mut params = json!({});
    let named = [("channel", args.channel.or(args.channel_flag)), ("accountId", args.account)];
    for (name, value) in named {
        if let Some(value) = value {
            params[name] = value.into();
        }
    }
    let payload = one_look(ctx, &args.connect, "channels.pairing.list", params).await?;
    ctx.out.show(&payload, || table(ctx, &payload))
}

fn table(ctx: &Context, payload: &Value) -> String {
    let mut table = Table::new(&["CHANNEL", "CODE", "SENDER", "NAME", "ASKED"]);
    for request in list(payload, "/requests") {
        table.row([
            cell(request, "/channel"),
            cell(request, "/requestId"),
            cell(request, "/senderId"),
            cell(request, "/senderLabel"),
            ago(ctx.now_ms(), text(request, "/createdAt").and_then(time_ms)),
        ]);
    }
    let shown = table.render(
        &ctx.out,
        "nobody is waiting; who writes to the bot and is not known yet gets a code, and stands here then",
    );
    if table.is_empty() {
        return shown;
    }
    format!("{shown}\n\nlet in: {}", ctx.command("pairing approve CHANNEL CODE"))
}

async fn approve(args: ApproveArgs, ctx: &Context) -> Result<(), Failure> {
    let (channel, code) = named(args.first, args.code, args.channel)?;
    let link = Link::dial_for(ctx, &args.connect, "channels.pairing.approve").await?;
    let request = waiting_with(&link, channel.as_deref(), args.account.as_deref(), &code).await?;
    let channel = cell(&request, "/channel");
    let params = json!({
        "channel": channel, "accountId": request["accountId"], "requestId": request["requestId"],
        "notify": args.notify,
    });
    let payload = link.call("channels.pairing.approve", params).await?;
    link.leave().await;
    ctx.out.show(&payload, || {
        let sender = cell(&request, "/senderLabel");
        let told = match text(&payload, "/notification") {
            Some("sent") => ", and was told",
            Some("failed") => "; they could not be told",
            _ => "",
        };
        printable(&format!("{sender} may now speak to the agent on {channel}{told}"))
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

/// The request of whoever waits with this code, on this channel where one is named.
async fn waiting_with(
    link: &Link,
    channel: Option<&str>,
    account: Option<&str>,
    code: &str,
) -> Result<Value, Failure> {
    let payload = link.call("channels.pairing.list", json!({})).await?;
    let is_meant = |r: &&Value| {
        text(r, "/requestId").is_some_and(|c| c.eq_ignore_ascii_case(code.trim()))
            && channel.is_none_or(|channel| text(r, "/channel") == Some(channel))
            && account.is_none_or(|account| text(r, "/accountId") == Some(account))
    };
    let found: Vec<&Value> = list(&payload, "/requests").iter().filter(is_meant).collect();
    match found.as_slice() {
        [request] => Ok((*request).clone()),
        [] => Err(Failure::not_found(format!("nobody waits with the code {code}"))
            .hint("see who does: openclaw pairing list")),
        _ => {
            let place = |r: &&Value| format!("{} {}", cell(r, "/channel"), cell(r, "/accountId"));
            let places: Vec<String> = found.iter().map(place).collect();
            Err(Failure::usage(format!("the code {code} is waiting on {}", places.join(" and ")))
                .hint(format!("name one: openclaw pairing approve CHANNEL {code} --account ID")))
        }
    }
}

/// RFC 3339 as milliseconds.
fn time_ms(text: &str) -> Option<i64> {
    text.parse().ok().map(jiff::Timestamp::as_millisecond)
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
