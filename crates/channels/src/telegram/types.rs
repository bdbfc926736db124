//! The Bot API's objects, as far as they are read. Fields that are not named here are skipped.

use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Debug, Deserialize)]
pub(crate) struct UpdateId {
    pub(crate) update_id: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Update {
    #[serde(default)]
    pub(crate) update_id: i64,
    pub(crate) message: Option<Message>,
    pub(crate) edited_message: Option<Message>,
    pub(crate) callback_query: Option<Callback>,
    pub(crate) message_reaction: Option<Reaction>,
    pub(crate) my_chat_member: Option<Membership>,
}

/// What the bot is in a chat has changed.
#[derive(Debug, Deserialize)]
pub(crate) struct Membership {
    pub(crate) chat: Chat,
    pub(crate) from: User,
    pub(crate) date: i64,
    pub(crate) old_chat_member: Member,
    pub(crate) new_chat_member: Member,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    pub(crate) status: String,
}

/// Somebody changed their reactions on a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Reaction {
    pub(crate) chat: Chat,
    pub(crate) message_id: i64,
    pub(crate) user: Option<User>,
    pub(crate) actor_chat: Option<Chat>,
    pub(crate) date: i64,
    #[serde(default)]
    pub(crate) old_reaction: Vec<ReactionKind>,
    #[serde(default)]
    pub(crate) new_reaction: Vec<ReactionKind>,
}

/// An emoji, or one of somebody's own making.
#[derive(Debug, Deserialize)]
pub(crate) struct ReactionKind {
    pub(crate) emoji: Option<String>,
    pub(crate) custom_emoji_id: Option<String>,
}

/// A press of a button.
#[derive(Debug, Deserialize)]
pub(crate) struct Callback {
    pub(crate) id: String,
    pub(crate) from: User,
    pub(crate) message: Option<PressedMessage>,
    pub(crate) data: Option<String>,
}

/// The message under which a button is; of one that is too old, little more than its id is left.
#[derive(Debug, Deserialize)]
pub(crate) struct PressedMessage {
    pub(crate) message_id: i64,
    pub(crate) chat: Chat,
    pub(crate) message_thread_id: Option<i64>,
    #[serde(default)]
    pub(crate) is_topic_message: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) is_bot: bool,
    #[serde(default)]
    pub(crate) first_name: String,
    pub(crate) last_name: Option<String>,
    pub(crate) username: Option<String>,
    /// Of a bot: whether its direct chats have topics.
    #[serde(default)]
    pub(crate) has_topics_enabled: bool,
    /// Of a bot: whether it gets what is said in groups without a mention of it.
    pub(crate) can_read_all_group_messages: Option<bool>,
}

impl User {
    /// First and last name, where there is one.
    pub(crate) fn full_name(&self) -> Option<String> {
        let name = format!("{} {}", self.first_name, self.last_name.as_deref().unwrap_or_default());
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Chat {
    pub(crate) id: i64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) title: Option<String>,
    pub(crate) username: Option<String>,
    #[serde(default)]
    pub(crate) is_forum: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Entity {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) offset: usize,
    pub(crate) length: usize,
    pub(crate) user: Option<User>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) message_id: i64,
    pub(crate) date: i64,
    pub(crate) chat: Chat,
    pub(crate) from: Option<User>,
    pub(crate) sender_chat: Option<Chat>,
    pub(crate) message_thread_id: Option<i64>,
    #[serde(default)]
    pub(crate) is_topic_message: bool,
    pub(crate) edit_date: Option<i64>,
    pub(crate) media_group_id: Option<String>,
    pub(crate) migrate_to_chat_id: Option<i64>,
    pub(crate) reply_to_message: Option<Box<RepliedTo>>,
    pub(crate) external_reply: Option<ExternalReply>,
    pub(crate) quote: Option<Quote>,
    pub(crate) forward_origin: Option<Origin>,
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) entities: Vec<Entity>,
    pub(crate) caption: Option<String>,
    #[serde(default)]
    pub(crate) caption_entities: Vec<Entity>,
    #[serde(flatten)]
    pub(crate) media: Media,
}

/// The message that is replied to. In a topic, each message formally replies to the one that opened it.
#[derive(Debug, Deserialize)]
pub(crate) struct RepliedTo {
    pub(crate) message_id: Option<i64>,
    pub(crate) from: Option<User>,
    pub(crate) sender_chat: Option<Chat>,
    pub(crate) text: Option<String>,
    pub(crate) caption: Option<String>,
    pub(crate) forum_topic_created: Option<IgnoredAny>,
    #[serde(flatten)]
    pub(crate) media: Media,
}

/// A message of another chat that is replied to.
#[derive(Debug, Deserialize)]
pub(crate) struct ExternalReply {
    pub(crate) origin: Origin,
}

/// The part of a message that is replied to.
#[derive(Debug, Deserialize)]
pub(crate) struct Quote {
    pub(crate) text: String,
}

/// Whose words they were first: a user's, those of somebody who hides, or a chat's.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Origin {
    pub(crate) sender_user: Option<User>,
    pub(crate) sender_user_name: Option<String>,
    pub(crate) sender_chat: Option<Chat>,
    pub(crate) chat: Option<Chat>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Media {
    #[serde(default)]
    pub(crate) photo: Vec<PhotoSize>,
    pub(crate) document: Option<FileInfo>,
    pub(crate) animation: Option<FileInfo>,
    pub(crate) audio: Option<FileInfo>,
    pub(crate) video: Option<FileInfo>,
    pub(crate) video_note: Option<FileInfo>,
    pub(crate) voice: Option<FileInfo>,
    pub(crate) sticker: Option<Sticker>,
    pub(crate) location: Option<Location>,
    pub(crate) venue: Option<Venue>,
    pub(crate) contact: Option<Contact>,
    pub(crate) poll: Option<IgnoredAny>,
    pub(crate) dice: Option<Dice>,
    pub(crate) story: Option<IgnoredAny>,
    pub(crate) paid_media: Option<IgnoredAny>,
    pub(crate) game: Option<IgnoredAny>,
    pub(crate) invoice: Option<IgnoredAny>,
    pub(crate) checklist: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PhotoSize {
    pub(crate) file_id: String,
    pub(crate) file_size: Option<u64>,
    #[serde(default)]
    pub(crate) width: u64,
    #[serde(default)]
    pub(crate) height: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FileInfo {
    pub(crate) file_id: String,
    #[serde(default)]
    pub(crate) file_unique_id: String,
    pub(crate) file_name: Option<String>,
    pub(crate) file_size: Option<u64>,
    pub(crate) mime_type: Option<String>,
    pub(crate) duration: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Sticker {
    pub(crate) file_id: Option<String>,
    #[serde(default)]
    pub(crate) file_unique_id: String,
    pub(crate) set_name: Option<String>,
    pub(crate) file_size: Option<u64>,
    #[serde(default)]
    pub(crate) is_animated: bool,
    #[serde(default)]
    pub(crate) is_video: bool,
    pub(crate) emoji: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Location {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Venue {
    pub(crate) title: String,
    pub(crate) address: String,
    pub(crate) location: Location,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Contact {
    pub(crate) phone_number: String,
    pub(crate) first_name: String,
    pub(crate) last_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dice {
    pub(crate) emoji: String,
    pub(crate) value: i64,
}

/// What `getFile` gives.
#[derive(Debug, Deserialize)]
pub(crate) struct File {
    pub(crate) file_path: Option<String>,
    pub(crate) file_size: Option<u64>,
}

/// What `sendMessage` gives.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    pub(crate) message_id: i64,
}
