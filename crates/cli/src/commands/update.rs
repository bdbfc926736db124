//! `openclaw update`: whether the gateway knows of a newer version. It looks for none by itself, and this program neither.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::printable;
use crate::view::cell;
use clap::{Args, Subcommand};
use serde_json::json;

/// `update` and its subcommand.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(subcommand)]
    command: UpdateCommand,
}

#[derive(Debug, Subcommand)]
enum UpdateCommand {
    /// Whether a newer version is known
    Status(StatusArgs),
}

#[derive(Debug, Args)]
struct StatusArgs {
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: UpdateArgs, ctx: &Context) -> Result<(), Failure> {
    let UpdateCommand::Status(args) = args.command;
    let payload = one_call(ctx, &args.connect, "update.status", json!({})).await?;
    ctx.out.show(&payload, || {
        let known = &payload["updateAvailable"];
        if known.is_null() {
            return "the gateway does not look for newer versions, and installs none".into();
        }
        printable(&format!(
            "{} runs, {} is there",
            cell(known, "/currentVersion"),
            cell(known, "/latestVersion")
        ))
    })
}
