//! `openclaw models fallbacks`: the models that are asked when the agents' model fails, as `agents.defaults.model.fallbacks` in
//! this host's configuration.

use super::{named, provider_known};
use crate::commands::config_cmd;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, printable};
use clap::{Args, Subcommand};
use config::{Change, Editor};
use serde_json::json;

/// `models fallbacks` and its subcommands.
#[derive(Debug, Args)]
pub(super) struct FallbacksArgs {
    #[command(subcommand)]
    command: FallbacksCommand,
}

#[derive(Debug, Subcommand)]
enum FallbacksCommand {
    /// List them, the one that is asked first at the top
    List(ListArgs),
    /// Add one at the end
    Add(ModelArgs),
    /// Take one out
    Remove(ModelArgs),
    /// Take all out
    Clear,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// One name a line and nothing else
    #[arg(long)]
    plain: bool,
}

#[derive(Debug, Args)]
struct ModelArgs {
    /// The model, or a short name of it
    #[arg(value_name = "PROVIDER/MODEL")]
    model: String,
}

/// Shows or changes the configuration.
///
/// # Errors
/// The model is none, its provider is not known, it is not there, or the configuration cannot be changed.
pub(super) fn run(args: FallbacksArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        FallbacksCommand::List(args) => list(&args, ctx),
        FallbacksCommand::Add(args) => add(&args.model, ctx),
        FallbacksCommand::Remove(args) => remove(&args.model, ctx),
        FallbacksCommand::Clear => write(&[], ctx),
    }
}

/// As they stand in the configuration: short names stay short.
fn written(ctx: &Context) -> Result<Vec<String>, Failure> {
    Ok(ctx.load()?.config.agents.defaults.model.fallbacks.unwrap_or_default())
}

fn list(args: &ListArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let fallbacks = loaded.config.agents.defaults.model.fallbacks.clone().unwrap_or_default();
    ctx.out.show(&json!({"fallbacks": fallbacks}), || {
        if args.plain {
            return fallbacks.iter().map(|name| printable(name)).collect::<Vec<_>>().join("\n");
        }
        let mut table = Table::new(&["#", "MODEL"]);
        for (n, name) in fallbacks.iter().enumerate() {
            let whole = loaded.config.agents.defaults.aliased(name);
            let shown = whole.map_or_else(|| name.clone(), |whole| format!("{name} ({whole})"));
            table.row([(n + 1).to_string(), shown]);
        }
        table.render(&ctx.out, "no fallbacks; add one: openclaw models fallbacks add PROVIDER/MODEL")
    })
}

fn add(model: &str, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let model = named(model, &loaded)?;
    provider_known(model.split_once('/').map_or("", |(provider, _)| provider), &loaded)?;
    let mut fallbacks = written(ctx)?;
    if !fallbacks.contains(&model) {
        fallbacks.push(model);
    }
    write(&fallbacks, ctx)
}

fn remove(model: &str, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let whole = loaded.config.agents.defaults.aliased(model).unwrap_or(model);
    let before = written(ctx)?;
    let mut fallbacks = before.clone();
    fallbacks
        .retain(|name| name != model && loaded.config.agents.defaults.aliased(name).unwrap_or(name) != whole);
    if fallbacks.len() == before.len() {
        return Err(Failure::not_found(format!("{model} is no fallback; nothing was changed"))
            .hint("see which there are: openclaw models fallbacks list"));
    }
    write(&fallbacks, ctx)
}

fn write(fallbacks: &[String], ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let mut model = json!({"fallbacks": fallbacks});
    // Where it is written as a name alone, it keeps that name.
    if let Some(primary) = &loaded.config.agents.defaults.model.primary {
        model["primary"] = json!(primary);
    }
    let patch = json!({"agents": {"defaults": {"model": model}}});
    let replace = vec!["agents.defaults.model.fallbacks".to_owned()];
    let editor = Editor { paths: &ctx.paths, env: &ctx.env, base: None, dry_run: false };
    let edited = editor.apply(Change::Merge { patch, replace })?;
    config_cmd::told(ctx, &edited, false, "agents.defaults.model")
}
