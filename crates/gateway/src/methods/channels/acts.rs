//! `poll`, and what `message.action` does beside sending a text: each is put on disk as a message is, goes out in its
//! chat's order, and is done once for each key.

use super::only_channel;
use super::send::{self, Message};
use crate::delivery::{emoji, gates, outbox, reading};
use crate::methods::{Answer, Call, store_error};
use model::{Act, Topic};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What there is beside `send`, as the refusal of everything else says it.
pub(super) const ACTIONS: &str = "send, read, poll, react, emoji-list, edit, delete, pin, unpin, sticker, sticker-search, topic-create, topic-edit";

/// So many reactions are named at once.
const MAX_EMOJI: u64 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Poll {
    to: String,
    question: String,
    options: Vec<String>,
    max_selections: Option<usize>,
    duration_seconds: Option<u64>,
    duration_hours: Option<u64>,
    #[serde(default)]
    silent: bool,
    is_anonymous: Option<bool>,
    thread_id: Option<String>,
    channel: Option<String>,
    account_id: Option<String>,
    idempotency_key: String,
}

pub(super) async fn poll(mut call: Call) -> Answer {
    let p: Poll = call.params()?;
    let run_id = p.idempotency_key.clone();
    let channel = only_channel(&call, p.channel, "poll")?;
    let several = several(p.max_selections, p.options.len())?;
    let open_seconds = match (p.duration_seconds, p.duration_hours) {
        (Some(_), Some(_)) => {
            return Err(ErrorShape::invalid("durationSeconds and durationHours: give one of them, not both"));
        }
        (seconds, hours) => seconds.or(hours.map(|hours| hours.saturating_mul(3600))),
    };
    let act = Act::Poll {
        question: p.question,
        options: p.options,
        several,
        anonymous: p.is_anonymous.unwrap_or(true),
        open_seconds,
        silent: p.silent,
    };
    let message = Message {
        account_id: p.account_id,
        thread_id: p.thread_id,
        act: Some(act),
        ..Message::to(channel, p.to, p.idempotency_key)
    };
    let sent = send::send(&call, message).await?;
    Ok(sent.answer(json!({"runId": run_id, "messageId": sent.message_id, "channel": sent.channel})).into())
}

/// Telegram lets people choose one option, or as many as they like.
fn several(most: Option<usize>, options: usize) -> Result<bool, ErrorShape> {
    match most {
        None | Some(1) => Ok(false),
        Some(most) if most == options => Ok(true),
        Some(most) => Err(ErrorShape::invalid(format!(
            "maxSelections {most} cannot be held: people choose one option (1) or as many as they like ({options})"
        ))),
    }
}

/// An action by its name and parameters.
pub(super) struct Action {
    pub(super) name: String,
    pub(super) channel: String,
    pub(super) params: Map<String, Value>,
    pub(super) account_id: Option<String>,
    pub(super) idempotency_key: String,
}

