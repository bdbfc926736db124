//! `openclaw nodes screen`: what is on a node's screen, as a film.

use super::device::{NodeArgs, call, save, span};
use crate::context::Context;
use crate::failure::Failure;
use crate::view::cell;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ScreenArgs {
    #[command(subcommand)]
    command: ScreenCommand,
}

#[derive(Debug, Subcommand)]
enum ScreenCommand {
    /// Record the screen for a while and save the film here
    Record(RecordArgs),
}

#[derive(Debug, Args)]
struct RecordArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Which screen; 0 is the first
    #[arg(long, value_name = "N", default_value_t = 0)]
    screen: u32,
    /// How long: milliseconds, or 10s, 1m
    #[arg(long, value_name = "TIME", default_value = "10000", value_parser = span)]
    duration: u64,
    /// Pictures a second
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=60))]
    fps: u32,
    /// Without sound
    #[arg(long)]
    no_audio: bool,
    /// The file to write [default: a new one where this computer keeps what is temporary]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// # Errors
/// The gateway cannot be reached, or the node does not do it.
pub(super) async fn run(args: ScreenArgs, ctx: &Context) -> Result<(), Failure> {
    let ScreenCommand::Record(args) = args.command;
    let params = json!({"format": "mp4", "screenIndex": args.screen, "durationMs": args.duration, "fps": args.fps,
        "includeAudio": !args.no_audio});
    let mut film = call(&args.node, ("screen.record", params), args.duration + 110_000, ctx).await?;
    let path = save(&film, "screen", args.out.as_deref())?;
    if let Value::Object(film) = &mut film {
        film.remove("base64");
        film.insert("path".into(), json!(path.to_string_lossy()));
    }
    ctx.out.show(&film, || cell(&film, "/path"))
}
