//! `openclaw models`: the models that the gateway is configured with, and the keys of their providers.

mod aliases;
mod auth;

use super::config_cmd;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::Table;
use crate::view::{cell, joined, list};
use clap::{Args, Subcommand};
use config::{Change, Editor, Loaded};
use serde_json::{Value, json};

/// `models` and its subcommand.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    command: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// List them
    List(ListArgs),
    /// Which providers have a key, and where from; never a key
    Status(ListArgs),
    /// Choose the model of all agents that have none of their own
    Set(SetArgs),
    /// Short names for models
    Aliases(aliases::AliasesArgs),
    /// Keys and tokens of providers that stand in no configuration
    Auth(auth::AuthArgs),
}

#[derive(Debug, Args)]
struct SetArgs {
    /// The model, or a short name of it
    #[arg(value_name = "PROVIDER/MODEL")]
    model: String,
}

#[derive(Debug, Default, Args)]
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
        Some(ModelsCommand::List(args)) => models(args, ctx).await,
        Some(ModelsCommand::Status(args)) => providers(args, ctx).await,
        None => providers(ListArgs::default(), ctx).await,
        Some(ModelsCommand::Set(args)) => set(&args.model, ctx),
        Some(ModelsCommand::Aliases(args)) => aliases::run(args, ctx),
        Some(ModelsCommand::Auth(args)) => auth::run(args, ctx),
    }
}

/// Writes it into the configuration of this host. Whether the provider has such a model is for the provider to say.
fn set(model: &str, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let model = named(model, &loaded)?;
    provider_known(model.split_once('/').map_or("", |(provider, _)| provider), &loaded)?;
    let patch = json!({"agents": {"defaults": {"model": {"primary": model}}}});
    let editor = Editor { paths: &ctx.paths, env: &ctx.env, base: None, dry_run: false };
    let edited = editor.apply(Change::Merge { patch, replace: Vec::new() })?;
    config_cmd::told(ctx, &edited, false, "agents.defaults.model")
}

/// A model by its whole name: as it is, or what it is short for.
fn named(model: &str, loaded: &Loaded) -> Result<String, Failure> {
    if let Some(whole) = loaded.config.agents.defaults.aliased(model) {
        return Ok(whole.to_owned());
    }
    let whole = model.split_once('/').is_some_and(|(provider, id)| !provider.is_empty() && !id.is_empty());
    if whole {
        return Ok(model.to_owned());
    }
    Err(Failure::usage(format!("{model} is no model; write it like anthropic/claude-sonnet-4-5"))
        .hint("short names that there are: openclaw models aliases list"))
}

/// Refuses a provider of which nobody knows where it is.
fn provider_known(provider: &str, loaded: &Loaded) -> Result<(), Failure> {
    if loaded.config.models.providers.contains_key(provider) || llm::well_known(provider).is_some() {
        return Ok(());
    }
    Err(Failure::usage(format!("no provider {provider} is known; nothing was changed")).hint(format!(
        "configure its address first: openclaw config set models.providers.{provider}.baseUrl URL"
    )))
}

async fn providers(args: ListArgs, ctx: &Context) -> Result<(), Failure> {
    let payload = one_call(ctx, &args.connect, "models.authStatus", json!({})).await?;
    ctx.out.show(&payload, || {
        let mut table = Table::new(&["PROVIDER", "KEY", "FROM"]);
        for provider in list(&payload, "/providers") {
            let key = if cell(provider, "/status") == "missing" { "missing" } else { "there" };
            table.row([cell(provider, "/provider"), key.to_owned(), origin(provider)]);
        }
        table.render(&ctx.out, "no provider is configured that needs a key; set one up: openclaw onboard")
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
        table.render(&ctx.out, "no models are configured; choose one: openclaw models set PROVIDER/MODEL")
    })
}
