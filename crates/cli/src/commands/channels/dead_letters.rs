//! `openclaw channels dead-letters`: messages that a platform would not take and that were given up.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::Link;
use crate::link::here::one_look;
use crate::output::{Table, ago};
use crate::view::{cell, flag, list, number, text};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// `channels dead-letters` and its subcommands.
#[derive(Debug, Args)]
pub(super) struct DeadLettersArgs {
    #[command(subcommand)]
    command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
    /// List them, the newest first, and why each was given up
    List(ListArgs),
    /// Send some again
    Resubmit(SomeArgs),
    /// Forget some
    Drop(SomeArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Only those of this platform
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only those of this account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

#[derive(Debug, Args)]
struct SomeArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Which, by the numbers that the list shows
    #[arg(value_name = "ID", required_unless_present = "all", value_parser = clap::value_parser!(i64).range(1..))]
    ids: Vec<i64>,
    /// All of them that the list shows; of --channel and --account where these are given
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Only those of this platform
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only those of this account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses; a list is also read from this host's files.
pub(super) async fn run(args: DeadLettersArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        DeadLettersCommand::List(args) => show(args, ctx).await,
        DeadLettersCommand::Resubmit(args) => {
            each(args, ("channels.deadLetters.resubmit", "sent again"), ctx).await
        }
        DeadLettersCommand::Drop(args) => each(args, ("channels.deadLetters.drop", "dropped"), ctx).await,
    }
}

fn asked(channel: Option<&String>, account: Option<&String>, limit: u32) -> Value {
    let mut params = json!({ "limit": limit });
    for (name, value) in [("channel", channel), ("accountId", account)] {
        if let Some(value) = value {
            params[name] = value.as_str().into();
        }
    }
    params
}

async fn show(args: ListArgs, ctx: &Context) -> Result<(), Failure> {
    let params = asked(args.channel.as_ref(), args.account.as_ref(), args.limit);
    let payload = one_look(ctx, &args.connect, "channels.deadLetters.list", params).await?;
    ctx.out.show(&payload, || {
        let mut table = Table::new(&["ID", "ACCOUNT", "TO", "GIVEN UP", "WHY", "MESSAGE"]);
        let letters = list(&payload, "/entries");
        for letter in letters {
            table.row([
                cell(letter, "/id"),
                format!("{} {}", cell(letter, "/channel"), cell(letter, "/accountId")),
                cell(letter, "/to"),
                ago(ctx.now_ms(), number(letter, "/failedAtMs")),
                cell(letter, "/error"),
                said(letter),
            ]);
        }
        let mut page = table.render(&ctx.out, "nothing was given up");
        let left = number(&payload, "/total").unwrap_or(0) - i64::try_from(letters.len()).unwrap_or(0);
        if left > 0 {
            page.push_str(&format!("\nthere are {left} more: add --limit N"));
        }
        page
    })
}

/// What was to be said, or done.
fn said(letter: &Value) -> String {
    match (text(letter, "/action"), text(letter, "/text")) {
        (Some("send") | None, said) => said.unwrap_or_default().to_owned(),
        (Some(action), None | Some("")) => action.to_owned(),
        (Some(action), Some(said)) => format!("{action}: {said}"),
    }
}

/// As many as a gateway lists at once.
const MOST: u32 = 1_000;

/// Does it to each, and says what became of it; the first one that cannot be ends it.
async fn each(args: SomeArgs, (method, done): (&str, &str), ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial_for(ctx, &args.connect, method).await?;
    let mut ids = args.ids;
    let mut left_out = Vec::new();
    if args.all || args.channel.is_some() || args.account.is_some() {
        let params = asked(args.channel.as_ref(), args.account.as_ref(), MOST);
        let payload = link.call("channels.deadLetters.list", params).await?;
        let letters = list(&payload, "/entries");
        let is_meant = |id: &i64| args.all || ids.contains(id);
        let (can, cannot): (Vec<&Value>, Vec<&Value>) = letters
            .iter()
            .filter(|letter| number(letter, "/id").as_ref().is_some_and(is_meant))
            .partition(|letter| !args.all || done == "dropped" || flag(letter, "/resubmittable"));
        left_out = cannot.iter().filter_map(|letter| number(letter, "/id")).collect();
        // The oldest first: messages of a chat go out in the order in which they were written.
        ids = can.iter().rev().filter_map(|letter| number(letter, "/id")).collect();
    }
    let mut finished = Vec::new();
    for id in ids {
        match link.call(method, json!({ "id": id })).await {
            Ok(_) => finished.push(id),
            Err(failure) => {
                link.leave().await;
                let some = finished.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
                let so_far =
                    if some.is_empty() { String::new() } else { format!(" ({done} before: {some})") };
                return Err(Failure { message: format!("{}{so_far}", failure.message), ..failure }
                    .hint("see which there are: openclaw channels dead-letters list"));
            }
        }
    }
    link.leave().await;
    let report = json!({"ids": finished, "leftOut": left_out});
    ctx.out.show(&report, || {
        let mut lines: Vec<String> = finished.iter().map(|id| format!("{id} is {done}")).collect();
        lines.extend(
            left_out.iter().map(|id| format!("{id} had a file with it, which is not kept; send it anew")),
        );
        if lines.is_empty() { "nothing was given up".to_owned() } else { lines.join("\n") }
    })
}
