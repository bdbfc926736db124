//! From an update of the Bot API to an `Inbound`.

use super::content::{self, Bounds};
use super::context;
use super::target::{GENERAL_TOPIC, with_topic};
use super::types::{self, Callback, Entity, Membership, Message, Reaction, ReactionKind, Update, User};
use model::{Chat, ChatEvent, ChatKind, Inbound, Sender};

/// The channel's id.
pub(crate) const CHANNEL: &str = "telegram";

/// Who the bot is, which decides what is addressed to it.
#[derive(Debug, Clone)]
pub(crate) struct Bot {
    pub(crate) id: i64,
    pub(crate) username: Option<String>,
    /// Whether its direct chats have topics.
    pub(crate) has_topics: bool,
}

impl From<User> for Bot {
    fn from(user: User) -> Self {
        Self { id: user.id, username: user.username, has_topics: user.has_topics_enabled }
    }
}

/// What reading needs to know.
pub(crate) struct Reader<'a> {
    pub(crate) account: &'a str,
    pub(crate) bot: &'a Bot,
    pub(crate) bounds: Bounds,
    /// For what Telegram gives no time of.
    pub(crate) now_ms: i64,
}

impl Reader<'_> {
    /// Reads an update; nothing where it is none of our business (service messages, other bots).
    pub(crate) fn read(&self, json: &str) -> Result<Option<Inbound>, serde_json::Error> {
        let update: Update = serde_json::from_str(json)?;
        Ok(match update {
            Update { message: Some(message), .. } => self.moved(&message).or_else(|| self.message(message)),
            Update { edited_message: Some(message), update_id, .. } => self.edited(message, update_id),
            Update { callback_query: Some(callback), .. } => self.pressed(callback),
            Update { message_reaction: Some(reaction), update_id, .. } => self.reacted(reaction, update_id),
            Update { my_chat_member: Some(change), .. } => self.joined(&change),
            _ => None,
        })
    }

    fn message(&self, message: Message) -> Option<Inbound> {
        let kind = kind(&message.chat)?;
        let sender = sender(&message)?;
        let content = content::read(&message.media, self.bounds);
        let (text, entities) = match (&message.text, &message.caption) {
            (Some(text), _) => (text.as_str(), &message.entities),
            (None, Some(caption)) => (caption.as_str(), &message.caption_entities),
            (None, None) if content == content::Content::default() => return None,
            (None, None) => ("", &message.entities),
        };
        let addressed = kind == ChatKind::Direct || self.is_addressed(&message, text, entities);
        let topic = self.topic(&message.chat, message.message_thread_id, message.is_topic_message);
        // What is asked about a picture is mostly asked in a reply to it.
        let shown = || context::replied(&message).and_then(|to| content::read(&to.media, self.bounds).image);
        let image = content.image.or_else(shown);
        let mut inbound = Inbound {
            message_id: message.message_id.to_string(),
            text: self.without_own_name(text, entities),
            context: context::read(&message),
            album: message.media_group_id.clone(),
            coming: image.into_iter().chain(content.file).collect(),
            sticker: message.media.sticker.as_ref().and_then(sticker),
            forwarded: message.forward_origin.is_some(),
            addressed,
            sent_at_ms: message.date.saturating_mul(1000),
            ..self.bare(&message.chat, topic, kind, sender)
        };
        if let Some(remark) = content.remark {
            inbound.remark(&remark);
        }
        Some(inbound)
    }

    /// A message whose text was changed. A place that moves is changed all the time, and files that came before are not
    /// fetched again.
    fn edited(&self, message: Message, update_id: i64) -> Option<Inbound> {
        let (id, at) = (message.message_id, message.edit_date?);
        if message.text.is_none() && message.caption.is_none() {
            return None;
        }
        let mut inbound = self.message(message)?;
        inbound.coming.clear();
        // What it answers was told with the message itself.
        inbound.context = None;
        // Each change is an event of its own, two within a second too, and the same one when it comes again.
        inbound.message_id = format!("{id}/edited/{update_id}");
        inbound.sent_at_ms = at.saturating_mul(1000);
        inbound.event = Some(ChatEvent::Edited { message_id: id.to_string() });
        Some(inbound)
    }

    /// A button under one of the bot's messages was pressed: it says what it stands for.
    fn pressed(&self, callback: Callback) -> Option<Inbound> {
        let Callback { id, from, message, data } = callback;
        let (message, data) = (message?, data?);
        let (kind, sender) = (kind(&message.chat)?, person(&from)?);
        let topic = self.topic(&message.chat, message.message_thread_id, message.is_topic_message);
        let text = if data.starts_with('/') { data } else { format!("callback_data: {data}") };
        let message_id = message.message_id.to_string();
        Some(Inbound {
            message_id: format!("press/{id}"),
            text,
            addressed: true,
            event: Some(ChatEvent::Pressed { message_id, press_id: id }),
            ..self.bare(&message.chat, topic, kind, sender)
        })
    }

    /// A group has become a supergroup, and goes on under another id.
    fn moved(&self, message: &Message) -> Option<Inbound> {
        let to = message.migrate_to_chat_id?.to_string();
        let sender = Sender { id: message.chat.id.to_string(), name: None, username: None };
        Some(Inbound {
            message_id: format!("moved/{to}"),
            event: Some(ChatEvent::Moved { to }),
            ..self.bare(&message.chat, None, kind(&message.chat)?, sender)
        })
    }

    /// The bot was added to a group. It is told once, however often that happens.
    fn joined(&self, change: &Membership) -> Option<Inbound> {
        let was_in = !matches!(change.old_chat_member.status.as_str(), "left" | "kicked");
        let is_in = matches!(change.new_chat_member.status.as_str(), "member" | "administrator");
        let kind = kind(&change.chat).filter(|kind| *kind == ChatKind::Group && is_in && !was_in)?;
        Some(Inbound {
            message_id: "joined".to_owned(),
            addressed: true,
            sent_at_ms: change.date.saturating_mul(1000),
            event: Some(ChatEvent::Joined),
            ..self.bare(&change.chat, self.topic(&change.chat, None, false), kind, person(&change.from)?)
        })
    }

    fn reacted(&self, reaction: Reaction, update_id: i64) -> Option<Inbound> {
        let Reaction { chat, message_id, user, actor_chat, date, old_reaction, new_reaction } = reaction;
        let sender = match (&actor_chat, &user) {
            (Some(chat), _) => Sender { id: chat.id.to_string(), name: chat.title.clone(), username: None },
            (None, user) => person(user.as_ref()?)?,
        };
        let named = |kinds: Vec<ReactionKind>| -> Vec<String> {
            kinds.into_iter().filter_map(|kind| kind.emoji.or(kind.custom_emoji_id)).collect()
        };
        let (old, new) = (named(old_reaction), named(new_reaction));
        let but = |of: &[String], without: &[String]| -> Vec<String> {
            of.iter().filter(|emoji| !without.contains(emoji)).cloned().collect()
        };
        let (added, removed) = (but(&new, &old), but(&old, &new));
        let event = ChatEvent::Reacted { message_id: message_id.to_string(), added, removed };
        Some(Inbound {
            message_id: format!("reaction/{update_id}"),
            // It needs no mention: it is about a message.
            addressed: true,
            sent_at_ms: date.saturating_mul(1000),
            event: Some(event),
            ..self.bare(&chat, self.topic(&chat, None, false), kind(&chat)?, sender)
        })
    }

    fn bare(&self, chat: &types::Chat, topic: Option<i64>, kind: ChatKind, sender: Sender) -> Inbound {
        Inbound {
            channel: CHANNEL.to_owned(),
            account: self.account.to_owned(),
            message_id: String::new(),
            chat: Chat { id: with_topic(chat.id, topic), kind, title: chat.title.clone() },
            sender,
            text: String::new(),
            context: None,
            event: None,
            album: None,
            said: None,
            sticker: None,
            images: Vec::new(),
            coming: Vec::new(),
            forwarded: false,
            addressed: false,
            sent_at_ms: self.now_ms,
            directives: None,
        }
    }

    /// Telegram names no topic for messages in a forum's general one. Elsewhere a thread is only what answers one message.
    fn topic(&self, chat: &types::Chat, thread_id: Option<i64>, is_topic_message: bool) -> Option<i64> {
        let has_topics = is_topic_message || (self.bot.has_topics && chat.kind == "private");
        let general = chat.is_forum.then_some(GENERAL_TOPIC);
        thread_id.filter(|_| has_topics).or(general)
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
        let replied = context::replied(message)
            .is_some_and(|to| to.from.as_ref().is_some_and(|user| user.id == self.bot.id));
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

/// A sticker that can be sent again.
fn sticker(sticker: &types::Sticker) -> Option<model::Sticker> {
    let file_id = sticker.file_id.clone()?;
    let unique_id = if sticker.file_unique_id.is_empty() { &file_id } else { &sticker.file_unique_id };
    let (emoji, set_name) = (sticker.emoji.clone(), sticker.set_name.clone());
    Some(model::Sticker { unique_id: unique_id.clone(), file_id, emoji, set_name })
}

/// Who said it. Who speaks as a group or channel is that group or channel: nobody is let in as "some administrator".
fn sender(message: &Message) -> Option<Sender> {
    if let Some(chat) = &message.sender_chat {
        let (name, username) = (chat.title.clone(), chat.username.clone());
        return Some(Sender { id: chat.id.to_string(), name, username });
    }
    message.from.as_ref().and_then(person)
}

fn person(user: &User) -> Option<Sender> {
    let sender =
        || Sender { id: user.id.to_string(), name: user.full_name(), username: user.username.clone() };
    (!user.is_bot).then(sender)
}

fn kind(chat: &types::Chat) -> Option<ChatKind> {
    match chat.kind.as_str() {
        "private" => Some(ChatKind::Direct),
        "group" | "supergroup" => Some(ChatKind::Group),
        _ => None,
    }
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
