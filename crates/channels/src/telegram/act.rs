//! What can be done on Telegram beside sending a text: polls, reactions, and changing what was sent.

use super::send::{about_quote, beside, permanent, without_preview};
use super::tries::{Form, Meaning, in_some_form};
use super::{Inner, bounds, format};
use crate::SendError;
use model::{Act, Button, Opens, Outbound, Place, Topic};
use serde_json::{Map, Value, json};

/// Does it and gives the id of the message that it made or is about.
pub(super) async fn act(inner: &Inner, out: &Outbound, act: &Act) -> Result<String, SendError> {
    if let Some(problem) = bounds::problem(out, act) {
        return Err(permanent(format!("Telegram chat {}: {problem}", out.to)));
    }
    let rendered = format::of(out);
    let try_it = |form: Form| {
        let new_text = if form.html { &rendered.html } else { &rendered.plain };
        let (method, fields) = call(act, new_text, form.html);
        let is_new = matches!(act, Act::Poll { .. } | Act::Ask { .. } | Act::Sticker { .. } | Act::Place(_));
        let mut body = if is_new { form.target.for_message() } else { form.target.for_chat() };
        if is_new {
            body.extend(beside(out, !form.otherwise));
        }
        body.extend(fields);
        if body.contains_key("text") {
            body.extend(without_preview(inner));
        }
        async move { inner.api.call::<Value>(method, &Value::Object(body)).await }
    };
    let meaning = |description: &str| match is_done(act, description) {
        true => Meaning::Done,
        false => about_quote(out, description),
    };
    let answer = in_some_form(inner, &out.to, try_it, meaning).await?;
    Ok(id_of(act, &answer.unwrap_or_default()))
}

/// Whether a refusal says that there is nothing left to do.
fn is_done(act: &Act, description: &str) -> bool {
    // It was edited before, and the answer was lost.
    let is_same = description.contains("message is not modified");
    // Somebody has deleted the message, and its buttons with it.
    let is_gone = matches!(act, Act::Settle { .. }) && description.contains("message to edit not found");
    is_same || is_gone
}

fn id_of(act: &Act, answer: &Value) -> String {
    let made = answer["message_id"].as_i64().or(answer["message_thread_id"].as_i64());
    let made = made.map(|id| id.to_string());
    if let Act::Topic(Topic { id: Some(id), .. }) = act {
        return id.clone();
    }
    act.message_id().map(str::to_owned).or(made).unwrap_or_default()
}

fn keyboard(rows: &[Vec<Button>]) -> Value {
    let button = |b: &Button| {
        let mut button = json!({"text": b.label});
        match &b.opens {
            Some(Opens::Page(address)) => button["url"] = json!(address),
            Some(Opens::App(address)) => button["web_app"] = json!({"url": address}),
            None => button["callback_data"] = json!(b.says),
        }
        if let Some(style) = &b.style {
            button["style"] = json!(style);
        }
        button
    };
    let rows: Vec<Vec<Value>> = rows.iter().map(|row| row.iter().map(button).collect()).collect();
    json!({ "inline_keyboard": rows })
}

fn position(place: &Place) -> (&'static str, Map<String, Value>) {
    let number = |text: &String| text.parse::<f64>().map_or(Value::Null, Value::from);
    let mut body = Map::new();
    body.insert("latitude".to_owned(), number(&place.latitude));
    body.insert("longitude".to_owned(), number(&place.longitude));
    if let Some((name, address)) = &place.venue {
        body.insert("title".to_owned(), json!(name));
        body.insert("address".to_owned(), json!(address));
        return ("sendVenue", body);
    }
    if let Some(accuracy) = &place.accuracy {
        body.insert("horizontal_accuracy".to_owned(), number(accuracy));
    }
    ("sendLocation", body)
}

fn of_topic(topic: &Topic) -> (&'static str, Map<String, Value>) {
    let mut body = Map::new();
    let fields = [("name", json!(topic.name)), ("icon_custom_emoji_id", json!(topic.icon_emoji_id))];
    body.extend(
        fields.map(|(name, value)| (name.to_owned(), value)).into_iter().filter(|(_, v)| !v.is_null()),
    );
    let Some(id) = topic.id.as_ref().and_then(|id| id.parse::<i64>().ok()) else {
        body.extend(topic.icon_color.map(|color| ("icon_color".to_owned(), json!(color))));
        return ("createForumTopic", body);
    };
    body.insert("message_thread_id".to_owned(), json!(id));
    ("editForumTopic", body)
}

fn said(text: &str, html: bool) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("text".to_owned(), json!(text));
    if html {
        body.insert("parse_mode".to_owned(), json!("HTML"));
    }
    body
}

/// The method and its fields, but for the chat.
fn call(act: &Act, new_text: &str, html: bool) -> (&'static str, Map<String, Value>) {
    match act {
        Act::Poll { question, options, several, anonymous, open_seconds, silent } => {
            let options: Vec<Value> = options.iter().map(|text| json!({"text": text})).collect();
            let mut body = Map::new();
            body.insert("question".to_owned(), json!(question));
            body.insert("options".to_owned(), json!(options));
            body.insert("allows_multiple_answers".to_owned(), json!(several));
            body.insert("is_anonymous".to_owned(), json!(anonymous));
            if let Some(seconds) = open_seconds {
                body.insert("open_period".to_owned(), json!(seconds));
            }
            if *silent {
                body.insert("disable_notification".to_owned(), json!(true));
            }
            ("sendPoll", body)
        }
        Act::React { message_id, emoji } => {
            let emoji = emoji.iter().map(|emoji| json!({"type": "emoji", "emoji": emoji}));
            let mut body = message(message_id);
            body.insert("reaction".to_owned(), emoji.collect());
            ("setMessageReaction", body)
        }
        // Files and drafts have ways of their own, and which message is replaced is known by whoever sent it.
        Act::Replace { .. } => ("editMessageText", said(new_text, html)),
        Act::File { .. } | Act::Album { .. } => ("sendDocument", Map::new()),
        Act::EndDraft { message_id } => ("deleteMessage", message(message_id)),
        Act::Ask { rows } => {
            let mut body = said(new_text, html);
            body.insert("reply_markup".to_owned(), keyboard(rows));
            ("sendMessage", body)
        }
        Act::Sticker { file_id } => ("sendSticker", Map::from_iter([("sticker".to_owned(), json!(file_id))])),
        Act::Place(place) => position(place),
        Act::Topic(topic) => of_topic(topic),
        Act::Settle { message_id } => ("editMessageReplyMarkup", message(message_id)),
        Act::Edit { message_id, rows } => {
            let mut body = message(message_id);
            if let Some(rows) = rows {
                body.insert("reply_markup".to_owned(), keyboard(rows));
            }
            if new_text.is_empty() {
                return ("editMessageReplyMarkup", body);
            }
            body.extend(said(new_text, html));
            ("editMessageText", body)
        }
        Act::Delete { message_id } => ("deleteMessage", message(message_id)),
        Act::Pin { message_id, silent } => {
            let mut body = message(message_id);
            body.insert("disable_notification".to_owned(), json!(silent));
            ("pinChatMessage", body)
        }
        Act::Unpin { message_id } => ("unpinChatMessage", message(message_id)),
    }
}

fn message(id: &str) -> Map<String, Value> {
    let id = id.parse::<i64>().map_or(Value::Null, Value::from);
    Map::from_iter([("message_id".to_owned(), id)])
}
