//! `openclaw models`: the models that the gateway is configured with, and the keys of their providers.

mod aliases;
mod auth;
mod fallbacks;
mod probe;
mod status;

use super::config_cmd;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::here::one_look;
use crate::output::{Table, printable};
use crate::view::{cell, joined, list};
use clap::{Args, Subcommand};
use config::{Change, Editor, Loaded};
use serde_json::json;

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
    /// Which model answers, which providers have a key and where from, and which keys rest; never a key
    Status(status::StatusArgs),
    /// Choose the model of all agents that have none of their own
    Set(SetArgs),
    /// The models that are asked when that one fails
    Fallbacks(fallbacks::FallbacksArgs),
    /// Short names for models
    Aliases(aliases::AliasesArgs),
    /// Keys and tokens of providers that stand in no configuration
    Auth(auth::AuthArgs),
    #[command(hide = true)]
    SetImage(NotHere),
    #[command(hide = true)]
    ImageFallbacks(NotHere),
    #[command(hide = true)]
    Scan(NotHere),
    #[command(hide = true)]
    Refresh(NotHere),
    #[command(hide = true)]
    Accounts(NotHere),
}

/// Whatever is given to what there is not.
#[derive(Debug, Args)]
struct NotHere {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<String>,
}

#[derive(Debug, Args)]
struct SetArgs {
    /// The model, or a short name of it
    #[arg(value_name = "PROVIDER/MODEL")]
    model: String,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Only those of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// As this agent has them
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    // All that are known are those that are configured.
    #[arg(long, hide = true)]
    all: bool,
    #[arg(long, hide = true)]
    refresh: bool,
    /// One name a line and nothing else
    #[arg(long)]
    plain: bool,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: ModelsArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        Some(ModelsCommand::List(args)) => models(args, ctx).await,
        Some(ModelsCommand::Status(args)) => status::run(args, ctx).await,
        None => status::run(status::StatusArgs::default(), ctx).await,
        Some(ModelsCommand::Set(args)) => set(&args.model, ctx),
        Some(ModelsCommand::Aliases(args)) => aliases::run(args, ctx),
        Some(ModelsCommand::Fallbacks(args)) => fallbacks::run(args, ctx),
        Some(ModelsCommand::Auth(args)) => auth::run(args, ctx).await,
        Some(ModelsCommand::SetImage(_) | ModelsCommand::ImageFallbacks(_)) => Err(Failure::usage(
            "there is no model for pictures alone: the model that answers gets them, if it can take them",
        )
        .hint("say that a model can: models.providers.NAME.models[].input: [\"text\", \"image\"]")),
        Some(ModelsCommand::Scan(_) | ModelsCommand::Refresh(_)) => {
            Err(Failure::usage("no provider is asked which models it has; the configuration names them")
                .hint("choose one that its provider has: openclaw models set PROVIDER/MODEL"))
        }
        Some(ModelsCommand::Accounts(_)) => {
            Err(Failure::usage("nobody has accounts of their own: all who use a gateway use its keys")
                .hint("keep a key on the gateway's host: openclaw models auth add"))
        }
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

async fn models(args: ListArgs, ctx: &Context) -> Result<(), Failure> {
    let params = args.agent.as_ref().map_or_else(|| json!({}), |agent| json!({ "agentId": agent }));
    let mut payload = one_look(ctx, &args.connect, "models.list", params).await?;
    if let (Some(provider), Some(models)) = (&args.provider, payload["models"].as_array_mut()) {
        models.retain(|model| model["provider"] == **provider);
    }
    ctx.out.show(&payload, || {
        if args.plain {
            let name = |model| printable(&format!("{}/{}", cell(model, "/provider"), cell(model, "/id")));
            return list(&payload, "/models").iter().map(name).collect::<Vec<_>>().join("\n");
        }
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
