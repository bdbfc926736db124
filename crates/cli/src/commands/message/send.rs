//! `openclaw message send`.

use super::media;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::printable;
use crate::view::{cell, flag};
use clap::Args;
use serde_json::{Map, Value, json};

/// What goes where.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The channel; may be left out where one alone is configured
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// The chat's id on that channel
    #[arg(short, long, value_name = "ID", allow_hyphen_values = true, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    target: String,
    /// The text, in Markdown
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, required_unless_present_any = ["media", "presentation"], value_parser = clap::builder::NonEmptyStringValueParser::new())]
    message: Option<String>,
    /// A file of this computer, or an https address; several are sent in order
    #[arg(long, value_name = "PATH_OR_URL", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    media: Vec<String>,
    /// Send pictures and films as files
    #[arg(long, requires = "media")]
    force_document: bool,
    /// The channel's account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Show it as a reply to this message
    #[arg(long, value_name = "ID")]
    reply_to: Option<String>,
    /// The thread or topic
    #[arg(long, value_name = "ID")]
    thread_id: Option<String>,
    /// What is shown beside the text, as JSON: a title, paragraphs, tables, buttons
    #[arg(long, value_name = "JSON")]
    presentation: Option<String>,
    /// How it is delivered, as JSON, such as {"pin":true}
    #[arg(long, value_name = "JSON")]
    delivery: Option<String>,
    /// Put it at the head of its chat
    #[arg(long, conflicts_with = "delivery")]
    pin: bool,
    /// It comes without a sound
    #[arg(long)]
    silent: bool,
    /// Show what would be asked of the gateway, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Sends it.
///
/// # Errors
/// What is given as JSON is none, a file is not there, the gateway cannot be reached, or the channel refuses.
pub(crate) async fn send(args: SendArgs, ctx: &Context) -> Result<(), Failure> {
    let (method, params) = call(&args)?;
    if args.dry_run {
        let shown = json!({"method": method, "params": params, "sent": false});
        return ctx.out.show(&shown, || {
            format!("nothing was sent; it would be: {method} {}", printable(&params.to_string()))
        });
    }
    let payload = one_call(ctx, &args.connect, method, params).await?;
    ctx.out.show(&payload, || outcome(&payload))
}

/// What became of a message, in a line.
pub(super) fn outcome(payload: &Value) -> String {
    let (channel, id) = (cell(payload, "/channel"), cell(payload, "/messageId"));
    printable(&if flag(payload, "/queued") {
        format!("not sent yet: {channel} does not take it now; it is kept, and goes out by itself")
    } else {
        format!("sent over {channel} as message {id}")
    })
}

/// The method, and its parameters: what is more than a text with files is an action.
fn call(args: &SendArgs) -> Result<(&'static str, Value), Failure> {
    let message = args.message.clone().unwrap_or_default();
    let mut params =
        Map::from_iter([("to".to_owned(), json!(args.target)), ("message".to_owned(), json!(message))]);
    let media = media::read(&args.media)?;
    if !media.is_empty() {
        params.insert("mediaUrls".to_owned(), json!(media));
        params.insert("forceDocument".to_owned(), json!(args.force_document));
    }
    if args.silent {
        params.insert("silent".to_owned(), json!(true));
    }
    let own = [("accountId", &args.account), ("replyToId", &args.reply_to), ("threadId", &args.thread_id)];
    for (name, value) in own {
        params.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
    }
    let key = model::new_id();
    if args.presentation.is_none() && args.delivery.is_none() && !args.pin {
        params.extend(args.channel.as_ref().map(|channel| ("channel".to_owned(), json!(channel))));
        params.insert("idempotencyKey".to_owned(), json!(key));
        return Ok(("send", Value::Object(params)));
    }
    for (name, given) in [("presentation", &args.presentation), ("delivery", &args.delivery)] {
        if let Some(given) = given {
            params.insert(name.to_owned(), object(name, given)?);
        }
    }
    if args.pin {
        params.insert("pin".to_owned(), json!(true));
    }
    let channel = args.channel.as_deref().unwrap_or("telegram");
    let call = json!({"channel": channel, "action": "send", "params": params, "idempotencyKey": key});
    Ok(("message.action", call))
}

fn object(flag: &str, given: &str) -> Result<Value, Failure> {
    match serde_json::from_str(given) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Failure::usage(format!("--{flag}: it is no JSON object"))),
        Err(error) => Err(Failure::usage(format!("--{flag}: it is no JSON: {error}"))),
    }
}
