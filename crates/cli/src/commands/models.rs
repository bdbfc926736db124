//! `openclaw models`: the models that the gateway is configured with.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::Table;
use crate::view::{cell, joined, list};
use clap::{Args, Subcommand};
use serde_json::json;

/// `models` and its subcommand.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
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
pub(crate) async fn run(args: ModelsArgs, ctx: &Context) -> Result<(), Failure> {
    let ModelsCommand::List(args) = args.command;
    let payload = one_call(ctx, &args.connect, "models.list", json!({})).await?;
    ctx.out.show(&payload, || {
        let mut table = Table::new(&["MODEL", "NAME", "CONTEXT", "TAGS"]);
        for model in list(&payload, "/models") {
            table.row([
                format!("{}/{}", cell(model, "/provider"), cell(model, "/id")),
                cell(model, "/name"),
                cell(model, "/contextWindow"),
                joined(model, "/tags"),
            ]);
        }
        table.render(&ctx.out, "no models are configured")
    })
}
