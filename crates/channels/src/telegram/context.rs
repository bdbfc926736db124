//! What stands beside a message's text: what it answers, what it quotes, whose words it passes on. It is told to the agent in
//! lines of its own; what others wrote is marked line by line, so that it cannot look like more than a quotation.

use super::content::clean;
use super::types::{Chat, Message, Origin, RepliedTo, User};

/// Characters of another message that are worth repeating: it is in the transcript, mostly.
const MAX_QUOTED: usize = 1_000;

/// All of it; `None` where there is nothing beside the text.
pub(crate) fn read(message: &Message) -> Option<String> {
    let mut lines = Vec::new();
    if let Some(origin) = &message.forward_origin {
        lines.push(format!("[forwarded from {}]", whose(origin)));
    }
    let quote = message.quote.as_ref().map(|quote| quote.text.as_str());
    match (replied(message), &message.external_reply) {
        (Some(to), _) => {
            let id = to.message_id.map(|id| format!(" (message {id})")).unwrap_or_default();
            let who = who(to.from.as_ref(), to.sender_chat.as_ref());
            let said = quote.or(to.text.as_deref()).or(to.caption.as_deref());
            lines.push(format!("[in reply to {who}{id}{}", ending(quote, said)));
            lines.extend(said.map(quoted));
        }
        (None, Some(reply)) => {
            lines.push(format!(
                "[in reply to {}, in another chat{}",
                whose(&reply.origin),
                ending(quote, quote)
            ));
            lines.extend(quote.map(quoted));
        }
        (None, None) => {}
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The message that is answered. In a topic, each message formally answers the one that opened it.
pub(crate) fn replied(message: &Message) -> Option<&RepliedTo> {
    message.reply_to_message.as_deref().filter(|to| to.forum_topic_created.is_none())
}

fn ending(quote: Option<&str>, said: Option<&str>) -> &'static str {
    match (quote, said) {
        (Some(_), _) => ", to this part of it:]",
        (None, Some(_)) => ":]",
        (None, None) => "]",
    }
}

fn whose(origin: &Origin) -> String {
    let chat = origin.sender_chat.as_ref().or(origin.chat.as_ref());
    match &origin.sender_user_name {
        Some(name) => clean(name),
        None => who(origin.sender_user.as_ref(), chat),
    }
}

fn who(user: Option<&User>, chat: Option<&Chat>) -> String {
    let title = chat.and_then(|chat| chat.title.as_deref());
    let name = title.map(clean).or_else(|| user.and_then(User::full_name).map(|name| clean(&name)));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody".to_owned())
}

fn quoted(text: &str) -> String {
    let short: String = text.chars().take(MAX_QUOTED).collect();
    let cut = if short.len() < text.len() { " …" } else { "" };
    let lines: Vec<String> = short.lines().map(|line| format!("> {line}")).collect();
    format!("{}{cut}", lines.join("\n"))
}
