//! `openclaw channels add`, `list` and `remove`: the accounts that the configuration of this host has. No gateway is asked.

use super::person;
use crate::args::secret;
use crate::commands::config_cmd;
use crate::commands::onboard::Kept;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::Table;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use config::{Change, Edited, Editor, SecretOrigin};
use model::SecretString;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Which account.
#[derive(Debug, Args)]
struct AccountArgs {
    /// The platform
    #[arg(long, value_name = "CHANNEL", value_parser = ["telegram"])]
    channel: String,
    /// The account's name, in small letters [default: the one that stands in the channel's section itself]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    account: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// The bot's token; other users of this host may see it in the list of processes, but not a variable or file
    #[arg(long, value_name = "TOKEN", value_parser = secret, conflicts_with_all = ["token_file", "use_env"])]
    token: Option<SecretString>,
    /// A file that holds the token
    #[arg(long, value_name = "FILE", conflicts_with = "use_env")]
    token_file: Option<PathBuf>,
    /// Keep the name of the variable TELEGRAM_BOT_TOKEN instead of what is in it
    #[arg(long)]
    use_env: bool,
    /// Who may write to it, by number; can be repeated. Others get a code that you approve
    #[arg(long, value_name = "ID", value_parser = person)]
    allow_from: Vec<i64>,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Take all that is configured of it out of the file, instead of switching it off
    #[arg(long)]
    delete: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {}

/// What is written of a Telegram bot.
pub(crate) struct Bot {
    /// The account; `None` is what stands in the section itself.
    pub(crate) account: Option<String>,
    /// Its token.
    pub(crate) token: Option<Kept>,
    /// Or the file that holds it.
    pub(crate) token_file: Option<PathBuf>,
    /// Who may write to it besides those who may already.
    pub(crate) allow_from: Vec<i64>,
}

/// A patch of `channels` that makes a bot of it, beside what `source` says.
pub(crate) fn telegram(bot: &Bot, source: &Value) -> Value {
    let mut place = vec!["channels", "telegram"];
    if let Some(account) = &bot.account {
        place.extend(["accounts", account]);
    }
    let there = place.iter().try_fold(source, |value, key| value.get(*key)).unwrap_or(&Value::Null);
    let mut section = json!({});
    if there["enabled"] == false {
        section["enabled"] = true.into();
    }
    // A file goes before a token: only one of the two stays.
    match (&bot.token, &bot.token_file) {
        (Some(token), _) => {
            section["botToken"] = token.value();
            section["tokenFile"] = Value::Null;
        }
        (None, Some(file)) => section["tokenFile"] = file.display().to_string().into(),
        (None, None) => {}
    }
    if !bot.allow_from.is_empty() {
        let mut all = there["allowFrom"].as_array().cloned().unwrap_or_default();
        let said = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for id in &bot.allow_from {
            if !all.iter().any(|other| person(&said(other)) == Ok(*id)) {
                all.push((*id).into());
            }
        }
        section["allowFrom"] = all.into();
    }
    match &bot.account {
        Some(account) => json!({"telegram": {"accounts": {account: section}}}),
        None => json!({"telegram": section}),
    }
}

fn edit(ctx: &Context, change: Change) -> Result<Edited, Failure> {
    Ok(Editor { paths: &ctx.paths, env: &ctx.env, base: None, dry_run: false }.apply(change)?)
}

pub(super) fn add(args: AddArgs, ctx: &Context) -> Result<(), Failure> {
    let before = ctx.load()?;
    let token = match (args.token, args.use_env) {
        (Some(token), _) => Some(Kept::Plain(token)),
        (None, true) => Some(Kept::variable(ctx, "TELEGRAM_BOT_TOKEN")?),
        (None, false) => None,
    };
    let name = args.account.account.as_deref().unwrap_or(config::DEFAULT_ACCOUNT);
    let known = before.config.channels.telegram.as_ref().is_some_and(|all| all.account(name).is_some());
    if token.is_none() && args.token_file.is_none() && !known {
        return Err(Failure::usage(format!(
            "the token of {} {name} is missing: --token TOKEN, --token-file FILE or --use-env",
            args.account.channel
        )));
    }
    let bot = Bot {
        account: args.account.account,
        token,
        token_file: args.token_file,
        allow_from: args.allow_from,
    };
    let patch = json!({"channels": telegram(&bot, &before.source)});
    let edited = edit(ctx, Change::Merge { patch, replace: Vec::new() })?;
    config_cmd::told(ctx, &edited, false, "channels")
}

pub(super) fn remove(args: RemoveArgs, ctx: &Context) -> Result<(), Failure> {
    let before = ctx.load()?;
    let name = args.account.account.as_deref();
    let path = match name {
        Some(name) => format!("channels.telegram.accounts.{name}"),
        None => "channels.telegram".to_owned(),
    };
    let steps = config::path_steps(&path).map_err(Failure::usage)?;
    if config::find(&before.source, &steps).is_none() {
        return Err(Failure::not_found(format!("{path} is not configured"))
            .hint("see those that are: openclaw channels list"));
    }
    let change = if args.delete {
        if !args.yes {
            input::confirm(&format!("delete {path} with all that is configured below it?"), "--yes", ctx)?;
        }
        Change::Unset { steps }
    } else {
        let steps = config::path_steps(&format!("{path}.enabled")).map_err(Failure::usage)?;
        Change::Set { steps, value: false.into() }
    };
    config_cmd::told(ctx, &edit(ctx, change)?, false, "channels")
}

pub(super) fn list(_: &ListArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let telegram = loaded.config.channels.telegram.as_ref();
    let accounts: Vec<Value> = telegram
        .map(|telegram| telegram.all_accounts())
        .unwrap_or_default()
        .into_iter()
        .map(|bot| {
            let token = match (&bot.token_file, &bot.bot_token) {
                (Some(_), _) => "a file".to_owned(),
                (None, Some(token)) => match token.origin(&ctx.env) {
                    SecretOrigin::Missing => "missing".to_owned(),
                    SecretOrigin::Variable(name) => name.to_owned(),
                    SecretOrigin::Config => "the configuration".to_owned(),
                },
                (None, None) if ctx.env.get_filled("TELEGRAM_BOT_TOKEN").is_some() => {
                    "TELEGRAM_BOT_TOKEN".to_owned()
                }
                (None, None) => "missing".to_owned(),
            };
            json!({"channel": "telegram", "account": bot.account, "enabled": bot.enabled, "token": token,
                   "dmPolicy": bot.dm_policy.as_str(), "allowFrom": bot.allow_from})
        })
        .collect();
    ctx.out.show(&json!({"accounts": accounts}), || {
        let mut table = Table::new(&["CHANNEL", "ACCOUNT", "ENABLED", "TOKEN FROM", "DIRECT", "ALLOWED"]);
        for account in &accounts {
            let cell = |key: &str| account[key].as_str().unwrap_or_default().to_owned();
            let people = account["allowFrom"].as_array().map_or(0, Vec::len);
            let enabled = if account["enabled"] == true { "yes" } else { "no" }.to_owned();
            table.row([
                cell("channel"),
                cell("account"),
                enabled,
                cell("token"),
                cell("dmPolicy"),
                people.to_string(),
            ]);
        }
        table.render(&ctx.out, "no channels are configured; add one: openclaw channels add --help")
    })
}
