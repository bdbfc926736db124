//! `openclaw models auth order`: which of a provider's profiles is taken first.

use super::{AgentArgs, Store};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::printable;
use clap::{Args, Subcommand};
use serde_json::json;

/// `models auth order` and its subcommands.
#[derive(Debug, Args)]
pub(super) struct OrderArgs {
    #[command(subcommand)]
    command: OrderCommand,
}

#[derive(Debug, Subcommand)]
enum OrderCommand {
    /// Show it
    Get(PlainArgs),
    /// Say it: the first one that can be used is taken, and none that is not named
    Set(SetArgs),
    /// Take it away: the profiles are taken as they stand in the file
    Clear(PlainArgs),
}

#[derive(Debug, Args)]
struct PlainArgs {
    /// The provider
    #[arg(long, value_name = "NAME")]
    provider: String,
    #[command(flatten)]
    agent: AgentArgs,
}

#[derive(Debug, Args)]
struct SetArgs {
    #[command(flatten)]
    plain: PlainArgs,
    /// The profiles, the first one first
    #[arg(value_name = "PROFILE", required = true)]
    profiles: Vec<String>,
}

pub(super) fn run(args: OrderArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        OrderCommand::Get(args) => show(&args, &Store::of(&args.agent, ctx)?, ctx),
        OrderCommand::Set(args) => set(&args, ctx),
        OrderCommand::Clear(args) => {
            let store = Store::of(&args.agent, ctx)?;
            store.change(|profiles| {
                profiles.set_order(&args.provider, &[]);
                Ok(())
            })?;
            show(&args, &store, ctx)
        }
    }
}

fn set(args: &SetArgs, ctx: &Context) -> Result<(), Failure> {
    let (provider, now) = (&args.plain.provider, ctx.now_ms());
    let store = Store::of(&args.plain.agent, ctx)?;
    store.change(|profiles| {
        let all = profiles.all(now);
        for id in &args.profiles {
            if !all.iter().any(|profile| profile.id == *id && profile.provider == *provider) {
                return Err(Failure::usage(format!("{provider} has no profile {id}; nothing was changed"))
                    .hint(format!("see which it has: openclaw models auth list --provider {provider}")));
            }
        }
        let mut ids: Vec<String> = Vec::new();
        for id in &args.profiles {
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        profiles.set_order(provider, &ids);
        Ok(())
    })?;
    show(&args.plain, &store, ctx)
}

fn show(args: &PlainArgs, store: &Store, ctx: &Context) -> Result<(), Failure> {
    let profiles = store.read()?;
    let order = profiles.order(&args.provider);
    let taken: Vec<String> =
        profiles.taken(&args.provider, ctx.now_ms()).into_iter().map(|profile| profile.id).collect();
    let report =
        json!({"agentId": store.agent_id, "provider": args.provider, "order": order, "taken": taken});
    ctx.out.show(&report, || {
        let names = if taken.is_empty() { "none".to_owned() } else { taken.join(", ") };
        let why = if order.is_some() { "as it was said" } else { "as they stand in the file" };
        printable(&format!("{}: {names} ({why})", args.provider))
    })
}
