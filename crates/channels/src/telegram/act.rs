//! What can be done on Telegram beside sending a text: polls, reactions, and changing what was sent.

use super::send::permanent;
use super::tries::{Form, Meaning, in_some_form};
use super::{Inner, MAX_TEXT, format};
use crate::SendError;
use model::{Act, Button, Outbound};
use serde_json::{Map, Value, json};
use std::ops::RangeInclusive;

/// Telegram's bounds for a poll: characters of the question and of an option, number of options, seconds.
const QUESTION: usize = 300;
const OPTION: usize = 100;
const OPTIONS: RangeInclusive<usize> = 2..=12;
const OPEN_SECONDS: RangeInclusive<u64> = 5..=604_800;

/// Telegram's bounds for buttons: how many under a message, bytes of what one stands for.
const BUTTONS: RangeInclusive<usize> = 1..=100;
const SAYS: usize = 64;

/// What is wrong with it, as far as that can be said before Telegram is asked.
pub(super) fn problem(out: &Outbound, act: &Act) -> Option<String> {
    match act {
        Act::Poll { question, options, open_seconds, .. } => poll_problem(question, options, *open_seconds),
        Act::Ask { rows } => ask_problem(out, rows),
        Act::React { emoji: Some(emoji), .. } if emoji.trim().is_empty() => Some("the emoji is empty".into()),
        Act::Edit { .. } if out.text.trim().is_empty() => Some("the new text is empty".into()),
        Act::Edit { .. } if format::units(&format::render(&out.text).plain) > MAX_TEXT => {
            Some(format!("the new text is longer than one message may be ({MAX_TEXT} characters)"))
        }
        _ => None,
    }
    .or_else(|| {
        let id = act.message_id()?;
        let is_one = id.parse::<i64>().is_ok_and(|id| id > 0);
        (!is_one).then(|| format!("{id:?} is no id of a Telegram message, which is a number"))
    })
}

fn ask_problem(out: &Outbound, rows: &[Vec<Button>]) -> Option<String> {
    let buttons = || rows.iter().flatten();
    let wrong = |b: &&Button| b.label.trim().is_empty() || !(1..=SAYS).contains(&b.says.len());
    if out.text.trim().is_empty() {
        return Some("there is nothing above the buttons: the text is empty".into());
    }
    if format::units(&format::render(&out.text).plain) > MAX_TEXT {
        return Some(format!("the text is longer than one message may be ({MAX_TEXT} characters)"));
    }
    if !BUTTONS.contains(&buttons().count()) {
        return Some(format!("a message has {} to {} buttons", BUTTONS.start(), BUTTONS.end()));
    }
    buttons()
        .find(wrong)
        .map(|b| format!("button {:?}: it needs a label, and says 1 to {SAYS} bytes", b.label))
}

fn poll_problem(question: &str, options: &[String], open_seconds: Option<u64>) -> Option<String> {
    let length = |text: &str| text.trim().chars().count();
    if !(1..=QUESTION).contains(&length(question)) {
        return Some(format!("the question of a Telegram poll has 1 to {QUESTION} characters"));
    }
    if !OPTIONS.contains(&options.len()) {
        let (least, most) = (OPTIONS.start(), OPTIONS.end());
        return Some(format!("a Telegram poll has {least} to {most} options, not {}", options.len()));
    }
    if let Some(wrong) = options.iter().find(|option| !(1..=OPTION).contains(&length(option))) {
        let shown: String = wrong.chars().take(40).collect();
        return Some(format!("an option of a Telegram poll has 1 to {OPTION} characters: {shown:?}"));
    }
    if open_seconds.is_some_and(|seconds| !OPEN_SECONDS.contains(&seconds)) {
        let (least, most) = (OPEN_SECONDS.start(), OPEN_SECONDS.end());
        return Some(format!("a Telegram poll closes by itself after {least} to {most} seconds, or never"));
    }
    None
}

/// Does it and gives the id of the message that it made or is about.
pub(super) async fn act(inner: &Inner, out: &Outbound, act: &Act) -> Result<String, SendError> {
    if let Some(problem) = problem(out, act) {
        return Err(permanent(format!("Telegram chat {}: {problem}", out.to)));
    }
    let rendered = format::render(&out.text);
    let try_it = |form: Form| {
        let new_text = if form.html { &rendered.html } else { &rendered.plain };
        let (method, fields) = call(act, new_text, form.html);
        let is_new = matches!(act, Act::Poll { .. } | Act::Ask { .. });
        let mut body = if is_new { form.target.for_message() } else { form.target.for_chat() };
        body.extend(fields);
        async move { inner.api.call::<Value>(method, &Value::Object(body)).await }
    };
    let meaning = |description: &str| match is_done(act, description) {
        true => Meaning::Done,
        false => Meaning::Unknown,
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
    let made = answer["message_id"].as_i64().map(|id| id.to_string());
    act.message_id().map(str::to_owned).or(made).unwrap_or_default()
}

fn text(message_id: &str, text: &str, html: bool) -> Map<String, Value> {
    let mut body = message(message_id);
    body.extend(said(text, html));
    body
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
            let button = |b: &Button| json!({"text": b.label, "callback_data": b.says});
            let keyboard: Vec<Vec<Value>> = rows.iter().map(|row| row.iter().map(button).collect()).collect();
            let mut body = said(new_text, html);
            body.insert("reply_markup".to_owned(), json!({ "inline_keyboard": keyboard }));
            ("sendMessage", body)
        }
        Act::Settle { message_id } => ("editMessageReplyMarkup", message(message_id)),
        Act::Edit { message_id } => ("editMessageText", text(message_id, new_text, html)),
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
