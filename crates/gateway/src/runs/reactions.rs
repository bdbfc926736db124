//! Reactions that people put on messages: the agent reads of them in its next turn.

use super::dispatch::session_of;
use super::transcript::speaker;
use crate::delivery::channels::label;
use crate::shared::Shared;
use config::ReactionNotifications;
use model::{ChatEvent, Inbound};
use store::{InboundRow, StoreError};

/// A reaction, and what it is on.
pub(super) struct Placed {
    /// As it came, but where the message stands, in its topic.
    pub(super) inbound: Inbound,
    /// Whether the message was sent from here.
    is_own: bool,
}

/// Finds out where it was. Telegram does not say in which topic of a forum; what was sent or said there does. `None`: nobody
/// knows, and it may not be told to whoever happens to be next to it.
pub(super) async fn placed(shared: &Shared, row: &InboundRow) -> Result<Option<Placed>, StoreError> {
    let mut inbound = row.inbound.clone();
    let Some(ChatEvent::Reacted { message_id, .. }) = &row.inbound.event else { return Ok(None) };
    let chat = &row.inbound.chat.id;
    let group = chat.split_once(":topic:").map_or(chat.as_str(), |(group, _)| group);
    let sent = shared.store.chat_of_sent(&inbound.channel, &inbound.account, group, message_id).await?;
    let is_own = sent.is_some();
    let said = match &sent {
        None if group != chat => shared.store.earlier(row.id, group, message_id).await?,
        _ => None,
    };
    let there = sent.or(said.map(|message| message.chat_id)).or((group == chat).then(|| chat.clone()));
    let Some(there) = there else { return Ok(None) };
    inbound.chat.id = there;
    Ok(Some(Placed { inbound, is_own }))
}

/// Leaves a line about it where that is wanted, and ends its row.
pub(super) async fn note(shared: &Shared, row: i64, placed: &Placed) -> Result<(), StoreError> {
    let Placed { inbound, is_own } = placed;
    let Some(ChatEvent::Reacted { message_id, added, removed }) = &inbound.event else { return Ok(()) };
    let (channel, account) = (&inbound.channel, &inbound.account);
    let wanted =
        shared.settings().account(channel, account).map_or(ReactionNotifications::Off, |a| a.reactions);
    let is_wanted = match wanted {
        ReactionNotifications::Off => false,
        ReactionNotifications::Own => *is_own,
        ReactionNotifications::All => true,
    };
    let what =
        |verb: &str, emoji: &[String]| (!emoji.is_empty()).then(|| format!("{verb}: {}", emoji.join(" ")));
    let changes: Vec<String> =
        [what("added", added), what("removed", removed)].into_iter().flatten().collect();
    if !is_wanted || changes.is_empty() {
        return shared.store.close_inbound(vec![row], "reaction", vec![]).await.map(|_| ());
    }
    let note = format!(
        "{} reaction {} by {} on msg {message_id}",
        label(channel),
        changes.join(", "),
        speaker(inbound)
    );
    shared.store.close_with_note(row, "reaction", &session_of(shared, inbound), &note).await
}
