//! Reactions that people put on messages: the agent reads of them in its next turn.

use super::dispatch::session_of;
use super::transcript::speaker;
use crate::delivery::channels::label;
use crate::shared::Shared;
use config::ReactionNotifications;
use model::ChatEvent;
use store::{InboundRow, StoreError};

/// Leaves a line about it where that is wanted, and ends its row.
pub(super) async fn note(shared: &Shared, row: &InboundRow) -> Result<(), StoreError> {
    let inbound = &row.inbound;
    let Some(ChatEvent::Reacted { message_id, added, removed }) = &inbound.event else { return Ok(()) };
    let (channel, account) = (&inbound.channel, &inbound.account);
    let wanted =
        shared.settings().account(channel, account).map_or(ReactionNotifications::Off, |a| a.reactions);
    let sent = shared.store.chat_of_sent(channel, account, &inbound.chat.id, message_id).await?;
    let is_wanted = match wanted {
        ReactionNotifications::Off => false,
        ReactionNotifications::Own => sent.is_some(),
        ReactionNotifications::All => true,
    };
    let what =
        |verb: &str, emoji: &[String]| (!emoji.is_empty()).then(|| format!("{verb}: {}", emoji.join(" ")));
    let changes: Vec<String> =
        [what("added", added), what("removed", removed)].into_iter().flatten().collect();
    if !is_wanted || changes.is_empty() {
        return shared.store.close_inbound(vec![row.id], "reaction", vec![]).await.map(|_| ());
    }
    // The platform does not say in which topic it was; what was sent there does.
    let mut there = inbound.clone();
    there.chat.id = sent.unwrap_or(there.chat.id);
    let session = session_of(shared, &there);
    let note = format!(
        "{} reaction {} by {} on msg {message_id}",
        label(channel),
        changes.join(", "),
        speaker(inbound)
    );
    shared.store.close_with_note(row.id, "reaction", &session, &note).await
}
