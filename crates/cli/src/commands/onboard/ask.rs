//! The questions of `openclaw onboard`. They fill in flags that were not given; nothing is written here.

use super::flags::{AuthChoice, Compatibility, Flow, Mode, OnboardArgs, SecretMode};
use super::model::{PROVIDERS, Provider};
use super::plan;
use crate::args::person;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::terminal::Terminal;
use config::{Edited, Loaded};

/// Asks for what the flags leave open.
///
/// # Errors
/// Whoever sits there does not want to, or leaves.
pub(super) async fn fill(
    args: &mut OnboardArgs,
    terminal: &mut Terminal,
    ctx: &Context,
    before: &Loaded,
) -> Result<(), Failure> {
    if !args.accept_risk {
        terminal.say("An agent runs commands on this computer, with your rights. Whoever may speak to it may have it run them.")?;
        if !terminal.yes("Go on?", false)? {
            return Err(unchanged());
        }
    }
    place(args, terminal, before)?;
    if plan::mode(args, before) == Mode::Remote {
        return remote(args, terminal, before);
    }
    model(args, terminal, ctx, before).await?;
    if args.flow == Some(Flow::Manual) {
        listening(args, terminal, ctx, before)?;
    }
    telegram(args, terminal, ctx, before)?;
    service(args, terminal)
}

/// Where the gateway is.
///
/// # Errors
/// Nobody is there any more; as of all questions here.
pub(super) fn place(args: &mut OnboardArgs, terminal: &mut Terminal, before: &Loaded) -> Result<(), Failure> {
    if args.mode.is_none() && args.remote.url.is_none() {
        let default = usize::from(plan::mode(args, before) == Mode::Remote);
        let places = ["on this computer", "on another, where it is set up already"];
        let place = terminal.choose("Where is the gateway?", &places, default)?;
        args.mode = Some(if place == 0 { Mode::Local } else { Mode::Remote });
    }
    Ok(())
}

/// Whether the gateway becomes a service.
pub(super) fn service(args: &mut OnboardArgs, terminal: &mut Terminal) -> Result<(), Failure> {
    let service = &mut args.service;
    if !service.install_daemon && !service.no_install_daemon {
        service.install_daemon =
            terminal.yes("Make the gateway a service of this user, which runs from now on?", false)?;
    }
    Ok(())
}

/// Where the agent's files are.
pub(super) fn workspace(
    args: &mut OnboardArgs,
    terminal: &mut Terminal,
    ctx: &Context,
    before: &Loaded,
) -> Result<(), Failure> {
    let now = ctx.paths.workspace(&before.config).display().to_string();
    let folder = terminal.line("Folder of the agent's files", &now)?;
    if folder != now {
        args.workspace = Some(folder.into());
    }
    Ok(())
}

/// Shows what would be other than now, by the names of the keys, and asks whether that is meant.
///
/// # Errors
/// It is not.
pub(super) fn agree(edited: &Edited, terminal: &mut Terminal) -> Result<(), Failure> {
    if edited.changed.is_empty() {
        return Ok(());
    }
    let file = edited.loaded.file.display();
    terminal.say(&format!("This changes in {file}: {}", edited.changed.join(", ")))?;
    if terminal.yes("Write it?", true)? { Ok(()) } else { Err(unchanged()) }
}

fn unchanged() -> Failure {
    Failure::new(Exit::Failed, "DECLINED", "nothing was changed")
}

pub(super) fn remote(
    args: &mut OnboardArgs,
    terminal: &mut Terminal,
    before: &Loaded,
) -> Result<(), Failure> {
    let there = &before.config.gateway.remote;
    let flags = &mut args.remote;
    while flags.url.is_none() {
        let url = terminal.line("Its address, ws:// or wss://", there.url.as_deref().unwrap_or_default())?;
        match remote::check_url(&url) {
            Ok(_) => flags.url = Some(url),
            Err(error) => terminal.say(&error.to_string())?,
        }
    }
    if flags.token.is_none() && flags.password.is_none() && args.secret_input_mode != Some(SecretMode::Ref) {
        flags.token = terminal.secret("Its token or password; empty leaves it as it is")?;
    }
    Ok(())
}

