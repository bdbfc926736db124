//! A transcript as text: whole, for a model to summarise, and as a mechanical digest for when no model will.

use crate::text;
use model::{Block, Message};
use std::fmt::Write;

/// Characters of one tool result that a summary is made from.
const RESULT_CHARS: usize = 2_000;

/// Characters of anything else that a summary is made from.
const MESSAGE_CHARS: usize = 8_000;

/// Characters that a digest may have.
const DIGEST_CHARS: usize = 6_000;

/// Characters of each message in a digest.
const DIGEST_LINE_CHARS: usize = 300;

/// Messages of the users that a digest keeps: the latest ones.
const DIGEST_LINES: usize = 15;

/// The messages as text of at most `max_chars`, for a model to summarise. Where they are too much, each is cut shorter
/// until all have a place.
pub(crate) fn render(messages: &[Message], max_chars: usize) -> String {
    let mut most = MESSAGE_CHARS;
    loop {
        let text = render_each(messages, most);
        // Bytes are never fewer than characters.
        if text.len() <= max_chars || most < DIGEST_LINE_CHARS {
            return text::cut_middle(&text, max_chars);
        }
        most /= 2;
    }
}

fn render_each(messages: &[Message], most: usize) -> String {
    let mut out = String::new();
    let less = most.min(RESULT_CHARS);
    for message in messages {
        match message {
            Message::User(m) => line(&mut out, "User", &m.content.text(), most),
            Message::Assistant(m) => {
                line(&mut out, "Assistant", &m.text(), most);
                for (_, name, arguments) in m.tool_calls() {
                    line(&mut out, &format!("Assistant calls {name}"), &arguments.to_string(), less);
                }
            }
            Message::ToolResult(m) => {
                let failed = if m.is_error { " (failed)" } else { "" };
                line(&mut out, &format!("Result of {}{failed}", m.tool_name), &m.text(), less);
            }
            // An earlier summary stands for much: it is the last to be cut.
            Message::Note(m) => line(&mut out, "Note", &m.text, MESSAGE_CHARS),
        }
    }
    out
}

fn line(out: &mut String, who: &str, said: &str, max_chars: usize) {
    if !said.trim().is_empty() {
        out.push_str(who);
        out.push_str(": ");
        out.push_str(&text::cut_middle(said.trim(), max_chars));
        out.push_str("\n\n");
    }
}

/// What can be said about the messages without understanding them.
pub(crate) fn digest(messages: &[Message]) -> String {
    let mut out = String::from(
        "The conversation up to here became too long and no summary could be made. What is left of it:\n",
    );
    for note in messages.iter().filter_map(|m| if let Message::Note(n) = m { Some(n) } else { None }) {
        out.push_str(&text::cut_middle(&note.text, DIGEST_CHARS / 3));
        out.push('\n');
    }
    let said: Vec<String> = messages
        .iter()
        .rev()
        .filter_map(|m| if let Message::User(u) = m { Some(u.content.text()) } else { None })
        .take(DIGEST_LINES)
        .collect();
    if !said.is_empty() {
        out.push_str("The user's messages, oldest first:\n");
    }
    for text in said.iter().rev() {
        out.push_str("- ");
        out.push_str(&text::cut_middle(text.trim(), DIGEST_LINE_CHARS));
        out.push('\n');
    }
    push_tools(&mut out, messages);
    let last = messages.iter().rev().find_map(|m| match m {
        Message::Assistant(a) => Some(a.text()).filter(|t| !t.trim().is_empty()),
        _ => None,
    });
    if let Some(last) = last {
        out.push_str("The assistant's last words: ");
        out.push_str(&text::cut_middle(last.trim(), DIGEST_LINE_CHARS * 2));
    }
    text::cut_middle(&out, DIGEST_CHARS)
}

fn push_tools(out: &mut String, messages: &[Message]) {
    let mut counts: Vec<(&str, u32)> = Vec::new();
    let blocks =
        messages.iter().filter_map(|m| if let Message::Assistant(a) = m { Some(&a.content) } else { None });
    for block in blocks.flatten() {
        if let Block::ToolCall { name, .. } = block {
            match counts.iter_mut().find(|(known, _)| known == name) {
                Some((_, count)) => *count += 1,
                None => counts.push((name, 1)),
            }
        }
    }
    if !counts.is_empty() {
        let list: Vec<String> = counts.iter().map(|(name, count)| format!("{name} ×{count}")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "Tools used: {}.", list.join(", "));
    }
}

/// The last thing that the user said, cut to what a note can carry.
pub(crate) fn last_request(messages: &[Message]) -> Option<String> {
    messages.iter().rev().find_map(|m| match m {
        Message::User(u) => Some(text::cut_middle(&u.content.text(), RESULT_CHARS)),
        _ => None,
    })
}
