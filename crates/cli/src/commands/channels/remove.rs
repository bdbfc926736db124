//! `openclaw channels remove`: one account goes, and the others stay.

use super::configured::{edit, written};
use crate::commands::config_cmd;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use config::{Change, DEFAULT_ACCOUNT, Loaded};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// The platform
    #[arg(long, value_name = "CHANNEL", value_parser = ["telegram"])]
    channel: String,
    /// The account's name, in small letters; needed where there are several
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    account: Option<String>,
    /// Take all that is configured of it out of the file, instead of switching it off
    #[arg(long)]
    delete: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn remove(args: RemoveArgs, ctx: &Context) -> Result<(), Failure> {
    let before = ctx.load()?;
    let names = names(&before);
    let name = match (args.account.map(|name| name.trim().to_lowercase()), names.as_slice()) {
        (Some(name), all) if all.contains(&name) => name,
        (None, [one]) => one.clone(),
        (None, several @ [_, ..]) => {
            let there_are = several.join(", ");
            return Err(Failure::usage(format!(
                "there are several accounts of {}: {there_are}",
                args.channel
            ))
            .hint("say which one: --account NAME"));
        }
        (named, _) => {
            let named = named.map_or_else(String::new, |name| format!(" {name}"));
            return Err(Failure::not_found(format!("{}{named} is not configured", args.channel))
                .hint("see those that are: openclaw channels list"));
        }
    };
    let own = written(&before.source, &name);
    let own = before.source["channels"]["telegram"]["accounts"].get(&own).is_some().then_some(own);
    let is_last = names.len() == 1;
    // Lists go only where that is said.
    let replace = match &own {
        _ if !args.delete => Vec::new(),
        _ if is_last => vec!["channels.telegram".to_owned()],
        own => own.iter().map(|own| format!("channels.telegram.accounts.{own}")).collect(),
    };
    let change = if args.delete {
        if !args.yes {
            let what =
                if is_last { "channels.telegram with all that is configured below it" } else { &*name };
            input::confirm(&format!("delete {what}?"), "--yes", ctx)?;
        }
        deleted(&before.source, &name, own.as_deref(), is_last)
    } else {
        switched_off(own, is_last)
    };
    let patch = json!({"channels": {"telegram": change}});
    config_cmd::told(ctx, &edit(ctx, Change::Merge { patch, replace })?, false, "channels")
}

/// The accounts that there are; none where nothing is configured.
fn names(before: &Loaded) -> Vec<String> {
    let telegram = before.config.channels.telegram.as_ref();
    let all = telegram.map(config::TelegramConfig::all_accounts).unwrap_or_default();
    all.into_iter().map(|account| account.account.clone()).collect()
}

/// A patch of the section. The account of the section itself has an entry beside others: the section's `enabled` is all of theirs.
fn switched_off(own: Option<String>, is_last: bool) -> Value {
    match own {
        None if is_last => json!({"enabled": false}),
        own => {
            let name = own.unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned());
            json!({"accounts": {name: {"enabled": false}}})
        }
    }
}

/// A patch of the section: with the last account it goes as a whole, else it would be an account without a token.
fn deleted(source: &Value, name: &str, own: Option<&str>, is_last: bool) -> Value {
    if is_last {
        return Value::Null;
    }
    let mut patch = json!({});
    if let Some(own) = own {
        patch["accounts"] = json!({own: null});
    }
    if name == DEFAULT_ACCOUNT {
        // What is its alone; the rest is what the others leave open.
        for key in ["botToken", "tokenFile", "webhookUrl", "webhookPort"] {
            patch[key] = Value::Null;
        }
    }
    let default = source["channels"]["telegram"]["defaultAccount"].as_str();
    if default.is_some_and(|default| default.trim().eq_ignore_ascii_case(name)) {
        patch["defaultAccount"] = Value::Null;
    }
    patch
}
