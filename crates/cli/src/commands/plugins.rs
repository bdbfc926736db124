//! `openclaw plugins`: what is plugged into the gateway.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::Table;
use crate::view::{cell, list};
use clap::{Args, Subcommand};
use serde_json::json;

/// `plugins` and its subcommand.
#[derive(Debug, Args)]
pub(crate) struct PluginsArgs {
    #[command(subcommand)]
    command: PluginsCommand,
}

#[derive(Debug, Subcommand)]
enum PluginsCommand {
    /// List them
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: PluginsArgs, ctx: &Context) -> Result<(), Failure> {
    let PluginsCommand::List(args) = args.command;
    let payload = one_call(ctx, &args.connect, "plugins.list", json!({})).await?;
    ctx.out.show(&payload, || {
        let mut table = Table::new(&["PLUGIN", "NAME", "STATE", "VERSION"]);
        for plugin in list(&payload, "/plugins") {
            table.row([
                cell(plugin, "/id"),
                cell(plugin, "/name"),
                cell(plugin, "/state"),
                cell(plugin, "/version"),
            ]);
        }
        table.render(&ctx.out, "no plugins, and none can be added")
    })
}