pub(super) async fn model(
    args: &mut OnboardArgs,
    terminal: &mut Terminal,
    ctx: &Context,
    before: &Loaded,
) -> Result<(), Failure> {
    if args.model.provider().is_none() && args.model.auth_choice.is_none() && args.model.model.is_none() {
        let now = before.config.agents.defaults.model.primary.as_deref();
        let none = now.map_or("none for now".to_owned(), |model| format!("leave it at {model}"));
        let mut titles: Vec<&str> = PROVIDERS.iter().map(|provider| provider.title).collect();
        titles.push(&none);
        let default = if now.is_some() { PROVIDERS.len() } else { 0 };
        let chosen = terminal.choose("Whose model does the agent use?", &titles, default)?;
        args.model.auth_choice =
            Some(PROVIDERS.get(chosen).map_or(AuthChoice::Skip, |provider| provider.choice));
        if let Some(provider) = args.model.provider() {
            // What was chosen just now is what is meant, whatever was configured before.
            which(args, provider, terminal, before).await?;
        }
    }
    match args.model.provider() {
        Some(provider) => key(args, provider, terminal, ctx, before),
        None => Ok(()),
    }
}

/// Which of the provider's models, and where the provider is, if nobody knows that.
async fn which(
    args: &mut OnboardArgs,
    provider: &Provider,
    terminal: &mut Terminal,
    before: &Loaded,
) -> Result<(), Failure> {
    let name = args.model.custom_provider_id.as_deref().unwrap_or(provider.name).to_owned();
    let known = before.config.models.providers.get(&name).map(|known| known.base_url.clone());
    let flags = &mut args.model;
    if provider.choice == AuthChoice::CustomApiKey {
        while flags.custom_base_url.is_none() {
            let url = terminal.line(
                "Address of its API, such as http://127.0.0.1:8080/v1",
                known.as_deref().unwrap_or_default(),
            )?;
            flags.custom_base_url =
                Some(url).filter(|url| url.starts_with("http://") || url.starts_with("https://"));
        }
        if flags.custom_compatibility.is_none() && known.is_none() {
            let api = terminal.choose("Whose API does it speak?", &["OpenAI's", "Anthropic's"], 0)?;
            let both = [Compatibility::Openai, Compatibility::Anthropic];
            flags.custom_compatibility = both.get(api).copied();
        }
    }
    let now = before.config.agents.defaults.model.primary.as_deref();
    let now = now.and_then(|model| model.strip_prefix(&format!("{name}/")));
    let there = match provider.choice {
        AuthChoice::Ollama => {
            let url = flags.custom_base_url.clone().or(known).unwrap_or("http://127.0.0.1:11434".to_owned());
            llm::detect_ollama(&url).await.unwrap_or_default()
        }
        _ => Vec::new(),
    };
    if !there.is_empty() {
        terminal.say(&format!("It has: {}", there.join(", ")))?;
    }
    let default = now.or(provider.model).or(there.first().map(String::as_str)).unwrap_or_default().to_owned();
    while flags.custom_model_id.is_none() && flags.model.is_none() {
        let id = terminal.line("Model, as the provider calls it", &default)?;
        match provider.choice {
            _ if id.is_empty() => {}
            AuthChoice::CustomApiKey => flags.custom_model_id = Some(id),
            _ => flags.model = Some(format!("{name}/{id}")),
        }
    }
    Ok(())
}

