//! Messages that people change afterwards: the agent reads of it with its next turn. A change is never a turn and never a
//! command: what was done about the first text is done.

use super::dispatch::session_of;
use super::transcript::speaker;
use crate::delivery::channels::label;
use crate::shared::Shared;
use model::ChatEvent;
use store::{Fate, InboundRow, StoreError};

/// Leaves a line about it where an agent reads the message or has, and ends its row.
pub(super) async fn note(shared: &Shared, row: &InboundRow) -> Result<(), StoreError> {
    let inbound = &row.inbound;
    let Some(ChatEvent::Edited { message_id }) = &inbound.event else { return Ok(()) };
    let earlier = shared.store.earlier(row.id, &inbound.chat.id, message_id).await?;
    if earlier.as_ref().is_some_and(|message| message.says_the_same == Some(true)) {
        // A preview of a link came, or the like.
        return shared
            .store
            .close_inbound(vec![row.id], "edited: nothing of its text", vec![])
            .await
            .map(|_| ());
    }
    match earlier.map(|message| message.fate) {
        Some(Fate::Heard) => {
            let text: Vec<String> = inbound.text.lines().map(|line| format!("> {line}")).collect();
            let note = format!(
                "{} message {message_id} was changed by {}; it says now:\n{}",
                label(&inbound.channel),
                speaker(inbound),
                text.join("\n")
            );
            shared.store.close_with_note(row.id, "edited", &session_of(shared, inbound), &note).await
        }
        // It is told once, as it stands then.
        Some(Fate::Overheard) => shared.store.close_overheard(row.id).await,
        Some(Fate::Left) | None => {
            let why = "a change of what no agent has read";
            shared.store.close_inbound(vec![row.id], why, vec![]).await.map(|_| ())
        }
    }
}
