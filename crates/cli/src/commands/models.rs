//! `openclaw models`: the models that the gateway is configured with.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::Table;
use crate::view::{cell, joined, list};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

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
    /// Which providers have a key, and where from; never a key
    Status(ListArgs),
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
    match args.command {
        ModelsCommand::List(args) => models(args, ctx).await,
        ModelsCommand::Status(args) => providers(args, ctx).await,
    }
}

async fn providers(args: ListArgs, ctx: &Context) -> Result<(), Failure> {
    let payload = one_call(ctx, &args.connect, "models.authStatus", json!({})).await?;
    ctx.out.show(&payload, || {
        let mut table = Table::new(&["PROVIDER", "KEY", "FROM"]);
        for provider in list(&payload, "/providers") {
            let key = if cell(provider, "/status") == "missing" { "missing" } else { "there" };
            table.row([cell(provider, "/provider"), key.to_owned(), origin(provider)]);
        }
        table.render(&ctx.out, "no provider is configured that needs a key")
    })
}

/// Where a provider's key comes from.
fn origin(provider: &Value) -> String {
    match cell(provider, "/apiKey/source").as_str() {
        "env" => cell(provider, "/apiKey/envVar"),
        "config" => "the configuration".into(),
        _ => cell(provider, "/profiles/0/profileId"),
    }
}

async fn models(args: ListArgs, ctx: &Context) -> Result<(), Failure> {
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
