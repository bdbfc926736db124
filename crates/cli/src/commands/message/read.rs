//! `openclaw message read`: what was said in a chat, as far as it came to the gateway.

use super::act::Place;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::{Tone, printable};
use crate::view::{flag, list, number, text};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    #[command(flatten)]
    place: Place,
    /// The thread or topic
    #[arg(long, value_name = "ID")]
    thread_id: Option<String>,
    /// At most so many messages, 1 to 100
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    limit: Option<u64>,
    /// Those before this message
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    before: Option<String>,
    /// Those after this message
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    after: Option<String>,
    /// This message alone
    #[arg(long, value_name = "ID", conflicts_with_all = ["before", "after"], value_parser = NonEmptyStringValueParser::new())]
    message_id: Option<String>,
}

/// # Errors
/// The gateway cannot be reached, or has no such account.
pub(super) async fn run(args: ReadArgs, ctx: &Context) -> Result<(), Failure> {
    let mut params = Map::new();
    params.insert("to".into(), args.place.target.into());
    let given = [
        ("threadId", args.thread_id.map(Value::from)),
        ("limit", args.limit.map(Value::from)),
        ("before", args.before.map(Value::from)),
        ("after", args.after.map(Value::from)),
        ("messageId", args.message_id.map(Value::from)),
    ];
    params.extend(given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let mut call = json!({
        "channel": args.place.channel, "action": "read", "params": params, "idempotencyKey": model::new_id(),
    });
    if let Some(account) = args.place.account {
        call["accountId"] = account.into();
    }
    let said = one_call(ctx, &args.place.connect, "message.action", call).await?;
    ctx.out.show(&said, || page(ctx, &said))
}

fn page(ctx: &Context, said: &Value) -> String {
    let messages = list(said, "/messages");
    if messages.is_empty() {
        return "nothing that came here; what a platform does not tell its bots is not known".to_owned();
    }
    let mut lines: Vec<String> = messages.iter().map(|message| line(ctx, message)).collect();
    if flag(said, "/hasMore") {
        let before = text(said, "/oldestMessageId").unwrap_or_default();
        lines.push(ctx.out.paint(Tone::Dim, &printable(&format!("there is more: --before {before}"))));
    }
    lines.join("\n")
}

/// When, which message, who, and what.
fn line(ctx: &Context, message: &Value) -> String {
    let at = number(message, "/timestamp").and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let at = at.map_or_else(
        || "-".to_owned(),
        |at| at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    );
    let who = if flag(message, "/fromBot") { "the bot" } else { text(message, "/sender").unwrap_or("-") };
    let id = text(message, "/messageId").unwrap_or("-");
    let head = ctx.out.paint(Tone::Dim, &printable(&format!("{at} {id} {who}")));
    format!("{head} {}", printable(text(message, "/body").unwrap_or_default()))
}