/// Does an action other than `send`.
pub(super) async fn handle(call: &Call, action: Action) -> Answer {
    let params = Given(&action.params);
    if action.name == "sticker-search" {
        return stickers(call, &action, &params).await;
    }
    if action.name == "read" {
        return said(call, &action, &params).await;
    }
    if action.name == "emoji-list" {
        return reactions(call, &action, &params).await;
    }
    let text = params.text(&["message", "text", "content", "caption"]).unwrap_or_default();
    let message_id = || params.need(&["messageId", "message_id"], "messageId");
    let to = params.need(&["to", "target", "chatId"], "to")?;
    let account_id = action.account_id.clone().or_else(|| params.text(&["accountId"]));
    let (mut says, mut rows) = (text, None);
    if let Some(presentation) = action.params.get("presentation").filter(|value| !value.is_null()) {
        let account = account_id.clone().unwrap_or_else(|| call.shared.channels.default_account());
        let chat = gates::presented_in(&call.shared.settings(), &action.channel, &account, &to);
        let presented = tools::present(presentation, &says, chat);
        let presented = presented.map_err(|e| ErrorShape::invalid(format!("{e}; nothing was done")))?;
        (says, rows) = (presented.text, Some(presented.rows));
    }
    let act = match action.name.as_str() {
        "poll" => params.poll()?,
        "react" => Act::React { message_id: message_id()?, emoji: params.reaction()? },
        "edit" | "editMessage" => Act::Edit { message_id: message_id()?, rows },
        "delete" | "deleteMessage" => Act::Delete { message_id: message_id()? },
        "pin" => Act::Pin { message_id: message_id()?, silent: params.flag("silent") },
        "unpin" => Act::Unpin { message_id: message_id()? },
        "sticker" | "sendSticker" => Act::Sticker { file_id: params.sticker()? },
        "topic-create" | "createForumTopic" => Act::Topic(params.topic(None)?),
        "topic-edit" | "editForumTopic" => {
            let id = params.need(&["messageThreadId", "threadId"], "threadId")?;
            Act::Topic(params.topic(Some(id))?)
        }
        other => {
            let message =
                format!("channel {:?} has no action {other:?} here; there are: {ACTIONS}", action.channel);
            return Err(ErrorShape::invalid(message));
        }
    };
    let done = outcome(&act);
    let has_text = matches!(act, Act::Edit { .. });
    let is_topic = matches!(act, Act::Topic(_));
    let message = Message {
        message: if has_text { says } else { String::new() },
        account_id,
        reply_to_id: params.text(&["replyTo", "replyToId", "replyToMessageId"]),
        thread_id: params.text(&["threadId", "messageThreadId"]).filter(|_| !is_topic),
        silent: params.flag("silent"),
        act: Some(act),
        ..Message::to(action.channel, to, action.idempotency_key)
    };
    let sent = send::send(call, message).await?;
    let mut answer = json!({"ok": true, "chatId": sent.chat, "channel": sent.channel});
    if sent.is_queued() {
        return Ok(sent.answer(answer).into());
    }
    answer[if is_topic { "topicId" } else { "messageId" }] = json!(sent.message_id);
    if let Some((name, value)) = done {
        answer[name] = value;
    }
    Ok(answer.into())
}

/// The stickers that people have sent here, by emoji and by the name of their set.
async fn stickers(call: &Call, action: &Action, params: &Given<'_>) -> Answer {
    let account = action.account_id.clone().unwrap_or_else(|| call.shared.channels.default_account());
    let sticker = Act::Sticker { file_id: String::new() };
    if let Some(refusal) = gates::refusal(&call.shared.settings(), &action.channel, &account, Some(&sticker))
    {
        return Err(ErrorShape::invalid(refusal));
    }
    let query = params.need(&["query"], "query")?;
    let limit = params.number("limit")?.unwrap_or(5).clamp(1, 100);
    let found = call.shared.store.stickers(&account, &query, limit).await.map_err(store_error)?;
    let found: Vec<Value> = found
        .into_iter()
        .map(|s| json!({"fileId": s.file_id, "emoji": s.emoji, "setName": s.set_name}))
        .collect();
    Ok(json!({"ok": true, "channel": action.channel, "count": found.len(), "stickers": found}).into())
}

/// What was said in a chat, as far as it came here.
async fn said(call: &Call, action: &Action, params: &Given<'_>) -> Answer {
    let mut chat = outbox::chat_id(&action.channel, &params.need(&["to", "target", "chatId"], "to")?);
    if let Some(thread) = params.text(&["threadId", "messageThreadId"]).filter(|_| !chat.contains(":topic:"))
    {
        chat = format!("{chat}:topic:{thread}");
    }
    let account = action.account_id.clone().or_else(|| params.text(&["accountId"]));
    let account = account.unwrap_or_else(|| call.shared.channels.default_account());
    let id = |name: &'static str| params.number(name).map(|id| id.and_then(|id| i64::try_from(id).ok()));
    let asked = tools::ReadMessages {
        message_id: id("messageId")?,
        before: id("before")?,
        after: id("after")?,
        limit: params.number("limit")?,
    };
    Ok(reading::read(&call.shared, (&action.channel, &account, &chat), asked).await?.into())
}

