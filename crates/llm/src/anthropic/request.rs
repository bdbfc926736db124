//! The body of a Messages request, written from the borrowed transcript. Neighbours of one side become one message, and
//! three marks tell the provider what to cache: behind the system prompt, the tools, and the last user message.

use crate::fault::Fault;
use crate::history::{self, CallResult, Piece, Turn};
use crate::{ModelInfo, Request, ToolSpec};
use model::{AssistantMessage, Block, Content};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Marked<Item<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Marked<Tool<'a>>>,
    messages: Vec<Entry<'a>>,
}

/// Something that the cache may end behind.
#[derive(Serialize)]
struct Marked<T> {
    #[serde(flatten)]
    inner: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

#[derive(Serialize)]
struct CacheControl {
    r#type: &'static str,
}

const EPHEMERAL: CacheControl = CacheControl { r#type: "ephemeral" };

fn plain<T>(inner: T) -> Marked<T> {
    Marked { inner, cache_control: None }
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
}

#[derive(Serialize)]
struct Entry<'a> {
    role: Side,
    content: Vec<Marked<Item<'a>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    User,
    Assistant,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    Text { text: Cow<'a, str> },
    Image { source: Source<'a> },
    Thinking { thinking: &'a str, signature: &'a str },
    RedactedThinking { data: &'a str },
    ToolUse { id: Cow<'a, str>, name: &'a str, input: Cow<'a, Value> },
    ToolResult { tool_use_id: Cow<'a, str>, content: Vec<Item<'a>>, is_error: bool },
}

#[derive(Serialize)]
struct Source<'a> {
    r#type: &'static str,
    media_type: &'a str,
    data: &'a str,
}

/// Writes the body.
pub(super) fn body(info: &ModelInfo, request: &Request<'_>) -> Result<Vec<u8>, Fault> {
    let turns = history::turns(request.messages);
    let mut messages = Messages { info, entries: Vec::with_capacity(turns.len()) };
    turns.iter().for_each(|turn| messages.turn(turn));
    let mut system = Vec::new();
    if !request.system.trim().is_empty() {
        let inner = Item::Text { text: request.system.into() };
        system.push(Marked { inner, cache_control: Some(EPHEMERAL) });
    }
    let mut tools: Vec<Marked<Tool<'_>>> = request.tools.iter().map(|t| plain(tool(t))).collect();
    if let Some(last) = tools.last_mut() {
        last.cache_control = Some(EPHEMERAL);
    }
    // The API wants a limit; a model of unknown limit gets what all of them allow.
    let own_limit = if info.max_tokens == 0 { 4096 } else { info.max_tokens };
    let max_tokens = request.max_tokens.unwrap_or(own_limit);
    let body = Body { model: &info.id, max_tokens, stream: true, system, tools, messages: messages.finish() };
    serde_json::to_vec(&body)
        .map_err(|e| Fault::refused(format!("cannot be asked: the request cannot be written ({e})")))
}

fn tool(spec: &ToolSpec) -> Tool<'_> {
    Tool { name: &spec.name, description: &spec.description, input_schema: &spec.parameters }
}

/// The messages so far.
struct Messages<'a> {
    info: &'a ModelInfo,
    entries: Vec<Entry<'a>>,
}

impl<'a> Messages<'a> {
    fn turn(&mut self, turn: &Turn<'a>) {
        match turn {
            Turn::User(content) => {
                let content: &'a Content = content;
                let items: Vec<_> = history::pieces(content).into_iter().map(|p| self.item(p)).collect();
                let empty = items.is_empty().then(|| text(history::NO_WORDS));
                self.push(Side::User, items.into_iter().chain(empty));
            }
            Turn::Note(note) => self.push(Side::User, [text(history::note_text(note))]),
            Turn::Assistant { message, results } => {
                let message: &'a AssistantMessage = message;
                let blocks: Vec<_> = message.content.iter().filter_map(|b| self.block(message, b)).collect();
                self.push(Side::Assistant, blocks);
                let results: Vec<_> = results.iter().map(|r| self.result(r)).collect();
                if !results.is_empty() {
                    self.push(Side::User, results);
                }
            }
        }
    }

    /// Adds to the last message if it is of the same side, else begins one.
    fn push(&mut self, role: Side, items: impl IntoIterator<Item = Item<'a>>) {
        let items = items.into_iter().map(plain);
        match self.entries.last_mut() {
            Some(last) if last.role == role => last.content.extend(items),
            _ => self.entries.push(Entry { role, content: items.collect() }),
        }
    }

    fn item(&self, piece: Piece<'a>) -> Item<'a> {
        // What the API reads; it refuses the whole request over any other.
        const READABLE: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];
        match piece {
            Piece::Text(words) => text(words),
            Piece::Image { data, mime_type } if self.info.images && READABLE.contains(&mime_type) => {
                Item::Image { source: Source { r#type: "base64", media_type: mime_type, data } }
            }
            Piece::Image { mime_type, .. } => text(history::image_left_out(mime_type)),
        }
    }

    fn block(&self, message: &AssistantMessage, block: &'a Block) -> Option<Item<'a>> {
        match block {
            Block::Text { text: words } => (!words.trim().is_empty()).then(|| text(words.as_str())),
            Block::ToolCall { id, name, arguments } => {
                Some(Item::ToolUse { id: allowed_id(id), name, input: called_with(arguments) })
            }
            // A signature holds for the provider that gave it.
            Block::Thinking { thinking, signature: Some(signature) }
                if message.api == self.info.api && message.provider == self.info.provider =>
            {
                Some(match signature.strip_prefix(super::decode::REDACTED) {
                    Some(data) => Item::RedactedThinking { data },
                    None => Item::Thinking { thinking, signature },
                })
            }
            Block::Thinking { .. } => None,
        }
    }

    fn result(&self, call: &CallResult<'a>) -> Item<'a> {
        let tool_use_id = allowed_id(call.id);
        let Some(result) = call.result else {
            return Item::ToolResult { tool_use_id, content: vec![text(history::NO_RESULT)], is_error: true };
        };
        let mut content: Vec<_> =
            history::part_pieces(&result.content).into_iter().map(|p| self.item(p)).collect();
        if content.is_empty() {
            content.push(text(history::NO_OUTPUT));
        }
        Item::ToolResult { tool_use_id, content, is_error: result.is_error }
    }

    /// The messages, beginning and ending on the user's side as the API wants it, the last one marked for the cache.
    fn finish(mut self) -> Vec<Entry<'a>> {
        if self.entries.first().is_none_or(|e| e.role == Side::Assistant) {
            let opening = vec![plain(text("(the conversation begins here)"))];
            self.entries.insert(0, Entry { role: Side::User, content: opening });
        }
        if self.entries.last().is_some_and(|e| e.role == Side::Assistant) {
            self.push(Side::User, [text("(continue)")]);
        }
        if let Some(last) = self.entries.last_mut().and_then(|e| e.content.last_mut()) {
            last.cache_control = Some(EPHEMERAL);
        }
        self.entries
    }
}

fn text<'a>(words: impl Into<Cow<'a, str>>) -> Item<'a> {
    Item::Text { text: words.into() }
}

/// The API takes letters, digits, `_` and `-` in ids; other providers' ids have more.
fn allowed_id(id: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !id.is_empty() && id.chars().all(fits) {
        Cow::Borrowed(id)
    } else {
        format!("x{}", id.replace(|c| !fits(c), "_")).into()
    }
}

/// Arguments as an object. What was none is wrapped.
fn called_with(arguments: &Value) -> Cow<'_, Value> {
    match arguments {
        Value::Object(_) => Cow::Borrowed(arguments),
        Value::Null => Cow::Owned(json!({})),
        other => Cow::Owned(json!({ "unreadable": other })),
    }
}

#[cfg(test)]
mod tests;
