//! What was said in a group before somebody spoke to the agent: it is told together with what they say.

use super::transcript::speaker;
use crate::shared::Shared;
use model::{ChatEvent, ChatKind, Inbound};
use std::collections::HashSet;
use store::{InboundRow, StoreError};

/// Characters of one message, and of all together.
const MAX_MESSAGE: usize = 500;
const MAX_ALL: usize = 20_000;

/// The message with what was said before it beside it. Nothing is taken away by that: after a crash it is found again.
pub(super) async fn with(shared: &Shared, mut row: InboundRow) -> Result<InboundRow, StoreError> {
    let inbound = &mut row.inbound;
    let limit = shared
        .settings()
        .account(&inbound.channel, &inbound.account)
        .filter(|_| inbound.chat.kind == ChatKind::Group)
        .map_or(0, |account| account.history_limit);
    if limit == 0 {
        return Ok(row);
    }
    let said = shared.store.overheard(row.id, limit).await?;
    if let Some(before) = told(&said) {
        let beside = inbound.context.take();
        inbound.context = Some(beside.map_or_else(|| before.clone(), |beside| format!("{before}\n{beside}")));
    }
    Ok(row)
}

/// Lines that cannot look like more than a quotation; of too much, the latest. What was changed is told as it stands.
fn told(said: &[Inbound]) -> Option<String> {
    let (mut lines, mut changed) = (Vec::new(), HashSet::new());
    let mut length = 0;
    for message in said.iter().rev() {
        if changed.contains(message.platform_message()) {
            continue;
        }
        let is_change = matches!(message.event, Some(ChatEvent::Edited { .. }));
        if is_change {
            changed.insert(message.platform_message());
        }
        let mark = if is_change { " (changed)" } else { "" };
        let text: String = message.text.chars().take(MAX_MESSAGE).collect();
        let cut = if text.len() < message.text.len() { " …" } else { "" };
        let (who, text) = (speaker(message).replace('\n', " "), text.replace('\n', "\n>   "));
        let line = format!("> {who}{mark}: {text}{cut}");
        length += line.chars().count();
        if length > MAX_ALL {
            break;
        }
        lines.push(line);
    }
    lines.reverse();
    (!lines.is_empty()).then(|| format!("[said here before, and not to you:]\n{}", lines.join("\n")))
}
