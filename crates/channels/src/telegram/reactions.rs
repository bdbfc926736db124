//! Which reactions a chat lets be put on its messages.

use super::Inner;
use super::send::{failure, target};
use crate::SendError;
use serde::Deserialize;
use serde_json::Value;

/// What Telegram has where a chat does not say less.
const STANDARD: [&str; 73] = [
    "👍",
    "👎",
    "❤",
    "🔥",
    "🥰",
    "👏",
    "😁",
    "🤔",
    "🤯",
    "😱",
    "🤬",
    "😢",
    "🎉",
    "🤩",
    "🤮",
    "💩",
    "🙏",
    "👌",
    "🕊",
    "🤡",
    "🥱",
    "🥴",
    "😍",
    "🐳",
    "❤‍🔥",
    "🌚",
    "🌭",
    "💯",
    "🤣",
    "⚡",
    "🍌",
    "🏆",
    "💔",
    "🤨",
    "😐",
    "🍓",
    "🍾",
    "💋",
    "🖕",
    "😈",
    "😴",
    "😭",
    "🤓",
    "👻",
    "👨‍💻",
    "👀",
    "🎃",
    "🙈",
    "😇",
    "😨",
    "🤝",
    "✍",
    "🤗",
    "🫡",
    "🎅",
    "🎄",
    "☃",
    "💅",
    "🤪",
    "🗿",
    "🆒",
    "💘",
    "🙉",
    "🦄",
    "😘",
    "💊",
    "🙊",
    "😎",
    "👾",
    "🤷‍♂",
    "🤷",
    "🤷‍♀",
    "😡",
];

/// What a chat allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reactions {
    /// Emoji.
    pub emoji: Vec<String>,
    /// Ids of Telegram's custom emoji.
    pub custom: Vec<String>,
    /// Whether the chat bounds nothing: the emoji are all that Telegram has.
    pub is_all: bool,
}

#[derive(Deserialize)]
struct Chat {
    available_reactions: Option<Vec<Kind>>,
}

#[derive(Deserialize)]
struct Kind {
    emoji: Option<String>,
    custom_emoji_id: Option<String>,
}

/// Asks Telegram.
pub(super) async fn allowed(inner: &Inner, to: &str) -> Result<Reactions, SendError> {
    let body = Value::Object(target(to)?.for_chat());
    let chat: Chat = inner.api.call("getChat", &body).await.map_err(|error| failure(inner, to, &error))?;
    let Some(kinds) = chat.available_reactions else {
        let emoji = STANDARD.iter().map(|emoji| (*emoji).to_owned()).collect();
        return Ok(Reactions { emoji, custom: vec![], is_all: true });
    };
    let mut allowed = Reactions::default();
    for kind in kinds {
        allowed.emoji.extend(kind.emoji);
        allowed.custom.extend(kind.custom_emoji_id);
    }
    Ok(allowed)
}