/// The reactions that a chat allows.
async fn reactions(call: &Call, action: &Action, params: &Given<'_>) -> Answer {
    let chat = outbox::chat_id(&action.channel, &params.need(&["to", "target", "chatId"], "to")?);
    let account = action.account_id.clone().or_else(|| params.text(&["accountId"]));
    let account = account.unwrap_or_else(|| call.shared.channels.default_account());
    let limit = params.number("limit")?.unwrap_or(MAX_EMOJI).clamp(1, MAX_EMOJI);
    let found = emoji::of(&call.shared, (&action.channel, &account), &chat).await;
    let found = found.map_err(ErrorShape::invalid)?;
    let plain = found.emoji.iter().map(|emoji| json!({"name": emoji, "identifier": emoji}));
    let custom = found.custom.iter().map(|id| json!({"identifier": id, "type": "custom_emoji"}));
    let emojis: Vec<Value> = plain.chain(custom).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
    let mut answer = json!({"ok": true, "channel": action.channel, "chatId": chat, "emojis": emojis});
    if found.is_all {
        answer["note"] = json!("The chat allows all of the platform's standard reactions.");
    }
    Ok(answer.into())
}

/// How the answer names what was done.
fn outcome(act: &Act) -> Option<(&'static str, Value)> {
    match act {
        Act::React { emoji: Some(emoji), .. } => Some(("added", json!(emoji))),
        Act::React { emoji: None, .. } => Some(("removed", json!(true))),
        Act::Delete { .. } => Some(("deleted", json!(true))),
        Act::Pin { .. } => Some(("pinned", json!(true))),
        Act::Unpin { .. } => Some(("unpinned", json!(true))),
        Act::Sticker { .. }
        | Act::Place(_)
        | Act::Topic(_)
        | Act::Poll { .. }
        | Act::File { .. }
        | Act::Album { .. }
        | Act::Ask { .. }
        | Act::Settle { .. }
        | Act::Edit { .. }
        | Act::EndDraft { .. }
        | Act::Replace { .. } => None,
    }
}

/// An action's own parameters. Clients send numbers as text and texts as numbers, and every flag they know.
struct Given<'a>(&'a Map<String, Value>);

impl Given<'_> {
    fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.0.get(*name).and_then(super::action::plain))
    }

    fn need(&self, names: &[&str], name: &str) -> Result<String, ErrorShape> {
        self.text(names)
            .ok_or_else(|| super::action::invalid(&format!("must have required property '{name}'")))
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Value::Bool(true)))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, ErrorShape> {
        let Some(text) = self.text(&[name]) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| super::action::invalid(&format!("{name} must be a whole number")))
    }

    /// The emoji to show; `None` takes the bot's reaction away.
    fn reaction(&self) -> Result<Option<String>, ErrorShape> {
        if self.flag("remove") || self.0.get("emoji").is_some_and(|emoji| emoji == "") {
            return Ok(None);
        }
        self.need(&["emoji", "reaction"], "emoji").map(Some)
    }

    /// `fileId`, or the first of `stickerId`.
    fn sticker(&self) -> Result<String, ErrorShape> {
        let first = self.0.get("stickerId").and_then(|ids| ids.get(0)).and_then(super::action::plain);
        first.map_or_else(|| self.need(&["fileId", "stickerId"], "fileId"), Ok)
    }

    fn topic(&self, id: Option<String>) -> Result<Topic, ErrorShape> {
        Ok(Topic {
            name: self.text(&["name", "threadName"]),
            icon_color: self.number("iconColor")?.and_then(|color| u32::try_from(color).ok()),
            icon_emoji_id: self.text(&["iconCustomEmojiId"]),
            id,
        })
    }

    fn poll(&self) -> Result<Act, ErrorShape> {
        let options = match self.0.get("pollOption") {
            Some(Value::Array(all)) => all.iter().filter_map(super::action::plain).collect(),
            Some(one) => super::action::plain(one).into_iter().collect(),
            None => Vec::new(),
        };
        let hours = self.number("pollDurationHours")?.map(|hours| hours.saturating_mul(3600));
        Ok(Act::Poll {
            question: self.need(&["pollQuestion"], "pollQuestion")?,
            options,
            several: self.flag("pollMulti"),
            anonymous: !self.flag("pollPublic"),
            open_seconds: self.number("pollDurationSeconds")?.or(hours),
            silent: self.flag("silent"),
        })
    }
}
