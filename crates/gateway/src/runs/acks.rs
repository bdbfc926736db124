//! The sign that a message was taken up: a reaction on it, as soon as it is a session's business. Nobody waits for it, and where it
//! cannot be put there nothing else changes.

use crate::settings::Settings;
use crate::shared::Shared;
use config::AckScope;
use model::{Act, ChatKind, Inbound, Outbound, SessionKey};

/// Where neither the configuration nor the agent has one.
const EMOJI: &str = "👀";

/// Shows that a message was taken up by a session, where that is wanted.
pub(super) fn show(shared: &Shared, key: &SessionKey, inbound: &Inbound) {
    let settings = shared.settings();
    // What is no message has nothing that a reaction could stand on.
    let Some(emoji) = emoji(&settings, key, inbound).filter(|_| inbound.event.is_none()) else { return };
    let out = Outbound {
        channel: inbound.channel.clone(),
        account: inbound.account.clone(),
        to: inbound.chat.id.clone(),
        text: String::new(),
        reply_to: None,
        act: Some(Act::React { message_id: inbound.message_id.clone(), emoji: Some(emoji) }),
        ..Outbound::default()
    };
    shared.channels.hint(&shared.lifecycle, out);
}

/// What is put on a message that was taken up, where something is.
pub(super) fn emoji(settings: &Settings, key: &SessionKey, inbound: &Inbound) -> Option<String> {
    let is_group = inbound.chat.kind == ChatKind::Group;
    let is_wanted = match settings.ack_scope {
        AckScope::Off | AckScope::Nowhere => false,
        AckScope::All => true,
        AckScope::Direct => !is_group,
        AckScope::GroupAll => is_group,
        AckScope::GroupMentions => is_group && inbound.addressed,
    };
    let account = settings.account(&inbound.channel, &inbound.account).filter(|_| is_wanted)?;
    let own = || settings.agent(key.agent_id()).emoji.clone().unwrap_or_else(|| EMOJI.to_owned());
    let emoji = account.ack_reaction.clone().unwrap_or_else(own);
    Some(emoji.trim().to_owned()).filter(|emoji| !emoji.is_empty())
}
