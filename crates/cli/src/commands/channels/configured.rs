//! `openclaw channels add`, `list` and `remove`: the accounts that the configuration of this host has. No gateway is asked.

use crate::args::person;
use crate::args::secret;
use crate::commands::config_cmd;
use crate::context::Context;
use crate::failure::Failure;
use crate::kept_secret::Kept;
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

/// How the configuration writes an account's name; as it was given, where it is not there.
pub(super) fn written(source: &Value, name: &str) -> String {
    let accounts = source.pointer("/channels/telegram/accounts").and_then(Value::as_object);
    let same = |key: &&String| key.trim().eq_ignore_ascii_case(name.trim());
    accounts.and_then(|all| all.keys().find(same)).map_or_else(|| name.to_owned(), String::clone)
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
    let (section, none) = (&source["channels"]["telegram"], Value::Null);
    let account = bot.account.as_ref();
    let there = account.map_or(section, |name| section["accounts"].get(name).unwrap_or(&none));
    let mut new = json!({});
    if there["enabled"] == false {
        new["enabled"] = true.into();
    }
    // A file goes before a token: only one of the two stays.
    match (&bot.token, &bot.token_file) {
        (Some(token), _) => {
            new["botToken"] = token.value();
            new["tokenFile"] = Value::Null;
        }
        (None, Some(file)) => new["tokenFile"] = file.display().to_string().into(),
        (None, None) => {}
    }
    if !bot.allow_from.is_empty() {
        // A list of its own takes the place of the section's: those who may write already are to go on.
        let may = there.get("allowFrom").or(section.get("allowFrom")).and_then(Value::as_array);
        let mut all = may.cloned().unwrap_or_default();
        let said = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for id in &bot.allow_from {
            if !all.iter().any(|other| person(&said(other)) == Ok(*id)) {
                all.push((*id).into());
            }
        }
        new["allowFrom"] = all.into();
    }
    match account {
        Some(account) => json!({"telegram": {"accounts": {account: new}}}),
        None => json!({"telegram": new}),
    }
}

pub(super) fn edit(ctx: &Context, change: Change) -> Result<Edited, Failure> {
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
    let account = args.account.account.as_deref().map(|name| written(&before.source, name));
    if let Some(account) = account.as_ref().filter(|_| !args.allow_from.is_empty()) {
        tell_of_own_list(ctx, &before.source, account);
    }
    let token_file = args.token_file.map(whole).transpose()?;
    let bot = Bot { account, token, token_file, allow_from: args.allow_from };
    let patch = json!({"channels": telegram(&bot, &before.source)});
    let edited = edit(ctx, Change::Merge { patch, replace: Vec::new() })?;
    config_cmd::told(ctx, &edited, false, "channels")
}

/// More than any token has, with room for blanks around it.
const MAX_TOKEN_FILE: u64 = 4096;

/// A path from here on is one from the root: the gateway does not know where this is. There has to be a token in it.
fn whole(file: PathBuf) -> Result<PathBuf, Failure> {
    let wrong =
        |what: &dyn std::fmt::Display| Failure::usage(format!("--token-file {}: {what}", file.display()));
    let data = std::fs::metadata(&file).map_err(|error| wrong(&error))?;
    if !data.is_file() || data.len() > MAX_TOKEN_FILE {
        return Err(wrong(&"a file with the bot's token alone in it is meant"));
    }
    let text = std::fs::read_to_string(&file).map_err(|error| wrong(&error))?;
    if !config::is_bot_token(text.trim()) {
        return Err(wrong(&"what stands in it is no bot token; @BotFather gives it"));
    }
    std::path::absolute(&file).map_err(|error| wrong(&error))
}

/// Says that an account which had the section's people gets a list of its own.
fn tell_of_own_list(ctx: &Context, source: &Value, account: &str) {
    let section = &source["channels"]["telegram"];
    let inherited = section["allowFrom"].as_array().map_or(0, Vec::len);
    if inherited > 0 && section["accounts"][account].get("allowFrom").is_none() {
        ctx.out.remark(&format!(
            "{account} gets an allowFrom of its own, with the {inherited} of channels.telegram.allowFrom in it; what changes there later does not change it"
        ));
    }
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
