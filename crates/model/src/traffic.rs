//! What comes in from a chat platform and what goes out to one.

use crate::Part;
use serde::{Deserialize, Serialize};

/// A message from a chat platform, as the channel read it. Nothing about it is decided yet: who may speak and which
/// session hears it is the gateway's business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inbound {
    /// The channel's id, such as `telegram`.
    pub channel: String,
    /// The account of that channel, `default` where there is one alone.
    pub account: String,
    /// The platform's id of the message: unique within channel, account and chat, and the same on redelivery.
    pub message_id: String,
    /// Where it was said.
    pub chat: Chat,
    /// Who said it.
    pub sender: Sender,
    /// Its text (a caption, where it came with an image).
    pub text: String,
    /// What was said itself, where there are remarks beside it in the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// What stands beside the text, in lines of its own: what it answers, what it quotes, whose words it passes on. For the
    /// agent to read; a command is still a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// What happened, where nothing new was said. [`Inbound::message_id`] names the event then, and not a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<ChatEvent>,
    /// The platform's id of the album that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// Images that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Part>,
    /// What came with it and the platform still has: it is fetched before the message is heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coming: Vec<Coming>,
    /// The sticker that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticker: Option<Sticker>,
    /// Whether somebody passes on what was said elsewhere: it is no command of theirs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub forwarded: bool,
    /// Whether the bot was named or replied to. Always true in direct chats.
    pub addressed: bool,
    /// When the platform says it was sent, in ms since the epoch.
    pub sent_at_ms: i64,
    /// What a program that submitted it by RPC asked for beside it; `None` for what came from a platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directives: Option<Directives>,
}

impl Inbound {
    /// The platform's id of the message that it is or is about: what an answer is shown as a reply to.
    pub fn platform_message(&self) -> &str {
        match &self.event {
            Some(
                ChatEvent::Edited { message_id }
                | ChatEvent::Pressed { message_id, .. }
                | ChatEvent::Reacted { message_id, .. },
            ) => message_id,
            Some(ChatEvent::Moved { .. } | ChatEvent::Joined) | None => &self.message_id,
        }
    }

    /// Adds a line to the text, beside what was said.
    pub fn remark(&mut self, remark: &str) {
        self.said.get_or_insert_with(|| self.text.clone());
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(remark);
    }

    /// What was said by voice, in words: a line of the text, and what was said itself where nothing was written.
    pub fn hear(&mut self, words: &str) {
        let quoted = serde_json::Value::from(words);
        self.remark(&format!("[Audio transcript (machine-generated, untrusted)]: {quoted}"));
        if let Some(said) = self.said.as_mut().filter(|said| said.trim().is_empty()) {
            words.clone_into(said);
        }
    }

    /// Goes without what would have come with it, and says why.
    pub fn give_up(&mut self, why: &str) {
        for coming in std::mem::take(&mut self.coming) {
            self.remark(&format!("[{}: could not be downloaded: {why}]", coming.label));
        }
    }
}

/// Something that a platform has for a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coming {
    /// With which the account that got it fetches it.
    pub file_id: String,
    /// What to call it: kind, name, length and size, as far as they are told.
    pub label: String,
    /// What is made of it.
    pub becomes: Becomes,
}

/// What is made of something that came with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Becomes {
    /// An image of the message.
    Image,
    /// A file beside it.
    File {
        /// The same for the same file, whoever asks and whenever.
        unique_id: String,
        /// What it calls itself, where it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Whether the label tells its size.
        is_sized: bool,
        /// The media type of what can be heard, such as `audio/ogg`; `None` for everything else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sound: Option<String>,
    },
}

/// A sticker, as the platform has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sticker {
    /// With which it can be sent, by the account that got it.
    pub file_id: String,
    /// The same for the same sticker, whoever asks and whenever.
    pub unique_id: String,
    /// The emoji that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    /// The set that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_name: Option<String>,
}

