//! Which bot an account is. A bot is one account's: Telegram gives what people write to one asker alone.

use model::{ExposeSecret, SecretString};

use super::TelegramConfig;
use crate::Level;
use crate::doc::Doc;

/// The bot that a token is of: the part before the colon.
pub fn bot_id(token: &SecretString) -> &str {
    token.expose_secret().split(':').next().unwrap_or_default().trim()
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
