//! `openclaw models auth`: keys and tokens of model providers in the default agent's `auth-profiles.json` on this host. They
//! are typed unseen or come by standard input, never by a flag, and are never printed.

mod add;
mod login;
mod order;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::{Table, ago, span};
use clap::{Args, Subcommand};
use config::{AuthProfile, AuthProfiles, EditError, Loaded, PROFILES_FILE, ProfileState};
use serde_json::{Value, json};
use std::path::PathBuf;

/// `models auth` and its subcommands.
#[derive(Debug, Args)]
pub(super) struct AuthArgs {
    #[command(subcommand)]
    command: AuthCommand,
}

#[derive(Debug, Subcommand)]
enum AuthCommand {
    /// The profiles, in the order in which they are taken; never a secret
    List(ListArgs),
    /// Ask for a provider and its key, and keep the key
    Add,
    /// Keep a provider's key; it is typed unseen, or comes by standard input
    PasteApiKey(add::KeyArgs),
    /// Keep a token that is sent as a bearer's; it is typed unseen, or comes by standard input
    PasteToken(add::TokenArgs),
    /// Keep the token of a Claude subscription that `claude setup-token` gave
    SetupToken(add::SetupArgs),
    /// Sign in at OpenRouter's page, or keep another provider's key
    Login(login::LoginArgs),
    /// Take a profile out
    Logout(LogoutArgs),
    /// In which order a provider's profiles are taken
    Order(order::OrderArgs),
    #[command(hide = true)]
    Activate(NotHere),
    #[command(hide = true)]
    LoginGithubCopilot(NotHere),
}

/// Whatever is given to what there is not.
#[derive(Debug, Args)]
struct NotHere {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<String>,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only those of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    #[command(flatten)]
    agent: AgentArgs,
}

#[derive(Debug, Args)]
struct LogoutArgs {
    /// The profile, as `openclaw models auth list` shows it
    #[arg(value_name = "PROFILE")]
    id: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    agent: AgentArgs,
}

/// Whose profiles.
#[derive(Debug, Args)]
struct AgentArgs {
    /// The agent whose profiles are meant: the default one, whose profiles all agents use
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
}

/// Shows or changes the profiles.
///
/// # Errors
/// The file cannot be read or changed, or there is no such profile.
pub(super) async fn run(args: AuthArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        AuthCommand::List(args) => list(&args, ctx),
        AuthCommand::Add => add::ask(ctx),
        AuthCommand::PasteApiKey(args) => add::key(args, ctx),
        AuthCommand::PasteToken(args) => add::token(args, ctx),
        AuthCommand::SetupToken(args) => add::setup_token(args, ctx),
        AuthCommand::Logout(args) => logout(&args, ctx),
        AuthCommand::Order(args) => order::run(args, ctx),
        AuthCommand::Login(args) => login::run(args, ctx).await,
        AuthCommand::Activate(_) => {
            Err(Failure::usage("no profile is activated: the one that is first in the order is taken")
                .hint("say the order: openclaw models auth order set --provider NAME PROFILE …"))
        }
        AuthCommand::LoginGithubCopilot(_) => Err(Failure::usage(
            "GitHub Copilot lets only programs sign in that it knows, and this one is none of them",
        )
        .hint("keep another provider's key: openclaw models auth add")),
    }
}

/// The file that is meant, and the configuration that says so.
struct Store {
    file: PathBuf,
    loaded: Loaded,
    agent_id: String,
}

impl Store {
    fn of(args: &AgentArgs, ctx: &Context) -> Result<Self, Failure> {
        let loaded = ctx.load()?;
        let agent_id = loaded.config.agents.default_id().to_owned();
        if let Some(other) = args.agent.as_ref().filter(|agent| **agent != agent_id) {
            return Err(Failure::usage(format!(
                "agent {other} has no profiles of its own: all agents use those of {agent_id}"
            )));
        }
        Ok(Self { file: ctx.paths.agent_dir(&agent_id).join(PROFILES_FILE), loaded, agent_id })
    }

    fn read(&self) -> Result<AuthProfiles, Failure> {
        AuthProfiles::read(&self.file).map_err(|error| Refused::from(error).0)
    }

