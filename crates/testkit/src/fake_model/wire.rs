//! What the two APIs look like: the last words of a request, and an answer as server-sent events.

use serde_json::{Value, json};

/// The API of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    OpenAi,
    Anthropic,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Text(String),
    Calls(Vec<(String, Value)>),
}

/// The answer by the fake's rules.
pub(super) fn rule(dialect: Dialect, request: &Value) -> Reply {
    match last(dialect, request) {
        Last::ToolResults(text) => Reply::Text(format!("tool said: {text}")),
        Last::User(text) => {
            let calls = wanted_calls(&text);
            if calls.is_empty() { Reply::Text(format!("echo: {text}")) } else { Reply::Calls(calls) }
        }
    }
}

enum Last {
    ToolResults(String),
    User(String),
}

/// How OpenClaw's gateway begins what it adds behind a person's words.
const ADDED: &str = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>";

fn last(dialect: Dialect, request: &Value) -> Last {
    let messages = request.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let said = |m: &&Value| !text(m.get("content")).starts_with(ADDED);
    let messages: Vec<&Value> = messages.iter().filter(said).collect();
    let results: Vec<String> = match dialect {
        Dialect::OpenAi => {
            let trailing = messages.iter().rev().take_while(|m| str_of(m, "role") == "tool");
            trailing.map(|m| text(m.get("content"))).collect()
        }
        Dialect::Anthropic => {
            let blocks = messages.last().and_then(|m| m.get("content")).and_then(Value::as_array);
            let trailing =
                blocks.into_iter().flatten().rev().take_while(|b| str_of(b, "type") == "tool_result");
            trailing.map(|b| text(b.get("content"))).collect()
        }
    };
    if !results.is_empty() {
        return Last::ToolResults(results.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    let user = messages.iter().rev().find(|m| str_of(m, "role") == "user");
    Last::User(user.map(|m| text(m.get("content"))).unwrap_or_default())
}

/// The text of a content, be it a string or parts.
fn text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> =
                parts.iter().filter_map(|p| p.get("text").and_then(Value::as_str)).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn str_of<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// All `TOOL:<name> {json}` of a text. Arguments that are no JSON are none.
fn wanted_calls(text: &str) -> Vec<(String, Value)> {
    let wanted = text.split("TOOL:").skip(1).filter_map(|wish| {
        let end =
            wish.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).unwrap_or(wish.len());
        let (name, behind) = wish.split_at(end);
        let arguments = serde_json::Deserializer::from_str(behind).into_iter::<Value>().next();
        let arguments = arguments.and_then(Result::ok).filter(Value::is_object).unwrap_or_else(|| json!({}));
        (!name.is_empty()).then(|| (name.to_owned(), arguments))
    });
    wanted.collect()
}

/// The events of an answer, in order.
pub(super) fn render(dialect: Dialect, request: &Value, reply: &Reply) -> Vec<String> {
    let model = str_of(request, "model");
    let asked = words(request);
    match dialect {
        Dialect::OpenAi => openai(model, asked, reply),
        Dialect::Anthropic => anthropic(model, asked, reply),
    }
}

/// Messages stand for input tokens: counting words of long transcripts would cost more than all else.
fn words(request: &Value) -> usize {
    request.get("messages").and_then(Value::as_array).map_or(0, Vec::len)
}

fn openai(model: &str, asked: usize, reply: &Reply) -> Vec<String> {
    let head =
        json!({ "id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1, "model": model });
    let event = |choices: Value, usage: Option<Value>| {
        let mut event = head.clone();
        event["choices"] = choices;
        if let Some(usage) = usage {
            event["usage"] = usage;
        }
        format!("data: {event}\n\n")
    };
    let delta = |delta: Value, finish: Option<&str>| {
        event(json!([{ "index": 0, "delta": delta, "finish_reason": finish }]), None)
    };
    let mut events = Vec::with_capacity(8);
    let (finish, written) = match reply {
        Reply::Text(text) => {
            events.extend(
                halves(text).map(|half| delta(json!({ "role": "assistant", "content": half }), None)),
            );
            ("stop", text.split_whitespace().count())
        }
        Reply::Calls(calls) => {
            for (index, (name, arguments)) in calls.iter().enumerate() {
                let function = json!({ "name": name, "arguments": "" });
                let id = call_id(index, asked);
                let begin = json!([{ "index": index, "id": id, "type": "function", "function": function }]);
                events.push(delta(json!({ "role": "assistant", "tool_calls": begin }), None));
                for half in halves(&arguments.to_string()) {
                    let more = json!([{ "index": index, "function": { "arguments": half } }]);
                    events.push(delta(json!({ "tool_calls": more }), None));
                }
            }
            ("tool_calls", calls.len())
        }
    };
    events.push(delta(json!({}), Some(finish)));
    let usage =
        json!({ "prompt_tokens": asked, "completion_tokens": written, "total_tokens": asked + written });
    events.push(event(json!([]), Some(usage)));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn anthropic(model: &str, asked: usize, reply: &Reply) -> Vec<String> {
    let event = |value: Value| format!("event: {}\ndata: {value}\n\n", str_of(&value, "type"));
    let usage = json!({ "input_tokens": asked, "output_tokens": 1 });
    let message = json!({ "id": "msg_fake", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage });
    let mut events = vec![event(json!({ "type": "message_start", "message": message }))];
    let mut block = |index: usize, start: Value, deltas: Vec<Value>| {
        events.push(event(json!({ "type": "content_block_start", "index": index, "content_block": start })));
        let deltas = deltas.into_iter();
        events.extend(
            deltas.map(|d| event(json!({ "type": "content_block_delta", "index": index, "delta": d }))),
        );
        events.push(event(json!({ "type": "content_block_stop", "index": index })));
    };
    let (stop, written) = match reply {
        Reply::Text(text) => {
            let deltas = halves(text).map(|half| json!({ "type": "text_delta", "text": half })).collect();
            block(0, json!({ "type": "text", "text": "" }), deltas);
            ("end_turn", text.split_whitespace().count())
        }
        Reply::Calls(calls) => {
            for (index, (name, arguments)) in calls.iter().enumerate() {
                let arguments = arguments.to_string();
                let start =
                    json!({ "type": "tool_use", "id": call_id(index, asked), "name": name, "input": {} });
                let delta = |half| json!({ "type": "input_json_delta", "partial_json": half });
                block(index, start, halves(&arguments).map(delta).collect());
            }
            ("tool_use", calls.len())
        }
    };
    let delta = json!({ "stop_reason": stop, "stop_sequence": null });
    events.push(event(
        json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": written } }),
    ));
    events.push(event(json!({ "type": "message_stop" })));
    events
}

/// An id that differs from call to call within a transcript.
fn call_id(index: usize, asked: usize) -> String {
    format!("call_{asked}_{index}")
}

/// A text in two pieces.
fn halves(text: &str) -> impl Iterator<Item = &str> {
    let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (a, b) = text.split_at(middle);
    [a, b].into_iter().filter(|half| !half.is_empty())
}
