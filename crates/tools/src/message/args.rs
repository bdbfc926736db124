//! What the tool is asked with, and what is to be done then.

use crate::tool::spec;
use llm::ToolSpec;
use model::{Act, FileAs, Place, Topic};
use serde::Deserialize;
use serde_json::{Number, Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Args {
    pub(super) action: Action,
    #[serde(default)]
    pub(super) channel: Option<String>,
    #[serde(default, alias = "target", alias = "chatId")]
    pub(super) to: Option<String>,
    #[serde(default, alias = "message", alias = "content")]
    pub(super) text: String,
    #[serde(default)]
    pub(super) media: Option<String>,
    #[serde(default)]
    pub(super) attachments: Vec<Attachment>,
    #[serde(default)]
    as_voice: bool,
    #[serde(default)]
    as_video_note: bool,
    #[serde(default)]
    force_document: bool,
    #[serde(default)]
    pub(super) silent: bool,
    #[serde(default)]
    pub(super) presentation: Option<Value>,
    #[serde(default)]
    location: Option<Location>,
    #[serde(default)]
    pub(super) reply_to: Option<Id>,
    #[serde(default)]
    pub(super) quote_text: Option<String>,
    #[serde(default)]
    pub(super) message_id: Option<Id>,
    #[serde(default)]
    emoji: Option<String>,
    #[serde(default)]
    poll_question: Option<String>,
    #[serde(default)]
    poll_option: Vec<String>,
    #[serde(default)]
    poll_multi: bool,
    #[serde(default)]
    poll_public: bool,
    #[serde(default)]
    poll_duration_seconds: Option<u64>,
    #[serde(default)]
    file_id: Option<String>,
    #[serde(default)]
    pub(super) query: Option<String>,
    #[serde(default)]
    pub(super) limit: Option<u64>,
    #[serde(default)]
    pub(super) before: Option<Id>,
    #[serde(default)]
    pub(super) after: Option<Id>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    icon_color: Option<u32>,
    #[serde(default)]
    icon_custom_emoji_id: Option<String>,
    #[serde(default)]
    thread_id: Option<Id>,
    #[serde(default)]
    pub(super) account: Option<String>,
}

/// One of several files.
#[derive(Deserialize)]
pub(super) struct Attachment {
    pub(super) media: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    Send,
    React,
    Poll,
    Edit,
    Delete,
    Sticker,
    StickerSearch,
    EmojiList,
    Read,
    TopicCreate,
    TopicEdit,
}

/// Ids come as text and as numbers.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    Text(String),
    Number(u64),
}

