//! `openclaw models auth add`, `paste-api-key` and `paste-token`.

use super::{AgentArgs, Store};
use crate::commands::models::provider_known;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::printable;
use crate::terminal::Terminal;
use clap::Args;
use model::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// Keys and tokens are some hundred characters; more is another file.
const MAX_SECRET: u64 = 16 * 1024;

/// Which profile.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// The provider, such as anthropic
    #[arg(long, value_name = "NAME")]
    pub(super) provider: String,
    /// The profile's name [default: PROVIDER:manual]
    #[arg(long, value_name = "PROFILE")]
    pub(super) profile_id: Option<String>,
    #[command(flatten)]
    pub(super) agent: AgentArgs,
}

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    pub(super) key: KeyArgs,
    /// It is over after this long: 12h, 365d
    #[arg(long, value_name = "DURATION", value_parser = input::duration)]
    pub(super) expires_in: Option<i64>,
}

#[derive(Debug, Args)]
pub(super) struct SetupArgs {
    /// The provider: anthropic is the one that gives such tokens
    #[arg(long, value_name = "NAME", default_value = "anthropic")]
    pub(super) provider: String,
    /// The profile's name [default: PROVIDER:manual]
    #[arg(long, value_name = "PROFILE")]
    pub(super) profile_id: Option<String>,
    #[command(flatten)]
    pub(super) agent: AgentArgs,
}

pub(super) fn key(args: KeyArgs, ctx: &Context) -> Result<(), Failure> {
    let store = Store::of(&args.agent, ctx)?;
    provider_known(&args.provider, &store.loaded)?;
    let secret = secret("key", ctx)?;
    let profile = json!({"type": "api_key", "provider": args.provider, "key": secret.expose_secret()});
    keep(&store, &args, profile, ctx)
}

pub(super) fn token(args: TokenArgs, ctx: &Context) -> Result<(), Failure> {
    let TokenArgs { key: args, expires_in } = args;
    let store = Store::of(&args.agent, ctx)?;
    provider_known(&args.provider, &store.loaded)?;
    let secret = secret("token", ctx)?;
    let mut profile = json!({"type": "token", "provider": args.provider, "token": secret.expose_secret()});
    if let Some(after) = expires_in {
        profile["expires"] = ctx.now_ms().saturating_add(after).into();
    }
    keep(&store, &args, profile, ctx)
}

/// How the tokens begin that `claude setup-token` gives.
const SETUP_TOKEN: &str = "sk-ant-oat01-";

/// Keeps what `claude setup-token` gave.
pub(super) fn setup_token(args: SetupArgs, ctx: &Context) -> Result<(), Failure> {
    let SetupArgs { provider, profile_id, agent } = args;
    if provider != "anthropic" {
        return Err(Failure::usage(format!("{provider} gives no tokens of this kind; anthropic does"))
            .hint(format!("another token of it: openclaw models auth paste-token --provider {provider}")));
    }
    let store = Store::of(&agent, ctx)?;
    let secret = secret("token that claude setup-token gave", ctx)?;
    if !secret.expose_secret().starts_with(SETUP_TOKEN) {
        return Err(Failure::usage(format!(
            "that is no token of claude setup-token: they begin with {SETUP_TOKEN}; nothing was changed"
        ))
        .hint("a key of the API: openclaw models auth paste-api-key --provider anthropic"));
    }
    let profile = json!({"type": "token", "provider": provider, "token": secret.expose_secret()});
    keep(&store, &KeyArgs { provider, profile_id, agent }, profile, ctx)
}

/// Asks for a provider and its key.
pub(super) fn ask(ctx: &Context) -> Result<(), Failure> {
    let Some(mut terminal) = Terminal::open() else {
        return Err(Failure::usage("there is no terminal to ask questions at")
            .hint("by standard input: openclaw models auth paste-api-key --provider NAME < FILE"));
    };
    let loaded = ctx.load()?;
    let known = llm::WELL_KNOWN
        .iter()
        .filter(|name| llm::well_known(name).is_some_and(|known| known.key_variable.is_some()));
    let mut names: Vec<String> = known.map(|name| (*name).to_owned()).collect();
    let configured: Vec<String> =
        loaded.config.models.providers.keys().filter(|name| !names.contains(name)).cloned().collect();
    names.extend(configured);
    let titles: Vec<&str> = names.iter().map(String::as_str).collect();
    let chosen = terminal.choose("Whose key is it?", &titles, 0)?;
    let provider = names.swap_remove(chosen);
    key(KeyArgs { provider, profile_id: None, agent: AgentArgs { agent: None } }, ctx)
}

/// What is typed unseen at a terminal, else all of standard input.
fn secret(what: &str, ctx: &Context) -> Result<SecretString, Failure> {
    let typed = match Terminal::open().filter(|_| !ctx.out.json) {
        Some(mut terminal) => terminal.secret(&format!("The {what}"))?,
        None => Some(SecretString::from(input::read(None, MAX_SECRET)?.0)),
    };
    let secret = typed.map(|typed| SecretString::from(typed.expose_secret().trim().to_owned()));
    match secret {
        Some(secret) if !secret.expose_secret().is_empty() => {
            if secret.expose_secret().contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(Failure::usage(format!("that is no {what}: there are spaces in it")));
            }
            Ok(secret)
        }
        _ => Err(Failure::usage(format!("no {what} was given; nothing was changed"))),
    }
}

pub(super) fn keep(store: &Store, args: &KeyArgs, profile: Value, ctx: &Context) -> Result<(), Failure> {
    let provider = &args.provider;
    let id = args.profile_id.clone().unwrap_or_else(|| format!("{provider}:manual"));
    if id.trim().is_empty() || id.contains(char::is_whitespace) {
        return Err(Failure::usage("a profile's name has no spaces; write it like openai:work"));
    }
    store.change(|profiles| profiles.put(&id, profile).map_err(Failure::usage))?;
    let profiles = store.read()?;
    let left_out = !store.taken(&profiles, provider, ctx.now_ms()).iter().any(|profile| profile.id == id);
    let report = json!({"ok": true, "profileId": id, "provider": provider, "path": store.file,
                        "inOrder": !left_out});
    ctx.out.show(&report, || {
        printable(&format!(
            "{id} is kept in {}; a running gateway takes it up by itself",
            store.file.display()
        ))
    })?;
    if left_out {
        ctx.out.remark(&format!(
            "it is not in the order of {provider}: {}",
            ctx.command(&format!("models auth order set --provider {provider} {id} …"))
        ));
    }
    Ok(())
}
