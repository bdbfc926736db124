//! What was said in a chat, for agents and operators: from what came here, since platforms let no bot read what was said before.

use crate::methods::store_error;
use crate::shared::Shared;
use protocol::ErrorShape;
use serde_json::{Value, json};
use store::{Said, SaidPage};
use tools::ReadMessages;

/// Messages of a page where nobody says how many, and at most.
const LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 100;
/// Characters of all of them: more is left for another page.
const MAX_CHARS: usize = 40_000;

/// A page of what was said there, the oldest first.
///
/// # Errors
/// What is asked for makes no sense; or the store does not work.
pub(crate) async fn read(
    shared: &Shared,
    (channel, account, chat): (&str, &str, &str),
    asked: ReadMessages,
) -> Result<Value, ErrorShape> {
    if asked.message_id.is_some() && (asked.before.is_some() || asked.after.is_some()) {
        return Err(ErrorShape::invalid("messageId goes alone, without before and after"));
    }
    if shared.settings().account(channel, account).is_none() {
        return Err(ErrorShape::invalid(format!("channel {channel:?} has no account {account:?}")));
    }
    let limit = asked.limit.unwrap_or(LIMIT).clamp(1, MAX_LIMIT);
    let page = SaidPage {
        message_id: asked.message_id,
        before: asked.before,
        after: asked.after,
        limit: usize::try_from(limit).unwrap_or_default(),
    };
    let place = (channel, account, chat);
    let (mut said, mut has_more) = shared.store.said(place, page).await.map_err(store_error)?;
    let goes_on = asked.after.is_some() && asked.before.is_none();
    has_more |= cut(&mut said, goes_on);
    let mut answer = json!({
        "ok": true, "channel": channel, "chatId": chat_of(chat), "hasMore": has_more,
        "messages": said.iter().map(one).collect::<Vec<_>>(),
    });
    if let Some((_, topic)) = chat.split_once(":topic:") {
        answer["threadId"] = json!(topic);
    }
    if let (Some(oldest), Some(newest)) = (said.first(), said.last()) {
        answer["oldestMessageId"] = json!(oldest.message_id.to_string());
        answer["newestMessageId"] = json!(newest.message_id.to_string());
    }
    Ok(answer)
}

fn chat_of(chat: &str) -> &str {
    chat.split_once(":topic:").map_or(chat, |(chat, _)| chat)
}

/// Leaves as much as is read at once, from where the reading goes on; one message in any case.
fn cut(said: &mut Vec<Said>, goes_on: bool) -> bool {
    let (before, mut chars) = (said.len(), 0);
    let mut fits = |message: &Said| {
        chars += message.text.chars().count();
        chars <= MAX_CHARS
    };
    let most = match goes_on {
        true => said.iter().take_while(|message| fits(message)).count(),
        false => said.iter().rev().take_while(|message| fits(message)).count(),
    };
    let kept = most.max(1).min(before);
    match goes_on {
        true => said.truncate(kept),
        false => drop(said.drain(..before - kept)),
    }
    kept < before
}

fn one(said: &Said) -> Value {
    let mut one = json!({
        "messageId": said.message_id.to_string(), "timestamp": said.sent_at_ms, "body": said.text,
        "fromBot": said.sender.is_none(),
    });
    if let Some(sender) = &said.sender {
        one["senderId"] = json!(sender.id);
        one["sender"] = json!(sender.name.as_ref().unwrap_or(&sender.id));
        if let Some(username) = &sender.username {
            one["senderUsername"] = json!(username);
        }
    }
    if let Some(edited) = said.edited_at_ms {
        one["editedAt"] = json!(edited);
    }
    if let Some(reply_to) = &said.reply_to {
        one["replyToId"] = json!(reply_to);
    }
    one
}
