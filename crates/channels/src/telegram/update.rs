//! From an update of the Bot API to an `Inbound`.

use super::content::{self, ImageRef};
use super::target::{GENERAL_TOPIC, with_topic};
use super::types::{Entity, Message, Update, User};
use model::{Chat, ChatKind, Inbound, Sender};

/// The channel's id.
pub(crate) const CHANNEL: &str = "telegram";

/// Who the bot is, which decides what is addressed to it.
#[derive(Debug, Clone)]
pub(crate) struct Bot {
    pub(crate) id: i64,
    pub(crate) username: Option<String>,
}

/// What reading needs to know.
pub(crate) struct Reader<'a> {
    pub(crate) account: &'a str,
    pub(crate) bot: &'a Bot,
    pub(crate) media_max_bytes: u64,
}

/// A message, complete but for an image that is still to be fetched.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) inbound: Inbound,
    pub(crate) image: Option<ImageRef>,
}

impl Draft {
    /// Adds a line to the text.
    pub(crate) fn remark(&mut self, remark: &str) {
        let text = &mut self.inbound.text;
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(remark);
    }
}

impl Reader<'_> {
    /// Reads an update; nothing where it is none of our business (service messages, other bots).
    pub(crate) fn read(&self, json: &str) -> Result<Option<Draft>, serde_json::Error> {
        let update: Update = serde_json::from_str(json)?;
        Ok(update.message.and_then(|message| self.draft(message)))
    }

    fn draft(&self, message: Message) -> Option<Draft> {
        let kind = match message.chat.kind.as_str() {
            "private" => ChatKind::Direct,
            "group" | "supergroup" => ChatKind::Group,
            _ => return None,
        };
        let sender = sender(&message)?;
        let content = content::read(&message.media, self.media_max_bytes);
        let (text, entities) = match (&message.text, &message.caption) {
            (Some(text), _) => (text.as_str(), &message.entities),
            (None, Some(caption)) => (caption.as_str(), &message.caption_entities),
            (None, None) if content == content::Content::default() => return None,
            (None, None) => ("", &message.entities),
        };
        let addressed = kind == ChatKind::Direct || self.is_addressed(&message, text, entities);
        let inbound = Inbound {
            channel: CHANNEL.to_owned(),
            account: self.account.to_owned(),
            message_id: message.message_id.to_string(),
            chat: Chat {
                id: with_topic(message.chat.id, topic(&message)),
                kind,
                title: message.chat.title.clone(),
            },
            sender,
            text: self.without_own_name(text, entities),
            images: Vec::new(),
            addressed,
            sent_at_ms: message.date.saturating_mul(1000),
            directives: None,
        };
        let mut draft = Draft { inbound, image: content.image };
        if let Some(remark) = content.remark {
            draft.remark(&remark);
        }
        Some(draft)
    }

    fn is_addressed(&self, message: &Message, text: &str, entities: &[Entity]) -> bool {
        let named = entities.iter().any(|entity| match entity.kind.as_str() {
            "mention" => slice(text, entity).is_some_and(|t| self.is_own_name(t)),
            "bot_command" => {
                let at = slice(text, entity).and_then(|t| t.find('@').and_then(|i| t.get(i..)));
                at.is_some_and(|name| self.is_own_name(name))
            }
            "text_mention" => entity.user.as_ref().is_some_and(|user| user.id == self.bot.id),
            _ => false,
        });
        let replied = message.reply_to_message.as_ref().is_some_and(|to| {
            to.forum_topic_created.is_none() && to.from.as_ref().is_some_and(|user| user.id == self.bot.id)
        });
        named || replied
    }

    fn is_own_name(&self, text: &str) -> bool {
        let name = text.strip_prefix('@').zip(self.bot.username.as_deref());
        name.is_some_and(|(found, own)| found.eq_ignore_ascii_case(own))
    }

    /// `/status@our_bot` in a group is the command `/status`.
    fn without_own_name(&self, text: &str, entities: &[Entity]) -> String {
        let command = entities.iter().find(|e| e.offset == 0 && e.kind == "bot_command");
        let Some(command) = command.and_then(|entity| slice(text, entity)) else { return text.to_owned() };
        match command.find('@').map(|at| command.split_at(at)) {
            Some((name, own)) if self.is_own_name(own) => {
                format!("{name}{}", text.get(command.len()..).unwrap_or_default())
            }
            _ => text.to_owned(),
        }
    }
}

/// Who said it. Who speaks as a group or channel is that group or channel: nobody is let in as "some administrator".
fn sender(message: &Message) -> Option<Sender> {
    if let Some(chat) = &message.sender_chat {
        let (name, username) = (chat.title.clone(), chat.username.clone());
        return Some(Sender { id: chat.id.to_string(), name, username });
    }
    let user = message.from.as_ref().filter(|user| !user.is_bot)?;
    Some(Sender { id: user.id.to_string(), name: full_name(user), username: user.username.clone() })
}

fn full_name(user: &User) -> Option<String> {
    let name = format!("{} {}", user.first_name, user.last_name.as_deref().unwrap_or_default());
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Telegram names no topic for messages in a forum's general one.
fn topic(message: &Message) -> Option<i64> {
    let general = message.chat.is_forum.then_some(GENERAL_TOPIC);
    message.message_thread_id.filter(|_| message.is_topic_message).or(general)
}

/// An entity's text; offsets count UTF-16 units.
fn slice<'a>(text: &'a str, entity: &Entity) -> Option<&'a str> {
    let start = byte_at(text, entity.offset)?;
    let end = byte_at(text, entity.offset.checked_add(entity.length)?)?;
    text.get(start..end)
}

fn byte_at(text: &str, units: usize) -> Option<usize> {
    let mut seen = 0;
    for (index, c) in text.char_indices() {
        if seen >= units {
            return (seen == units).then_some(index);
        }
        seen += c.len_utf16();
    }
    (seen == units).then_some(text.len())
}
