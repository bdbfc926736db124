//! `openclaw message`: a message through a channel, without the agent, and what else can be done with messages.

mod act;
mod media;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::printable;
use crate::view::cell;
use clap::{Args, Subcommand};
use serde_json::json;

/// `message` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct MessageArgs {
    #[command(subcommand)]
    command: MessageCommand,
}

#[derive(Debug, Subcommand)]
enum MessageCommand {
    /// Send a text or files
    Send(SendArgs),
    /// Let people choose
    Poll(act::PollArgs),
    /// Put a reaction on a message, or take it away
    React(act::ReactArgs),
    /// Change the text of a message that the bot sent
    Edit(act::EditArgs),
    /// Take a message away
    Delete(act::OneArgs),
    /// Put a message at the head of its chat
    Pin(act::OneArgs),
    /// Take it from there
    Unpin(act::OneArgs),
}

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
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, required_unless_present = "media", value_parser = clap::builder::NonEmptyStringValueParser::new())]
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
}

/// Sends it, or does it.
///
/// # Errors
/// The gateway cannot be reached, or the channel refuses.
pub(crate) async fn run(args: MessageArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        MessageCommand::Send(args) => send(args, ctx).await,
        MessageCommand::Poll(args) => act::poll(args, ctx).await,
        MessageCommand::React(args) => act::react(args, ctx).await,
        MessageCommand::Edit(args) => act::edit(args, ctx).await,
        MessageCommand::Delete(args) => act::one("delete", args, ctx).await,
        MessageCommand::Pin(args) => act::one("pin", args, ctx).await,
        MessageCommand::Unpin(args) => act::one("unpin", args, ctx).await,
    }
}

/// Sends it.
///
/// # Errors
/// As [`run`].
pub(crate) async fn send(args: SendArgs, ctx: &Context) -> Result<(), Failure> {
    let message = args.message.unwrap_or_default();
    let mut params = json!({"to": args.target, "message": message, "idempotencyKey": model::new_id()});
    let media = media::read(&args.media)?;
    if !media.is_empty() {
        params["mediaUrls"] = media.into();
        params["forceDocument"] = args.force_document.into();
    }
    let optional = [
        ("channel", args.channel),
        ("accountId", args.account),
        ("replyToId", args.reply_to),
        ("threadId", args.thread_id),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            params[name] = value.into();
        }
    }
    let payload = one_call(ctx, &args.connect, "send", params).await?;
    ctx.out.show(&payload, || {
        let (channel, id) = (cell(&payload, "/channel"), cell(&payload, "/messageId"));
        printable(&format!("sent over {channel} as message {id}"))
    })
}
