//! Chat ids as the rest of the program writes them: `123`, `-100123`, `-100123:topic:7`, `@channelname`.

use serde_json::{Map, Value, json};

/// In a forum, the topic that is always there. Messages to it must not name it, typing must.
pub(crate) const GENERAL_TOPIC: i64 = 1;

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    chat: Value,
    topic: Option<i64>,
}

impl Target {
    /// Reads a chat id; nothing where it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (chat, topic) = match text.trim().split_once(":topic:") {
            Some((chat, topic)) => (chat, Some(topic.parse().ok().filter(|t| *t > 0)?)),
            None => (text.trim(), None),
        };
        let chat = match chat.strip_prefix('@') {
            Some(name) if !name.is_empty() => json!(chat),
            _ => json!(chat.parse::<i64>().ok().filter(|id| *id != 0)?),
        };
        Some(Self { chat, topic })
    }

    /// The id under which a group goes on after Telegram has moved it.
    pub(crate) fn moved_to(&self, chat_id: i64) -> Self {
        Self { chat: json!(chat_id), topic: self.topic }
    }

    /// The fields that name it in `sendMessage`.
    pub(crate) fn for_message(&self) -> Map<String, Value> {
        self.fields(self.topic.filter(|topic| *topic != GENERAL_TOPIC))
    }

    /// The fields that name the chat alone: messages have their ids in it, whatever their topic.
    pub(crate) fn for_chat(&self) -> Map<String, Value> {
        self.fields(None)
    }

    /// The fields that name it in `sendChatAction`.
    pub(crate) fn for_action(&self) -> Map<String, Value> {
        self.fields(self.topic)
    }

    fn fields(&self, topic: Option<i64>) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("chat_id".to_owned(), self.chat.clone());
        if let Some(topic) = topic {
            fields.insert("message_thread_id".to_owned(), json!(topic));
        }
        fields
    }
}

/// The chat id of a topic.
pub(crate) fn with_topic(chat_id: i64, topic: Option<i64>) -> String {
    topic.map_or_else(|| chat_id.to_string(), |topic| format!("{chat_id}:topic:{topic}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chat_ids_are_read_as_they_are_written() {
        for (text, expected) in [
            ("123", json!({ "chat_id": 123 })),
            ("-100123", json!({ "chat_id": -100_123 })),
            ("-100123:topic:7", json!({ "chat_id": -100_123, "message_thread_id": 7 })),
            ("-100123:topic:1", json!({ "chat_id": -100_123 })),
            ("@news", json!({ "chat_id": "@news" })),
        ] {
            assert_eq!(Target::parse(text).map(|t| Value::Object(t.for_message())), Some(expected), "{text}");
        }
        let general = Target::parse("-5:topic:1").unwrap().for_action();
        assert_eq!(Value::Object(general), json!({ "chat_id": -5, "message_thread_id": 1 }));
    }

    #[test]
    fn what_is_no_chat_id_is_refused() {
        for text in ["", "0", "abc", "@", "12:topic:", "12:topic:x", "12:topic:-1", ":topic:1"] {
            assert_eq!(Target::parse(text), None, "{text:?}");
        }
    }
}
