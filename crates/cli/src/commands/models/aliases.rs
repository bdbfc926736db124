//! `openclaw models aliases`: short names for models, as `agents.defaults.models.MODEL.alias` in this host's configuration.

use super::{named, provider_known};
use crate::commands::config_cmd;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, printable};
use clap::{Args, Subcommand};
use config::{Change, Editor};
use serde_json::{Map, Value, json};

/// `models aliases` and its subcommands.
#[derive(Debug, Args)]
pub(super) struct AliasesArgs {
    #[command(subcommand)]
    command: AliasesCommand,
}

#[derive(Debug, Subcommand)]
enum AliasesCommand {
    /// List them
    List(ListArgs),
    /// Give a model a short name, in the place of the one that it had
    Add(AddArgs),
    /// Take a short name away
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// One a line, and nothing else: alias, a blank, model
    #[arg(long)]
    plain: bool,
}

#[derive(Debug, Args)]
struct AddArgs {
    /// The short name
    #[arg(value_name = "ALIAS")]
    alias: String,
    /// The model, or another short name of it
    #[arg(value_name = "PROVIDER/MODEL")]
    model: String,
}

#[derive(Debug, Args)]
struct RemoveArgs {
    /// The short name
    #[arg(value_name = "ALIAS")]
    alias: String,
}

/// Shows or changes the configuration.
///
/// # Errors
/// The name is none, the provider is not known, or the configuration cannot be changed.
pub(super) fn run(args: AliasesArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        AliasesCommand::List(args) => list(args.plain, ctx),
        AliasesCommand::Add(args) => add(&args, ctx),
        AliasesCommand::Remove(args) => remove(&args.alias, ctx),
    }
}

fn list(plain: bool, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let aliases = &loaded.config.agents.defaults.aliases;
    let shown: Map<String, Value> =
        aliases.iter().map(|(model, alias)| (alias.clone(), model.clone().into())).collect();
    ctx.out.show(&json!({"aliases": shown}), || {
        if plain {
            let lines = aliases.iter().map(|(model, alias)| printable(&format!("{alias} {model}")));
            return lines.collect::<Vec<_>>().join("\n");
        }
        let mut table = Table::new(&["ALIAS", "MODEL"]);
        for (model, alias) in aliases {
            table.row([alias.clone(), model.clone()]);
        }
        table.render(&ctx.out, "no aliases; add one: openclaw models aliases add ALIAS PROVIDER/MODEL")
    })
}

fn add(args: &AddArgs, ctx: &Context) -> Result<(), Failure> {
    let alias = args.alias.trim();
    if alias.is_empty() || alias.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control()) {
        return Err(Failure::usage(format!("{alias:?} is no short name; write one word without a slash")));
    }
    let loaded = ctx.load()?;
    let model = named(&args.model, &loaded)?;
    provider_known(model.split_once('/').map_or("", |(provider, _)| provider), &loaded)?;
    let mut models = Map::new();
    for (other, held) in &loaded.config.agents.defaults.aliases {
        if held.eq_ignore_ascii_case(alias) && *other != model {
            models.insert(other.clone(), json!({"alias": null}));
        }
    }
    models.insert(model.clone(), json!({"alias": alias}));
    write(models, ctx)
}

fn remove(alias: &str, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let aliases = &loaded.config.agents.defaults.aliases;
    let Some((model, _)) = aliases.iter().find(|(_, held)| held.eq_ignore_ascii_case(alias)) else {
        return Err(Failure::not_found(format!("there is no alias {alias}"))
            .hint("see which there are: openclaw models aliases list"));
    };
    write(Map::from_iter([(model.clone(), json!({"alias": null}))]), ctx)
}

fn write(models: Map<String, Value>, ctx: &Context) -> Result<(), Failure> {
    let patch = json!({"agents": {"defaults": {"models": models}}});
    let editor = Editor { paths: &ctx.paths, env: &ctx.env, base: None, dry_run: false };
    let edited = editor.apply(Change::Merge { patch, replace: Vec::new() })?;
    config_cmd::told(ctx, &edited, false, "agents.defaults.models")
}