    fn change<T>(&self, change: impl FnOnce(&mut AuthProfiles) -> Result<T, Failure>) -> Result<T, Failure> {
        AuthProfiles::change(&self.file, |profiles| change(profiles).map_err(Refused))
            .map_err(|refused| refused.0)
    }

    /// A provider's profiles that are taken, the first one first.
    fn taken(&self, profiles: &AuthProfiles, provider: &str, now_ms: i64) -> Vec<AuthProfile> {
        profiles.taken(provider, self.loaded.config.auth.order_of(provider).as_deref(), now_ms)
    }
}

/// Why the file was not changed.
struct Refused(Failure);

impl From<EditError> for Refused {
    fn from(error: EditError) -> Self {
        match &error {
            EditError::Place { .. } => Self(
                Failure::new(Exit::Config, "AUTH_PROFILES", error.to_string()).hint("nothing was changed"),
            ),
            _ => Self(error.into()),
        }
    }
}

/// What a profile is good for, in a word or two.
fn state(profile: &AuthProfile, taken: &[AuthProfile]) -> &'static str {
    let in_order = taken.iter().any(|other| other.id == profile.id);
    match profile.state {
        ProfileState::Unsupported => "not supported",
        ProfileState::Empty => "empty",
        ProfileState::Expired => "expired",
        ProfileState::BadExpiry => "expiry unreadable",
        ProfileState::Usable if !in_order => "not in the order",
        ProfileState::Usable => "usable",
    }
}

fn list(args: &ListArgs, ctx: &Context) -> Result<(), Failure> {
    let store = Store::of(&args.agent, ctx)?;
    let profiles = store.read()?;
    let now = ctx.now_ms();
    let mut all = profiles.all(now);
    all.retain(|profile| args.provider.as_ref().is_none_or(|provider| profile.provider == *provider));
    let taken = |profile: &AuthProfile| store.taken(&profiles, &profile.provider, now);
    let place = |profile: &AuthProfile| {
        taken(profile).iter().position(|other| other.id == profile.id).unwrap_or(usize::MAX)
    };
    all.sort_by_cached_key(|profile| (profile.provider.clone(), place(profile)));
    let shown: Vec<Value> = all
        .iter()
        .map(|profile| {
            json!({"profileId": profile.id, "provider": profile.provider, "type": profile.type_name,
                   "expiresAtMs": profile.expires_ms, "state": state(profile, &taken(profile))})
        })
        .collect();
    let report = json!({"agentId": store.agent_id, "path": store.file, "profiles": shown});
    ctx.out.show(&report, || {
        let mut table = Table::new(&["PROFILE", "PROVIDER", "TYPE", "STATE", "EXPIRES"]);
        for profile in &all {
            table.row([
                profile.id.clone(),
                profile.provider.clone(),
                profile.type_name.clone(),
                state(profile, &taken(profile)).to_owned(),
                profile.expires_ms.map_or("-".to_owned(), |at| when(now, at)),
            ]);
        }
        table.render(&ctx.out, "no profiles; keep a key: openclaw models auth paste-api-key --provider NAME")
    })
}

fn when(now_ms: i64, at_ms: i64) -> String {
    if at_ms > now_ms { format!("in {}", span(at_ms - now_ms)) } else { ago(now_ms, Some(at_ms)) }
}

fn logout(args: &LogoutArgs, ctx: &Context) -> Result<(), Failure> {
    let store = Store::of(&args.agent, ctx)?;
    let unknown = || {
        Failure::not_found(format!("there is no profile {}", args.id))
            .hint("see which there are: openclaw models auth list")
    };
    if !store.read()?.all(ctx.now_ms()).iter().any(|profile| profile.id == args.id) {
        return Err(unknown());
    }
    if !args.yes {
        input::confirm(&format!("take {} out, with its secret?", args.id), "--yes", ctx)?;
    }
    store.change(|profiles| if profiles.remove(&args.id) { Ok(()) } else { Err(unknown()) })?;
    let report = json!({"ok": true, "profileId": args.id, "path": store.file});
    ctx.out.show(&report, || format!("{} is taken out", crate::output::printable(&args.id)))
}