/// What happens in a chat beside somebody saying something new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ChatEvent {
    /// The text takes the place of that of an earlier message.
    Edited {
        /// The platform's id of the message.
        message_id: String,
    },
    /// A button was pressed; the text is what it stands for.
    Pressed {
        /// The platform's id of the message under which the button is.
        message_id: String,
        /// The platform's id of the press, with which it is acknowledged.
        press_id: String,
    },
    /// Somebody put reactions on a message or took some away; the text is empty.
    Reacted {
        /// The platform's id of the message.
        message_id: String,
        /// What is there now and was not.
        added: Vec<String>,
        /// What was there and is not now.
        removed: Vec<String>,
    },
    /// The bot was added to the group; the text is empty.
    Joined,
    /// The chat goes on under another id. The platform itself says so; the text is empty.
    Moved {
        /// [`Chat::id`] from now on.
        to: String,
    },
}

/// What a program may ask for beside its message. Stored with the message, so that it still holds after a crash.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Directives {
    /// What to do while a turn runs: `steer`, `followup`, `collect` or `interrupt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_mode: Option<String>,
    /// The turn's deadline, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Where the answer goes beside the caller: channel, account and chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver_to: Option<(String, String, String)>,
    /// More for the system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_system: Option<String>,
    /// `provider/model`, instead of the agent's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The only tools of the turn, of those that the agent has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools_allow: Option<Vec<String>>,
    /// Whether the files of the workspace stay out of the prompt.
    #[serde(skip_serializing_if = "is_false")]
    pub light_context: bool,
    /// Whether the agent sends no messages of its own in this turn.
    #[serde(skip_serializing_if = "is_false")]
    pub no_message_tool: bool,
    /// Whether it came from the internet (Tailscale Funnel): the turn runs no commands.
    #[serde(skip_serializing_if = "is_false")]
    pub over_funnel: bool,
    /// Whether nobody waits in the chat: what goes wrong is not told there.
    #[serde(skip_serializing_if = "is_false")]
    pub unattended: bool,
    /// Whether this is a heartbeat: an answer that says only that all is well goes nowhere.
    #[serde(skip_serializing_if = "is_false")]
    pub heartbeat: bool,
}

// Shaped as serde wants it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

/// A conversation on a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// The platform's id, with the thread or topic behind it where there is one (`-100123:topic:7`).
    pub id: String,
    /// One person, or many.
    pub kind: ChatKind,
    /// The group's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// One person, or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChatKind {
    /// A direct chat.
    Direct,
    /// A group, channel or thread.
    Group,
}

