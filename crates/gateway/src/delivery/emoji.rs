//! Which reactions a chat allows, for operators and agents who may react there.

use super::gates;
use crate::shared::Shared;
use channels::Reactions;
use model::Act;

/// Asks the platform.
///
/// # Errors
/// The configuration lets nobody react, the account does not work, or the platform does not say; in words.
pub(crate) async fn of(
    shared: &Shared,
    (channel, account): (&str, &str),
    chat: &str,
) -> Result<Reactions, String> {
    let react = Act::React { message_id: String::new(), emoji: None };
    if let Some(refusal) = gates::refusal(&shared.settings(), channel, account, Some(&react)) {
        return Err(refusal);
    }
    let Some(bot) = shared.channels.bot(channel, account) else {
        return Err(format!("no account {account:?} of {channel:?} works here"));
    };
    bot.reactions(chat).await.map_err(|error| error.message)
}
