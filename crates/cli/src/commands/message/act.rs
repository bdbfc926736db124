//! `openclaw message poll`, `react`, `edit`, `delete`, `pin` and `unpin`.

use super::send;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::printable;
use crate::view::flag;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

/// Where it is done.
#[derive(Debug, Args)]
pub(super) struct Place {
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
    /// The channel
    #[arg(long, value_name = "CHANNEL", default_value = "telegram")]
    pub(super) channel: String,
    /// The chat's id on that channel
    #[arg(short, long, value_name = "ID", allow_hyphen_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub(super) target: String,
    /// The channel's account
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<String>,
}

/// A message that is there.
#[derive(Debug, Args)]
pub(super) struct OneArgs {
    #[command(flatten)]
    place: Place,
    /// The message's id
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    message_id: String,
}

#[derive(Debug, Args)]
pub(super) struct ReactArgs {
    #[command(flatten)]
    one: OneArgs,
    /// The reaction
    #[arg(long, value_name = "EMOJI", required_unless_present = "remove")]
    emoji: Option<String>,
    /// Take the bot's reaction away
    #[arg(long, conflicts_with = "emoji")]
    remove: bool,
}

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    #[command(flatten)]
    one: OneArgs,
    /// The new text, in Markdown
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, value_parser = NonEmptyStringValueParser::new())]
    message: String,
}

#[derive(Debug, Args)]
pub(super) struct PollArgs {
    #[command(flatten)]
    place: Place,
    /// What is asked
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    poll_question: String,
    /// What there is to choose from, once for each
    #[arg(long, value_name = "TEXT", required = true, value_parser = NonEmptyStringValueParser::new())]
    poll_option: Vec<String>,
    /// One may choose as many as one likes
    #[arg(long)]
    poll_multi: bool,
    /// It closes by itself after so many seconds
    #[arg(long, value_name = "N")]
    poll_duration_seconds: Option<u64>,
    /// Nobody sees who chose what, as without it
    #[arg(long, conflicts_with = "poll_public")]
    poll_anonymous: bool,
    /// Everybody sees who chose what
    #[arg(long)]
    poll_public: bool,
    /// It comes without a sound
    #[arg(long)]
    silent: bool,
    /// The thread or topic
    #[arg(long, value_name = "ID")]
    thread_id: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct StickerArgs {
    #[command(flatten)]
    place: Place,
    /// The platform's id of the sticker
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    sticker_id: String,
}

pub(super) async fn sticker(args: StickerArgs, ctx: &Context) -> Result<(), Failure> {
    let mut call = json!({
        "channel": args.place.channel, "action": "sticker", "idempotencyKey": model::new_id(),
        "params": {"to": args.place.target, "stickerId": [args.sticker_id]},
    });
    if let Some(account) = args.place.account {
        call["accountId"] = account.into();
    }
    let sent = one_call(ctx, &args.place.connect, "message.action", call).await?;
    ctx.out.show(&sent, || send::outcome(&sent))
}

pub(super) async fn poll(args: PollArgs, ctx: &Context) -> Result<(), Failure> {
    let most = if args.poll_multi { args.poll_option.len() } else { 1 };
    let mut params = json!({
        "to": args.place.target, "channel": args.place.channel, "question": args.poll_question,
        "options": args.poll_option, "maxSelections": most, "isAnonymous": !args.poll_public,
        "silent": args.silent, "idempotencyKey": model::new_id(),
    });
    let optional = [("accountId", args.place.account), ("threadId", args.thread_id)];
    for (name, value) in optional {
        if let Some(value) = value {
            params[name] = value.into();
        }
    }
    if let Some(seconds) = args.poll_duration_seconds {
        params["durationSeconds"] = seconds.into();
    }
    let sent = one_call(ctx, &args.place.connect, "poll", params).await?;
    ctx.out.show(&sent, || send::outcome(&sent))
}

pub(super) async fn react(args: ReactArgs, ctx: &Context) -> Result<(), Failure> {
    let what = match args.emoji {
        Some(emoji) => json!({"emoji": emoji}),
        None => json!({"remove": true}),
    };
    act("react", args.one, what, ctx).await
}

pub(super) async fn edit(args: EditArgs, ctx: &Context) -> Result<(), Failure> {
    act("edit", args.one, json!({"message": args.message}), ctx).await
}

/// What needs nothing but the message.
pub(super) async fn one(action: &str, args: OneArgs, ctx: &Context) -> Result<(), Failure> {
    act(action, args, json!({}), ctx).await
}

async fn act(action: &str, args: OneArgs, mut params: Value, ctx: &Context) -> Result<(), Failure> {
    params["to"] = args.place.target.into();
    params["messageId"] = args.message_id.as_str().into();
    let mut call = json!({
        "channel": args.place.channel, "action": action, "params": params, "idempotencyKey": model::new_id(),
    });
    if let Some(account) = args.place.account {
        call["accountId"] = account.into();
    }
    let done = one_call(ctx, &args.place.connect, "message.action", call).await?;
    ctx.out.show(&done, || {
        let when = if flag(&done, "/queued") { "will be done" } else { "done" };
        printable(&format!("{action} of message {}: {when}", args.message_id))
    })
}
