//! Sending: one message, one `sendMessage`; a second one only where Telegram said what to change.

use super::api::ApiError;
use super::target::Target;
use super::types::Sent;
use super::{Inner, MAX_TEXT, format};
use crate::{SendError, SendErrorKind};
use model::Outbound;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Where Telegram limits the rate and does not say for how long.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

pub(crate) async fn send(inner: &Inner, out: &Outbound) -> Result<String, SendError> {
    let mut target = target(&out.to)?;
    if out.text.trim().is_empty() {
        return Err(permanent(format!(
            "there is nothing to send to Telegram chat {}: the text is empty",
            out.to
        )));
    }
    let rendered = format::render(&out.text);
    let mut html = true;
    // The first try, one after a move of the chat, one without markup.
    for _ in 0..3 {
        let text = if html { rendered.html.as_str() } else { plain(out, &rendered) };
        let body = body(&target, text, html, out.reply_to.as_deref());
        let error = match inner.api.call::<Sent>("sendMessage", &Value::Object(body)).await {
            Ok(sent) => {
                inner.status.sent();
                return Ok(sent.message_id.to_string());
            }
            Err(error) => error,
        };
        match &error {
            ApiError::Refused { migrate_to: Some(id), .. } => target = target.moved_to(*id),
            ApiError::Refused { code: 400, description, .. } if html && is_about_markup(description) => {
                tracing::warn!(
                    account = inner.account,
                    description,
                    "Telegram cannot parse a message's markup"
                );
                html = false;
            }
            _ => return Err(failure(inner, &out.to, &error)),
        }
    }
    Err(permanent(format!("Telegram refused the message to chat {} in every form", out.to)))
}

pub(crate) async fn typing(inner: &Inner, to: &str) -> Result<(), SendError> {
    let mut body = target(to)?.for_action();
    body.insert("action".to_owned(), json!("typing"));
    let result = inner.api.call::<bool>("sendChatAction", &Value::Object(body)).await;
    result.map(|_| ()).map_err(|error| failure(inner, to, &error))
}

pub(super) fn target(to: &str) -> Result<Target, SendError> {
    Target::parse(to).ok_or_else(|| {
        permanent(format!("{to:?} is no Telegram chat; write 123, -100123, -100123:topic:7 or @channelname"))
    })
}

/// The Markdown itself where it fits: it tells the reader more than text without markup.
fn plain<'a>(out: &'a Outbound, rendered: &'a format::Rendered) -> &'a str {
    if format::units(&out.text) <= MAX_TEXT { &out.text } else { &rendered.plain }
}

fn body(target: &Target, text: &str, html: bool, reply_to: Option<&str>) -> Map<String, Value> {
    let mut body = target.for_message();
    body.insert("text".to_owned(), json!(text));
    if html {
        body.insert("parse_mode".to_owned(), json!("HTML"));
    }
    if let Some(id) = reply_to.and_then(|id| id.parse::<i64>().ok()) {
        let reply = json!({ "message_id": id, "allow_sending_without_reply": true });
        body.insert("reply_parameters".to_owned(), reply);
    }
    body
}

pub(super) fn is_about_markup(description: &str) -> bool {
    let description = description.to_lowercase();
    ["can't parse entities", "unsupported start tag", "can't find end"]
        .iter()
        .any(|s| description.contains(s))
}

pub(super) fn permanent(message: String) -> SendError {
    SendError { kind: SendErrorKind::Permanent, message }
}

pub(super) fn failure(inner: &Inner, to: &str, error: &ApiError) -> SendError {
    let (kind, next) = match error {
        ApiError::Network { .. } | ApiError::Unreadable { .. } => (SendErrorKind::Transient, ""),
        ApiError::Refused { code: 429, retry_after, .. } => {
            (SendErrorKind::RetryAfter(retry_after.unwrap_or(DEFAULT_RETRY_AFTER)), "")
        }
        ApiError::Refused { code: 401 | 404, .. } => {
            (SendErrorKind::Auth, "; put the token from @BotFather into channels.telegram.botToken")
        }
        ApiError::Refused { code: 403, .. } => {
            (SendErrorKind::Permanent, "; the person or group has to let the bot in again")
        }
        ApiError::Refused { code: 409 | 500.., .. } => (SendErrorKind::Transient, ""),
        ApiError::Refused { description, .. } if description.contains("chat not found") => {
            (SendErrorKind::Permanent, "; a chat must have written to the bot, or have added it, first")
        }
        ApiError::Refused { .. } => (SendErrorKind::Permanent, ""),
    };
    let message = format!("Telegram chat {to}, account {:?}: {error}{next}", inner.account);
    if kind == SendErrorKind::Auth {
        inner.status.send_refused(&message);
    }
    SendError { kind, message }
}
