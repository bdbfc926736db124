//! The bot was added to a group: its agent says hello there, once, where the account wants that and whoever added it would be heard.

use super::{Claim, dispatch};
use crate::shared::Shared;
use std::sync::Arc;
use store::{InboundRow, StoreError};

/// Has the agent introduce itself, in a turn as any other, or ends the row.
pub(super) async fn introduce(
    shared: &Arc<Shared>,
    row: &InboundRow,
    claim: &Arc<Claim>,
) -> Result<(), StoreError> {
    let inbound = &row.inbound;
    let wanted = shared.settings().account(&inbound.channel, &inbound.account).is_some_and(|a| a.join_intro);
    if !wanted {
        return shared.store.close_inbound(vec![row.id], "joined: no introduction", vec![]).await.map(|_| ());
    }
    let mut row = row.clone();
    let title = row.inbound.chat.title.as_ref().map(|title| format!(", {title:?}")).unwrap_or_default();
    row.inbound.event = None;
    row.inbound.text = format!(
        "[You were just added to this group{title}. Say hello in one or two sentences: who you are, and that people mention you or reply \
         to you to be answered. What was said here before you cannot know.]"
    );
    // Where there is no room for it now, its row is open, and is looked at again.
    dispatch::submit(shared, row, claim.clone());
    Ok(())
}
