//! `openclaw message`: a message through a channel, without the agent, and what else can be done with messages.

mod act;
mod broadcast;
mod media;
mod read;
mod send;

use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, Subcommand};
pub(crate) use send::{SendArgs, send};

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
    /// Send a text or files to several chats
    Broadcast(broadcast::BroadcastArgs),
    /// Show what was said in a chat
    Read(read::ReadArgs),
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
    /// Stickers
    #[command(subcommand)]
    Sticker(StickerCommand),
}

#[derive(Debug, Subcommand)]
enum StickerCommand {
    /// Send a sticker that the platform has
    Send(act::StickerArgs),
}

/// Sends it, or does it.
///
/// # Errors
/// The gateway cannot be reached, or the channel refuses.
pub(crate) async fn run(args: MessageArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        MessageCommand::Send(args) => send(args, ctx).await,
        MessageCommand::Broadcast(args) => broadcast::run(args, ctx).await,
        MessageCommand::Read(args) => read::run(args, ctx).await,
        MessageCommand::Poll(args) => act::poll(args, ctx).await,
        MessageCommand::React(args) => act::react(args, ctx).await,
        MessageCommand::Edit(args) => act::edit(args, ctx).await,
        MessageCommand::Delete(args) => act::one("delete", args, ctx).await,
        MessageCommand::Pin(args) => act::one("pin", args, ctx).await,
        MessageCommand::Unpin(args) => act::one("unpin", args, ctx).await,
        MessageCommand::Sticker(StickerCommand::Send(args)) => act::sticker(args, ctx).await,
    }
}
