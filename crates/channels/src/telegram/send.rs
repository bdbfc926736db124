//! Sending: one message, one `sendMessage`; another one only where Telegram said what to change.

use super::api::ApiError;
use super::target::Target;
use super::tries::{Form, Meaning, in_some_form};
use super::types::Sent;
use super::{Inner, MAX_TEXT, format};
use crate::{SendError, SendErrorKind};
use model::Outbound;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Telegram's bound for a quote, in UTF-16 units.
const MAX_QUOTE: usize = 1024;

/// Where Telegram limits the rate and does not say for how long.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

pub(crate) async fn send(inner: &Inner, out: &Outbound) -> Result<String, SendError> {
    if out.text.trim().is_empty() {
        return Err(permanent(format!(
            "there is nothing to send to Telegram chat {}: the text is empty",
            out.to
        )));
    }
    let rendered = format::of(out);
    let call = |form: Form| {
        let text = if form.html { rendered.html.as_str() } else { plain(out, &rendered) };
        let mut body = body(&form, text, out);
        body.extend(without_preview(inner));
        let body = Value::Object(body);
        async move { inner.api.call::<Sent>("sendMessage", &body).await }
    };
    let sent = in_some_form(inner, &out.to, call, |why| about_quote(out, why)).await?;
    Ok(sent.map(|sent| sent.message_id.to_string()).unwrap_or_default())
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
    if !out.is_html && format::units(&out.text) <= MAX_TEXT { &out.text } else { &rendered.plain }
}

fn body(form: &Form, text: &str, out: &Outbound) -> Map<String, Value> {
    let mut body = form.target.for_message();
    body.insert("text".to_owned(), json!(text));
    if form.html {
        body.insert("parse_mode".to_owned(), json!("HTML"));
    }
    body.extend(beside(out, !form.otherwise));
    body
}

/// The field that leaves previews of links out, where the account wants none.
pub(super) fn without_preview(inner: &Inner) -> Option<(String, Value)> {
    (!inner.link_preview).then(|| ("link_preview_options".to_owned(), json!({ "is_disabled": true })))
}

/// The fields that make a message a reply, with what it quotes, and that keep it quiet.
pub(super) fn beside(out: &Outbound, is_quoted: bool) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(id) = out.reply_to.as_ref().and_then(|id| id.parse::<i64>().ok()) {
        let mut reply = json!({ "message_id": id, "allow_sending_without_reply": true });
        if let Some(quote) = out.quote.as_ref().filter(|quote| is_quoted && !quote.trim().is_empty()) {
            reply["quote"] = json!(quote_of(quote));
        }
        fields.insert("reply_parameters".to_owned(), reply);
    }
    if out.silent {
        fields.insert("disable_notification".to_owned(), json!(true));
    }
    fields
}

/// As much of a text as Telegram takes for a quote.
fn quote_of(text: &str) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > MAX_QUOTE
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// A quote that is not in the message is left out.
pub(super) fn about_quote(out: &Outbound, description: &str) -> Meaning {
    let is_about = out.quote.is_some() && description.to_lowercase().contains("quote");
    if is_about { Meaning::Otherwise } else { Meaning::Unknown }
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
