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
    /// Take it away: the configuration's order counts, or none
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
    let configured = store.loaded.config.auth.order_of(&args.provider);
    let order = profiles.order(&args.provider);
    let taken = store.taken(&profiles, &args.provider, ctx.now_ms());
    let taken: Vec<String> = taken.into_iter().map(|profile| profile.id).collect();
    let report =
        json!({"agentId": store.agent_id, "provider": args.provider, "order": order, "taken": taken});
    ctx.out.show(&report, || {
        let names = if taken.is_empty() { "none".to_owned() } else { taken.join(", ") };
        let why = match (&order, &configured) {
            (Some(_), _) => "as it was said",
            (None, Some(_)) => "as the configuration says (auth.order, auth.profiles)",
            (None, None) => {
                "nobody said an order: tokens first, and each session begins with another one of a kind"
            }
        };
        printable(&format!("{}: {names} ({why})", args.provider))
    })
}
