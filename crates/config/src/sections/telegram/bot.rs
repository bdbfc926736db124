//! Which bot an account is. A bot is one account's: Telegram gives what people write to one asker alone.

use model::{ExposeSecret, SecretString};

use super::TelegramConfig;
use crate::Level;
use crate::doc::Doc;

/// The bot that a token is of: the part before the colon.
pub fn bot_id(token: &SecretString) -> &str {
    token.expose_secret().split(':').next().unwrap_or_default().trim()
}

/// Whether a token can be one: the bot's number, a colon, and letters, digits, `_` and `-`.
pub fn is_bot_token(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    text.len() <= 256
        && text.split_once(':').is_some_and(|(bot, secret)| {
            !bot.is_empty()
                && bot.chars().all(|c| c.is_ascii_digit())
                && !secret.is_empty()
                && secret.chars().all(plain)
        })
}

/// Whether Telegram takes it as the secret of a webhook.
pub fn is_webhook_secret(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    (1..=256).contains(&text.len()) && text.chars().all(fits)
}

/// Whether an account can have this name, in whatever letters: OpenClaw knows it by the same then. Names that mean something to
/// JavaScript are none.
pub fn is_account_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 64
        && name.chars().all(fits)
        && !["constructor", "prototype"].contains(&name.to_ascii_lowercase().as_str())
}

impl TelegramConfig {
    /// What is wrong with this account, whose bot is that of the account `first`, too; and what to do.
    pub fn bot_is_taken(&self, first: &str) -> String {
        let place = self.place();
        format!(
            "{place} has the bot of the account {first:?}, and a message goes to one of them only: this account is off; \
             give it the token of a bot of its own (from @BotFather), or set {place}.enabled to false"
        )
    }
}

/// Warns of accounts that are on with one bot, as far as their tokens are written out.
pub(super) fn tell_shared(doc: &Doc<'_>, telegram: &TelegramConfig) {
    let mut known: Vec<(SecretString, &str)> = Vec::new();
    for account in telegram.enabled_accounts() {
        let Some(input) = account.bot_token.as_ref().filter(|_| account.token_file.is_none()) else {
            continue;
        };
        let Some(token) = input.written_out() else { continue };
        match known.iter().find(|(other, _)| bot_id(other) == bot_id(&token)) {
            Some((_, first)) => {
                doc.remark(Level::Warning, input.place(), false, account.bot_is_taken(first));
            }
            None => known.push((token, &account.account)),
        }
    }
}