/// The key: that of a variable, one that is typed, or later.
fn key(
    args: &mut OnboardArgs,
    provider: &Provider,
    terminal: &mut Terminal,
    ctx: &Context,
    before: &Loaded,
) -> Result<(), Failure> {
    let by_name = args.secret_input_mode == Some(SecretMode::Ref);
    let flags = &mut args.model;
    let name = flags.custom_provider_id.as_deref().unwrap_or(provider.name);
    let has = before.config.models.providers.get(name).is_some_and(|known| known.api_key.is_some());
    let (Some(variable), Some(slot)) = (provider.variable, flags.key_slot(provider.choice)) else {
        return Ok(());
    };
    if slot.is_some() {
        return Ok(());
    }
    if ctx.env.get_filled(variable).is_some() && !has {
        terminal.say(&format!("The key is taken from the variable {variable}."))?;
        return Ok(());
    }
    if !by_name {
        let otherwise = match (has, provider.needs_key) {
            (true, _) => "leaves it as it is".to_owned(),
            (false, true) => format!("if it comes into the variable {variable} later"),
            (false, false) => "if it needs none".to_owned(),
        };
        *slot = terminal.secret(&format!("The key; empty {otherwise}"))?;
    }
    flags.key_later = slot_empty(flags, provider.choice) && !has && provider.needs_key;
    Ok(())
}

fn slot_empty(flags: &mut super::flags::ModelFlags, choice: AuthChoice) -> bool {
    flags.key_slot(choice).is_some_and(|slot| slot.is_none())
}

pub(super) fn listening(
    args: &mut OnboardArgs,
    terminal: &mut Terminal,
    ctx: &Context,
    before: &Loaded,
) -> Result<(), Failure> {
    let gateway = &before.config.gateway;
    let flags = &mut args.gateway;
    let now = gateway.port.unwrap_or_else(|| ctx.paths.default_port());
    while flags.port.is_none() {
        let port = terminal.line("Port of the gateway", &now.to_string())?;
        match port.parse::<u16>() {
            Ok(port) if port > 0 => flags.port = Some(port),
            _ => terminal.say("a number from 1 to 65535")?,
        }
    }
    if flags.bind.is_none() {
        let binds = ["loopback", "lan", "tailnet", "auto"];
        let titles = [
            "this computer alone (loopback)",
            "everybody who reaches this computer (lan)",
            "the tailnet (tailnet)",
            "this computer, else everybody (auto)",
        ];
        let default = binds.iter().position(|bind| *bind == gateway.bind.as_str());
        if default.is_none() {
            // An address of one's own is not asked for here, and stays.
            return Ok(());
        }
        let bind = terminal.choose("Who can reach it?", &titles, default.unwrap_or_default())?;
        flags.bind = binds.get(bind).map(|bind| (*bind).to_owned());
    }
    Ok(())
}

pub(super) fn telegram(
    args: &mut OnboardArgs,
    terminal: &mut Terminal,
    ctx: &Context,
    before: &Loaded,
) -> Result<(), Failure> {
    let flags = &mut args.telegram;
    if flags.skip_channels || flags.token.is_some() || flags.token_ref_env.is_some() {
        return Ok(());
    }
    let there = before.config.channels.telegram.is_some();
    let question = if there { "Give Telegram another bot?" } else { "Talk to the agent on Telegram?" };
    if !terminal.yes(question, false)? {
        return Ok(());
    }
    let variable = "TELEGRAM_BOT_TOKEN";
    if ctx.env.get_filled(variable).is_some()
        && terminal.yes(&format!("Take the token from {variable}?"), true)?
    {
        flags.token_ref_env = Some(variable.to_owned());
    }
    while flags.token.is_none() && flags.token_ref_env.is_none() {
        flags.token = terminal.secret("The bot's token, from @BotFather")?;
    }
    while flags.allow_from.is_empty() {
        let typed = terminal
            .line("Who may write to it, by number; with none, strangers get a code that you approve", "")?;
        let people: Result<Vec<i64>, String> =
            typed.split([' ', ',']).filter(|id| !id.is_empty()).map(person).collect();
        match people {
            Ok(people) if people.is_empty() => break,
            Ok(people) => flags.allow_from = people,
            Err(problem) => terminal.say(&problem)?,
        }
    }
    Ok(())
}