impl Id {
    pub(super) fn text(self) -> String {
        match self {
            Id::Text(text) => text,
            Id::Number(number) => number.to_string(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Location {
    latitude: Number,
    longitude: Number,
    accuracy: Option<Number>,
    name: Option<String>,
    address: Option<String>,
}

impl Location {
    fn place(self) -> Result<Place, String> {
        let venue = match (self.name, self.address) {
            (Some(name), Some(address)) => Some((name, address)),
            (None, None) => None,
            _ => return Err("a venue has both location.name and location.address. Nothing was sent.".into()),
        };
        let accuracy = self.accuracy.map(|metres| metres.to_string());
        Ok(Place {
            latitude: self.latitude.to_string(),
            longitude: self.longitude.to_string(),
            accuracy,
            venue,
        })
    }
}

impl Args {
    /// What is done instead of sending a text; `None`: a text or files are sent. An empty id is that of the message that is answered.
    pub(super) fn act(&mut self) -> Result<Option<Act>, String> {
        let about = |id: Option<Id>| id.map(Id::text).ok_or("say messageId. Nothing was done.");
        Ok(Some(match self.action {
            Action::Send => return self.location.take().map(|at| at.place().map(Act::Place)).transpose(),
            Action::StickerSearch | Action::EmojiList | Action::Read => return Ok(None),
            Action::React => {
                let emoji = self.emoji.take();
                let emoji =
                    emoji.ok_or("say which emoji, or an empty one to take yours away. Nothing was done.")?;
                let emoji = Some(emoji.trim().to_owned()).filter(|emoji| !emoji.is_empty());
                let id = self.message_id.take();
                if self.to.is_some() && id.is_none() {
                    return Err(
                        "say channel, to and messageId, or none of channel and to for this chat. Nothing was done."
                            .into(),
                    );
                }
                Act::React { message_id: id.map(Id::text).unwrap_or_default(), emoji }
            }
            Action::Poll => Act::Poll {
                question: self.poll_question.take().ok_or("say pollQuestion. Nothing was sent.")?,
                options: std::mem::take(&mut self.poll_option),
                several: self.poll_multi,
                anonymous: !self.poll_public,
                open_seconds: self.poll_duration_seconds,
                silent: self.silent,
            },
            Action::Edit => Act::Edit { message_id: about(self.message_id.take())?, rows: None },
            Action::Delete => Act::Delete { message_id: about(self.message_id.take())? },
            Action::Sticker => {
                Act::Sticker { file_id: self.file_id.take().ok_or("say fileId. Nothing was sent.")? }
            }
            Action::TopicCreate | Action::TopicEdit => {
                let is_new = self.action == Action::TopicCreate;
                let id = self.thread_id.take().map(Id::text);
                if !is_new && id.is_none() {
                    return Err("say threadId. Nothing was done.".into());
                }
                Act::Topic(Topic {
                    id: id.filter(|_| !is_new),
                    name: self.name.take(),
                    icon_color: self.icon_color,
                    icon_emoji_id: self.icon_custom_emoji_id.take(),
                })
            }
        }))
    }

    /// How the files are to be seen; one way alone.
    pub(super) fn seen_as(&self) -> Result<FileAs, String> {
        match (self.as_voice, self.as_video_note, self.force_document) {
            (false, false, false) => Ok(FileAs::Itself),
            (true, false, false) => Ok(FileAs::Voice),
            (false, true, false) => Ok(FileAs::VideoNote),
            (false, false, true) => Ok(FileAs::Document),
            _ => Err("say one of asVoice, asVideoNote and forceDocument. Nothing was sent.".into()),
        }
    }
}

/// How the tool describes itself.
pub(super) fn described() -> ToolSpec {
    let text = json!({"type": "string"});
    let number = json!({"type": "number"});
    let of = |kind: &str, about: &str| json!({"type": kind, "description": about});
    spec(
        crate::MESSAGE,
        "Send a message to another chat, or files, buttons, a poll, a place, a sticker to this one; read what was said here earlier; react; change or delete what you sent here. Text that you answer in this chat arrives by itself.",
        json!({"action": {"enum": ["send", "read", "react", "emoji-list", "poll", "edit", "delete", "sticker", "sticker-search", "topic-create", "topic-edit"]},
            "channel": of("string", "such as telegram"),
            "to": of("string", "chat id; without channel and to, this chat"), "text": text,
            "media": of("string", "path in the workspace or a localPath, or an https address; at most 50 MB"),
            "attachments": {"type": "array", "description": "several files; pictures in a row are one album", "items": {"type": "object",
                "properties": {"media": text}, "required": ["media"]}},
            "asVoice": of("boolean", "sound as a voice message"),
            "asVideoNote": of("boolean", "a square mp4 as a round video message"),
            "forceDocument": of("boolean", "pictures and films as files"),
            "silent": of("boolean", "without a sound"),
            "replyTo": of("string", "id of a message that it is a reply to"),
            "quoteText": of("string", "a part of that message, word for word"),
            "presentation": of("object", "send, edit: {blocks: [{type: \"buttons\", buttons: [{label, value} or {label, url}]}]}; pressed, one says callback_data: value"),
            "location": {"type": "object", "description": "send: without text", "properties": {
                "latitude": number, "longitude": number, "accuracy": number, "name": text, "address": text}},
            "messageId": of("string", "react, edit, delete; react without it: what you answer"),
            "emoji": of("string", "react; empty takes yours away; emoji-list says which this chat allows"),
            "pollQuestion": text, "pollOption": {"type": "array", "items": text}, "pollMulti": of("boolean", "one may choose several"),
            "pollPublic": of("boolean", "everybody sees who chose what"), "pollDurationSeconds": json!({"type": "integer"}),
            "fileId": of("string", "sticker: what sticker-search gave"), "query": of("string", "sticker-search: emoji or set"),
            "limit": json!({"type": "integer"}), "before": of("string", "read: what was said here before this message id; without it, the latest"),
            "after": of("string", "read: what was said after this message id"), "name": of("string", "topic-create, topic-edit"),
            "iconColor": json!({"type": "integer"}), "iconCustomEmojiId": text,
            "threadId": of("string", "topic-edit: the topic"), "account": text}),
        &["action"],
    )
}
