//! What is looked at where it is entered, and left as it is where it was there before: a typing mistake in a bot's token would
//! turn the bot off, and nobody would be told who made it. What a file says already is read as ever.

use super::EditError;
use crate::doc::{has_reference, join_path};
use crate::sections::{is_account_name, is_bot_token, is_webhook_secret};
use serde_json::Value;

/// The keys of an account that are looked at: the rule, and what is to be said of what does not follow it.
type Rule = (&'static str, fn(&str) -> bool, &'static str);
const RULES: [Rule; 2] = [
    ("botToken", is_bot_token, "is no bot token; @BotFather gives it, and it looks like 123456:ABC-def"),
    (
        "webhookSecret",
        is_webhook_secret,
        "is nothing that Telegram takes: 1 to 256 letters, digits, _ and - are possible",
    ),
];

/// Refuses what is new in `after` and cannot be right.
///
/// # Errors
/// Which key it is, never what stands there.
pub(super) fn check(before: &Value, after: &Value) -> Result<(), EditError> {
    let place = "channels.telegram";
    let section = |of: &Value| of.pointer("/channels/telegram").cloned().unwrap_or_default();
    let (old, new) = (section(before), section(after));
    check_account(place, &old, &new)?;
    let accounts = new.get("accounts").and_then(Value::as_object);
    for (name, account) in accounts.into_iter().flatten() {
        let there = old.get("accounts").and_then(|accounts| accounts.get(name));
        let place = join_path(&format!("{place}.accounts"), name);
        if there.is_none() && !is_account_name(name) {
            return Err(EditError::place(
                &place,
                format!(
                    "{name:?} is no name of an account: up to 64 letters, digits, _ and -, with a letter or digit first"
                ),
            ));
        }
        check_account(&place, there.unwrap_or(&Value::Null), account)?;
    }
    Ok(())
}

fn check_account(place: &str, old: &Value, new: &Value) -> Result<(), EditError> {
    for (key, fits, problem) in RULES {
        let Some(text) = new.get(key).and_then(Value::as_str) else { continue };
        // A reference is looked at where it leads, by who uses it.
        let is_reference = has_reference(text) || text.trim().starts_with('$');
        if old.get(key) != new.get(key) && !is_reference && !fits(text.trim()) {
            let path = join_path(place, key);
            return Err(EditError::place(&path, format!("what was given for {path} {problem}")));
        }
    }
    Ok(())
}
