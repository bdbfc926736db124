//! The body of a chat completions request, written from the borrowed transcript.

use crate::fault::Fault;
use crate::history::{self, CallResult, Piece, Turn};
use crate::{ModelInfo, Request, ToolSpec};
use model::{AssistantMessage, Block, Content};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// The name of the output limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitName {
    /// What nearly all servers know.
    MaxTokens,
    /// What OpenAI itself wants; its reasoning models refuse the other.
    MaxCompletionTokens,
}

impl LimitName {
    pub(super) fn of_host(host: &str) -> Self {
        if host == "api.openai.com" || host.ends_with(".openai.azure.com") {
            LimitName::MaxCompletionTokens
        } else {
            LimitName::MaxTokens
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum Entry<'a> {
    System {
        content: &'a str,
    },
    User {
        content: UserContent<'a>,
    },
    Assistant {
        content: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_content: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: String,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum UserContent<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<UserPart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum UserPart<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageUrl },
}

#[derive(Serialize)]
struct ImageUrl {
    url: String,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: CalledFunction<'a>,
}

#[derive(Serialize)]
struct CalledFunction<'a> {
    name: &'a str,
    /// JSON text.
    arguments: String,
}

/// Writes the body.
pub(super) fn body(info: &ModelInfo, limit: LimitName, request: &Request<'_>) -> Result<Vec<u8>, Fault> {
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.is_empty() {
        messages.push(Entry::System { content: request.system });
    }
    let turns = history::turns(request.messages);
    for turn in &turns {
        match turn {
            Turn::User(content) => messages.push(Entry::User { content: user_content(info, content) }),
            Turn::Note(note) => {
                let content = UserContent::Text(history::note_text(note).into());
                messages.push(Entry::User { content });
            }
            Turn::Assistant { message, results } => {
                messages.push(assistant(info, message));
                results.iter().for_each(|r| messages.push(tool_result(r)));
                messages.extend(result_images(info, results));
            }
        }
    }
    let max = request.max_tokens;
    let body = Body {
        model: &info.id,
        messages,
        tools: request.tools.iter().map(tool).collect(),
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        max_tokens: max.filter(|_| limit == LimitName::MaxTokens),
        max_completion_tokens: max.filter(|_| limit == LimitName::MaxCompletionTokens),
    };
    serde_json::to_vec(&body)
        .map_err(|e| Fault::refused(format!("cannot be asked: the request cannot be written ({e})")))
}

fn tool(spec: &ToolSpec) -> Tool<'_> {
    let function =
        Function { name: &spec.name, description: &spec.description, parameters: &spec.parameters };
    Tool { r#type: "function", function }
}

fn user_content<'a>(info: &ModelInfo, content: &'a Content) -> UserContent<'a> {
    let pieces = history::pieces(content);
    match pieces.as_slice() {
        [] => UserContent::Text(Cow::Borrowed(history::NO_WORDS)),
        [Piece::Text(text)] => UserContent::Text(Cow::Borrowed(text)),
        _ => UserContent::Parts(pieces.into_iter().map(|p| user_part(info, p)).collect()),
    }
}

fn user_part<'a>(info: &ModelInfo, piece: Piece<'a>) -> UserPart<'a> {
    match piece {
        Piece::Text(text) => UserPart::Text { text: Cow::Borrowed(text) },
        Piece::Image { mime_type, .. } if !info.images => {
            UserPart::Text { text: history::image_left_out(mime_type).into() }
        }
        Piece::Image { data, mime_type } => {
            UserPart::ImageUrl { image_url: ImageUrl { url: format!("data:{mime_type};base64,{data}") } }
        }
    }
}

fn assistant<'a>(info: &ModelInfo, message: &'a AssistantMessage) -> Entry<'a> {
    let text = message.text();
    let tool_calls: Vec<ToolCall<'_>> = message
        .tool_calls()
        .map(|(id, name, arguments)| {
            let function = CalledFunction { name, arguments: called_with(arguments) };
            ToolCall { id, r#type: "function", function }
        })
        .collect();
    // Within a chain of tool calls some providers want their reasoning back, in the field it came in; elsewhere it
    // would be paid for in vain, and other providers refuse it.
    let same = message.api == info.api && message.provider == info.provider && message.model == info.id;
    let back = |field: &str| {
        let found = message.content.iter().find_map(|b| match b {
            Block::Thinking { thinking, signature: Some(s) } if s == field => Some(thinking.as_str()),
            _ => None,
        });
        found.filter(|_| same && !tool_calls.is_empty())
    };
    Entry::Assistant {
        content: (!text.trim().is_empty()).then_some(text),
        reasoning_content: back("reasoning_content"),
        reasoning: back("reasoning"),
        tool_calls,
    }
}

/// Arguments as JSON text. What was no object is wrapped, since servers that parse the history refuse it bare.
fn called_with(arguments: &Value) -> String {
    match arguments {
        Value::Object(_) => arguments.to_string(),
        Value::Null => "{}".to_owned(),
        other => json!({ "unreadable": other }).to_string(),
    }
}

fn tool_result<'a>(call: &CallResult<'a>) -> Entry<'a> {
    let content = match call.result {
        None => history::NO_RESULT.to_owned(),
        Some(result) => match result.text() {
            text if !text.trim().is_empty() => text,
            _ if has_image(result) => "(an image, see below)".to_owned(),
            _ => history::NO_OUTPUT.to_owned(),
        },
    };
    Entry::Tool { tool_call_id: call.id, content }
}

fn has_image(result: &model::ToolResultMessage) -> bool {
    result.content.iter().any(|p| matches!(p, model::Part::Image { .. }))
}

/// The images of tool results, which may stand in user messages alone. After all results: nothing may come between them.
fn result_images<'a>(info: &ModelInfo, results: &[CallResult<'a>]) -> Option<Entry<'a>> {
    let mut parts = Vec::new();
    for result in results.iter().filter_map(|r| r.result).filter(|r| has_image(r)) {
        parts.push(UserPart::Text { text: format!("From the tool {}:", result.tool_name).into() });
        let images =
            history::part_pieces(&result.content).into_iter().filter(|p| matches!(p, Piece::Image { .. }));
        parts.extend(images.map(|p| user_part(info, p)));
    }
    (!parts.is_empty()).then_some(Entry::User { content: UserContent::Parts(parts) })
}

#[cfg(test)]
mod tests;