/// A person (or bot) on a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sender {
    /// The platform's id: what allow-lists and pairings are about.
    pub id: String,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The handle, without `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// What is done on a platform instead of saying a text there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Act {
    /// Sends a sticker that the platform has.
    Sticker {
        /// The platform's id of it.
        file_id: String,
    },
    /// Sends a place.
    Place(Place),
    /// Makes a topic in a forum, or changes one.
    Topic(Topic),
    /// Lets people choose.
    Poll {
        /// What is asked.
        question: String,
        /// What there is to choose from.
        options: Vec<String>,
        /// Whether one may choose as many as one likes, and not one alone.
        several: bool,
        /// Whether nobody sees who chose what.
        anonymous: bool,
        /// After so many seconds it closes by itself; `None` is never.
        open_seconds: Option<u64>,
        /// Whether it comes without a sound.
        silent: bool,
    },
    /// Puts a reaction on a message.
    React {
        /// The platform's id of the message.
        message_id: String,
        /// The reaction; `None` takes the bot's own away.
        emoji: Option<String>,
    },
    /// Sends a file, with [`Outbound::text`] under it.
    File {
        /// The file.
        #[serde(flatten)]
        file: SentFile,
        /// How people see it.
        #[serde(default)]
        seen_as: FileAs,
    },
    /// Sends pictures as one album, with [`Outbound::text`] under it.
    Album {
        /// Two to ten.
        files: Vec<SentFile>,
    },
    /// Says [`Outbound::text`] with buttons under it.
    Ask {
        /// Rows of buttons.
        rows: Vec<Vec<Button>>,
    },
    /// Takes the buttons away from under a message.
    Settle {
        /// The platform's id of the message.
        message_id: String,
    },
    /// Puts [`Outbound::text`] in the place of a message's text.
    Edit {
        /// The platform's id of the message.
        message_id: String,
        /// Rows of buttons in the place of those that are under it; without a text, these alone are changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<Vec<Vec<Button>>>,
    },
    /// Puts [`Outbound::text`] in the place of a message that goes out before it, whatever the platform calls that.
    Replace {
        /// Its number in the outbox.
        row: i64,
    },
    /// Puts [`Outbound::text`] in the place of a draft, anew where that cannot be done; without a text the draft goes.
    EndDraft {
        /// The platform's id of the draft.
        message_id: String,
    },
    /// Takes a message away.
    Delete {
        /// The platform's id of the message.
        message_id: String,
    },
    /// Puts a message at the head of its chat.
    Pin {
        /// The platform's id of the message.
        message_id: String,
        /// Whether nobody is told.
        silent: bool,
    },
    /// Takes it from there.
    Unpin {
        /// The platform's id of the message.
        message_id: String,
    },
}

impl Act {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Act::Sticker { .. } => "sticker",
            Act::Place(_) => "place",
            Act::Topic(_) => "topic",
            Act::Poll { .. } => "poll",
            Act::File { .. } => "file",
            Act::Album { .. } => "album",
            Act::Ask { .. } => "ask",
            Act::Settle { .. } => "settle",
            Act::React { .. } => "react",
            Act::Edit { .. } => "edit",
            Act::EndDraft { .. } => "endDraft",
            Act::Replace { .. } => "replace",
            Act::Delete { .. } => "delete",
            Act::Pin { .. } => "pin",
            Act::Unpin { .. } => "unpin",
        }
    }

    /// The files that go with it.
    pub fn files(&self) -> &[SentFile] {
        match self {
            Act::File { file, .. } => std::slice::from_ref(file),
            Act::Album { files } => files,
            _ => &[],
        }
    }

    /// The message that it is about, where there is one already.
    pub fn message_id(&self) -> Option<&str> {
        match self {
            Act::Sticker { .. }
            | Act::Place(_)
            | Act::Topic(_)
            | Act::Poll { .. }
            | Act::File { .. }
            | Act::Album { .. }
            | Act::Ask { .. }
            | Act::Replace { .. } => None,
            Act::Settle { message_id }
            | Act::React { message_id, .. }
            | Act::Edit { message_id, .. }
            | Act::EndDraft { message_id }
            | Act::Delete { message_id }
            | Act::Pin { message_id, .. }
            | Act::Unpin { message_id } => Some(message_id),
        }
    }
}

/// A file that goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFile {
    /// Where a copy of it lies that is there until it was sent.
    pub path: String,
    /// What people see it called.
    pub name: String,
}

/// How people see a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileAs {
    /// As what it is.
    #[default]
    Itself,
    /// As a file to be saved, whatever it is.
    Document,
    /// Sound as a voice message.
    Voice,
    /// A film as a round video message.
    VideoNote,
}

/// A button under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What stands on it.
    pub label: String,
    /// What it says when it is pressed, as if the person had written it; platforms take 64 bytes. Empty where it opens something.
    pub says: String,
    /// What it opens instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<Opens>,
    /// `primary`, `success` or `danger`, where it is not to look like any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
}

/// What a button opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "address", rename_all = "camelCase")]
pub enum Opens {
    /// A page.
    Page(String),
    /// A page as an app of the platform's; in direct chats.
    App(String),
}

/// A place on earth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Degrees, as a decimal number.
    pub latitude: String,
    /// Degrees, as a decimal number.
    pub longitude: String,
    /// How exact that is, in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<String>,
    /// What is there, and its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub venue: Option<(String, String)>,
}

/// A topic of a forum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Topic {
    /// The platform's id of the one that is changed; `None` makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The colour of its icon, as the platform counts them; for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_color: Option<u32>,
    /// The platform's id of an emoji that is its icon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_emoji_id: Option<String>,
}

/// One message to a platform, or one act. It is one send there: long texts are split before they become outbounds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outbound {
    /// The channel's id.
    pub channel: String,
    /// The account of that channel.
    pub account: String,
    /// [`Chat::id`] of where it goes.
    pub to: String,
    /// Markdown.
    pub text: String,
    /// Whether the text is in the platform's own HTML instead, and goes out as it is.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_html: bool,
    /// The platform's id of the message that it answers, where it should be shown as a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The part of that message that it answers, word for word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// Whether it comes without a sound.
    #[serde(default, skip_serializing_if = "is_false")]
    pub silent: bool,
    /// What is done instead of saying the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
}
