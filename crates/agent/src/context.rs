//! How much of the context window a transcript takes, and where it may be cut.

pub(crate) mod digest;

use llm::ToolSpec;
use model::{Block, Message, Part};
use serde::Serialize;
use std::io::{self, Write};

/// [`model::NoteMessage::kind`] of a compaction's summary.
pub(crate) const COMPACTION: &str = "compaction";

/// What an image costs, about: providers scale them down to this.
const IMAGE_TOKENS: u64 = 1_500;

/// Role, separators and ids around a message, about.
const MESSAGE_TOKENS: u64 = 8;

/// Tokens of the next request, about. What the provider counted for the last answer is taken where it still holds;
/// the rest is guessed at four bytes a token.
pub(crate) fn estimate(system: &str, tools: &[ToolSpec], messages: &[Message]) -> u64 {
    if let Some((counted, rest)) = counted(messages) {
        return counted.saturating_add(estimate_messages(rest));
    }
    let tools: u64 =
        tools.iter().map(|t| tokens(t.name.len() + t.description.len() + json_len(&t.parameters))).sum();
    tokens(system.len()) + tools + estimate_messages(messages)
}

/// The last answer's count of tokens and what came after it. A count from before a compaction says nothing about the
/// shorter transcript.
fn counted(messages: &[Message]) -> Option<(u64, &[Message])> {
    let compacted_at = messages.iter().rev().find_map(|m| match m {
        Message::Note(note) if note.kind == COMPACTION => Some(note.timestamp),
        _ => None,
    });
    let (index, answer) = messages.iter().enumerate().rev().find_map(|(i, m)| match m {
        Message::Assistant(a) if a.usage.prompt() > 0 => Some((i, a)),
        _ => None,
    })?;
    if compacted_at.is_some_and(|at| answer.timestamp <= at) {
        return None;
    }
    let rest = messages.get(index + 1..).unwrap_or_default();
    Some((answer.usage.prompt().saturating_add(answer.usage.output), rest))
}

/// Tokens of `messages` alone, about.
pub(crate) fn estimate_messages(messages: &[Message]) -> u64 {
    messages.iter().map(message_tokens).sum()
}

fn message_tokens(message: &Message) -> u64 {
    let body = match message {
        Message::User(m) => match &m.content {
            model::Content::Text(text) => tokens(text.len()),
            model::Content::Parts(parts) => parts.iter().map(part_tokens).sum(),
        },
        Message::Assistant(m) => m.content.iter().map(block_tokens).sum(),
        Message::ToolResult(m) => m.content.iter().map(part_tokens).sum(),
        Message::Note(m) => tokens(m.text.len()),
    };
    body + MESSAGE_TOKENS
}

fn part_tokens(part: &Part) -> u64 {
    match part {
        Part::Text { text } => tokens(text.len()),
        Part::Image { .. } => IMAGE_TOKENS,
    }
}

fn block_tokens(block: &Block) -> u64 {
    match block {
        Block::Text { text } => tokens(text.len()),
        Block::Thinking { thinking, signature } => {
            tokens(thinking.len() + signature.as_ref().map_or(0, String::len))
        }
        Block::ToolCall { id, name, arguments } => tokens(id.len() + name.len() + json_len(arguments)),
    }
}

fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).div_ceil(4)
}

/// The length of a value as JSON, without writing it anywhere.
fn json_len(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        // Counting cannot fail; what cannot be written as JSON is not sent either.
        Err(_) => 0,
    }
}

/// Where to cut so that about `budget` tokens are kept: the index of the first message kept. Every tool call stays on
/// the same side as its results. A user's message is preferred; within one long turn it may be an answer. `None`
/// where nothing would be gained.
pub(crate) fn choose_cut(messages: &[Message], budget: u64) -> Option<usize> {
    let mut kept = 0;
    let boundary = messages
        .iter()
        .enumerate()
        .rev()
        .take_while(|(_, m)| {
            kept += message_tokens(m);
            kept <= budget
        })
        .last()
        .map_or(messages.len(), |(i, _)| i);
    let first = |from: usize, wanted: fn(&Message) -> bool| {
        messages.iter().enumerate().skip(from.max(1)).find(|(_, m)| wanted(m)).map(|(i, _)| i)
    };
    let is_user = |m: &Message| matches!(m, Message::User(_));
    let start = first(boundary, is_start);
    let user = first(boundary, is_user)
        // A remark that came late in a long turn: cutting there would throw away most of what may stay.
        .filter(|&i| estimate_messages(messages.get(i..).unwrap_or_default()) >= budget / 2);
    let last = || messages.iter().rposition(is_start);
    let cut = user.or(start).or_else(last).filter(|&i| i > 0)?;
    gains(messages, cut).then_some(cut)
}

/// Where to cut so that the last `count` messages are kept: fewer where the first of them is a tool's result, and the
/// last answer in any case. `None` where nothing would be gained.
pub(crate) fn cut_to_last(messages: &[Message], count: usize) -> Option<usize> {
    let wanted = messages.len().saturating_sub(count);
    let next = messages.iter().enumerate().skip(wanted).find(|(_, m)| is_start(m)).map(|(i, _)| i);
    let cut = next.or_else(|| messages.iter().rposition(is_start))?;
    gains(messages, cut).then_some(cut)
}

/// Whether a transcript may begin with it: it is no result of a call that would be lost.
fn is_start(message: &Message) -> bool {
    matches!(message, Message::User(_) | Message::Assistant(_))
}

/// Whether anything but an earlier summary lies before the cut.
fn gains(messages: &[Message], cut: usize) -> bool {
    let mut older = messages.iter().take(cut);
    older.any(|m| !matches!(m, Message::Note(note) if note.kind == COMPACTION))
}

#[cfg(test)]
mod tests;
