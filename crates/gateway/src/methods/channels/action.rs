//! `message.action`: what can be done with messages on a platform, by name. `send` is the same as the method `send`, and
//! it is how OpenClaw's command line sends; the others are in `acts.rs`.

use super::acts::{self, Action};
use super::media::Attached;
use super::send::{self, Pinned};
use crate::methods::{Answer, Call};
use model::{Act, Place};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    channel: String,
    action: String,
    params: Map<String, Value>,
    account_id: Option<String>,
    reply: Option<Reply>,
    idempotency_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    reply_to_id: String,
}

/// What changes what the reader sees. Where it is asked for, sending without it would not be what was asked for.
const NOT_HERE: &[&str] = &[
    "presentation",
    "delivery",
    "interactive",
    "pin",
    "silent",
    "location",
    "quoteText",
    "parseMode",
    "dryRun",
];

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let can = |name: &str| match p.action.as_str() {
        "send" => !["interactive", "parseMode", "dryRun"].contains(&name),
        "poll" | "pin" => name == "silent",
        "edit" => name == "presentation",
        _ => false,
    };
    let lacking = |name: &&&str| p.params.get(**name).is_some_and(is_asked_for) && !can(name);
    if let Some(name) = NOT_HERE.iter().find(lacking) {
        let message = format!("action {}: {name} is not supported here; nothing was sent", p.action);
        return Err(ErrorShape::invalid(message));
    }
    if p.action != "send" {
        let action = Action {
            name: p.action,
            channel: p.channel,
            params: p.params,
            account_id: p.account_id,
            idempotency_key: p.idempotency_key,
        };
        return acts::handle(&call, action).await;
    }
    let text = |names: &[&str]| names.iter().find_map(|name| p.params.get(*name).and_then(plain));
    let account_id = p.account_id.or_else(|| text(&["accountId"]));
    let to = text(&["to", "target"]).or_else(|| {
        let account = account_id.clone().unwrap_or_else(|| call.shared.channels.default_account());
        call.shared.settings().default_to(&p.channel, &account).ok()
    });
    let Some(to) = to else {
        return Err(invalid("must have required property 'to'"));
    };
    let attached = attached(&p.params)?;
    let given = |name: &str| p.params.get(name).filter(|value| is_asked_for(value));
    let presentation = given("presentation").map(read).transpose()?;
    let place = given("location").map(place).transpose()?;
    let pinned = pinned(given("pin"), given("delivery").map(read).transpose()?.as_ref())?;
    let message = text(&["message", "text", "content"]);
    let is_alone = !attached.is_empty() || presentation.is_some() || place.is_some();
    let Some(message) = message.or_else(|| is_alone.then(String::new)) else {
        return Err(invalid("must have required property 'message'"));
    };
    let message = send::Message {
        to,
        message,
        account_id,
        reply_to_id: p.reply.map(|r| r.reply_to_id).or_else(|| text(&["replyTo", "replyToId"])),
        thread_id: text(&["threadId"]),
        idempotency_key: p.idempotency_key,
        channel: p.channel,
        act: place.map(Act::Place),
        attached,
        told: None,
        quote: text(&["quoteText"]),
        silent: p.params.get("silent") == Some(&Value::Bool(true)),
        is_html: false,
        presentation,
        pinned,
    };
    if message.act.is_some() && (!message.attached.is_empty() || message.presentation.is_some()) {
        return Err(invalid("location goes alone, without media and presentation"));
    }
    let sent = send::send(&call, message).await?;
    let answer =
        json!({"ok": true, "messageId": sent.message_id, "chatId": sent.chat, "channel": sent.channel});
    Ok(sent.answer(answer).into())
}

/// An object, or the JSON of one.
fn read(value: &Value) -> Result<Value, ErrorShape> {
    let Value::String(text) = value else { return Ok(value.clone()) };
    serde_json::from_str(text).map_err(|error| invalid(&format!("it is no JSON: {error}")))
}

/// A place; numbers may come as text.
pub(super) fn place(value: &Value) -> Result<Place, ErrorShape> {
    let value = read(value)?;
    let text = |name: &str| value.get(name).and_then(plain);
    let need = |name: &str| text(name).ok_or_else(|| invalid(&format!("location needs a {name}")));
    let venue = match (text("name"), text("address")) {
        (Some(name), Some(address)) => Some((name, address)),
        (None, None) => None,
        _ => return Err(invalid("a venue has both location.name and location.address")),
    };
    Ok(Place {
        latitude: need("latitude")?,
        longitude: need("longitude")?,
        accuracy: text("accuracy"),
        venue,
    })
}

/// `pin`, or what `delivery.pin` says.
fn pinned(pin: Option<&Value>, delivery: Option<&Value>) -> Result<Option<Pinned>, ErrorShape> {
    let unknown = delivery.and_then(Value::as_object).and_then(|all| all.keys().find(|key| *key != "pin"));
    if let Some(key) = unknown {
        return Err(invalid(&format!("delivery.{key} is not supported here")));
    }
    let flag = |value: &Value, name: &str| value.get(name) == Some(&Value::Bool(true));
    Ok(match delivery.and_then(|delivery| delivery.get("pin")).or(pin) {
        Some(Value::Bool(true)) => Some(Pinned::default()),
        Some(how) if flag(how, "enabled") => {
            Some(Pinned { notify: flag(how, "notify"), required: flag(how, "required") })
        }
        _ => None,
    })
}

/// Files, under all the names that clients have for them.
fn attached(params: &Map<String, Value>) -> Result<Attached, ErrorShape> {
    let mut named = Vec::new();
    for name in ["media", "mediaUrl", "mediaUrls", "path", "filePath"] {
        match params.get(name) {
            Some(Value::Array(several)) => named.extend(several.iter().filter_map(plain)),
            Some(one) => named.extend(plain(one)),
            None => {}
        }
    }
    let several = params.get("attachments").and_then(Value::as_array).into_iter().flatten();
    named.extend(several.filter_map(|one| one.get("media").and_then(plain)));
    let text = |name: &str| params.get(name).and_then(plain);
    let flag = |name: &str| params.get(name) == Some(&Value::Bool(true));
    Ok(Attached {
        named,
        bytes: text("buffer").map(|bytes| (bytes, text("filename").unwrap_or_else(|| "file".into()))),
        seen_as: send::seen_as(flag("asVoice"), flag("forceDocument") || flag("asDocument"))?,
    })
}

pub(super) fn invalid(problem: &str) -> ErrorShape {
    ErrorShape::invalid(format!("invalid message.action params: at /params: {problem}"))
}

/// Clients send every flag they know, as `false` where it was not given.
fn is_asked_for(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != "" && value != &json!([])
}

/// Ids come as text and as numbers.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
