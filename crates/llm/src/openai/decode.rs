//! Chat completion chunks to an answer. Lenient where servers differ: calls without index or id, arguments at once or as
//! an object, text as a list of parts, reasoning under two names, usage under three.

use crate::answer::{Answer, CallAt, Drafts, Sink};
use crate::fault::{Fault, from_value};
use crate::stream::Decode;
use model::{StopReason, Usage};
use serde_json::Value;

/// The state between two chunks.
pub(crate) struct Decoder {
    drafts: Drafts,
    calls: Vec<OpenCall>,
    usage: Usage,
    finish: Option<StopReason>,
    over: bool,
}

/// A call with what the server names it by.
struct OpenCall {
    index: Option<u64>,
    id: String,
    at: CallAt,
}

impl Decoder {
    /// `fresh_id` names the calls that come without an id.
    pub(crate) fn new(fresh_id: fn() -> String) -> Self {
        Self {
            drafts: Drafts::new(fresh_id),
            calls: Vec::new(),
            usage: Usage::default(),
            finish: None,
            over: false,
        }
    }

    fn choice(&mut self, choice: &Value, delta: &Value, events: &mut Sink<'_>) -> Result<(), Fault> {
        self.thinking(delta, events);
        self.content(delta.get("content").unwrap_or(&Value::Null), events);
        // OpenAI's word for declining: it is the answer, and the user should read it.
        self.drafts.text(text_of(delta, "refusal"), events);
        for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.call(call, events)?;
        }
        if let Some(usage) = choice.get("usage").filter(|u| u.is_object()) {
            self.usage = read_usage(usage);
        }
        match choice.get("finish_reason").and_then(Value::as_str) {
            Some(reason) if !reason.is_empty() => self.finish(reason, choice),
            _ => Ok(()),
        }
    }

    /// Reasoning comes as `reasoning_content` (DeepSeek, vLLM, llama.cpp) or `reasoning` (OpenRouter, Ollama); some send
    /// both with the same words.
    fn thinking(&mut self, delta: &Value, events: &mut Sink<'_>) {
        for field in ["reasoning_content", "reasoning"] {
            let more = text_of(delta, field);
            if !more.is_empty() {
                self.drafts.thinking(more, field, events);
                return;
            }
        }
    }

    fn content(&mut self, content: &Value, events: &mut Sink<'_>) {
        match content {
            Value::String(text) => self.drafts.text(text, events),
            Value::Array(parts) => {
                for part in parts {
                    self.drafts.text(text_of(part, "text"), events);
                    for thought in part.get("thinking").and_then(Value::as_array).into_iter().flatten() {
                        self.drafts.thinking(text_of(thought, "text"), "", events);
                    }
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, delta: &Value, events: &mut Sink<'_>) -> Result<(), Fault> {
        let function = delta.get("function").unwrap_or(&Value::Null);
        let (id, name) = (text_of(delta, "id"), text_of(function, "name"));
        let index = delta.get("index").and_then(Value::as_u64);
        let at = match self.find(index, id, name) {
            Some(at) => at,
            None => {
                let at = self.drafts.begin_call()?;
                self.calls.push(OpenCall { index, id: id.to_owned(), at });
                at
            }
        };
        if !name.is_empty() {
            self.drafts.announce(at, id, name, events);
        }
        if let Some(call) = self.drafts.call(at) {
            match function.get("arguments") {
                Some(Value::String(more)) => call.arguments.push_str(more),
                Some(object @ Value::Object(_)) => call.arguments = object.to_string(),
                _ => {}
            }
        }
        Ok(())
    }

    /// The call that a delta continues; `None` when it begins one.
    fn find(&mut self, index: Option<u64>, id: &str, name: &str) -> Option<CallAt> {
        let same_id = |c: &&OpenCall| !id.is_empty() && c.id == id;
        let found = match index {
            Some(index) => {
                let last = self.calls.iter().rev().find(|c| c.index == Some(index))?;
                // Some servers number every call 0: another id is another call.
                if !id.is_empty() && !last.id.is_empty() && last.id != id {
                    return self.calls.iter().find(same_id).map(|c| c.at);
                }
                last
            }
            None if !id.is_empty() => return self.calls.iter().find(same_id).map(|c| c.at),
            None => self.calls.last()?,
        };
        let (at, known) = (found.at, !found.id.is_empty());
        // Without an id, another name, or a name behind whole arguments, begins the next call.
        let names_another = id.is_empty() && !name.is_empty() && (!known || index.is_none());
        let ended = |c: &mut crate::answer::Call| {
            let whole = || serde_json::from_str::<serde::de::IgnoredAny>(&c.arguments).is_ok();
            !c.name.is_empty() && (c.name != name || whole())
        };
        if names_another && self.drafts.call(at).is_some_and(ended) { None } else { Some(at) }
    }

    fn finish(&mut self, reason: &str, choice: &Value) -> Result<(), Fault> {
        self.finish = Some(match reason {
            "length" | "max_tokens" => StopReason::Length,
            "content_filter" => return Err(Fault::refused("stopped the answer with its content filter")),
            "error" if choice.get("error").is_some_and(Value::is_object) => return Err(from_value(choice)),
            "error" | "insufficient_system_resource" => {
                return Err(Fault::transient(format!("broke its answer off ({reason})")));
            }
            // `stop`, `tool_calls` and whatever servers invent: whether there are calls says more.
            _ => StopReason::Stop,
        });
        Ok(())
    }
}

impl Decode for Decoder {
    fn event(&mut self, value: &Value, events: &mut Sink<'_>) -> Result<(), Fault> {
        let is_error = value.get("error").is_some_and(|e| !e.is_null())
            || value.get("object").and_then(Value::as_str) == Some("error");
        if is_error {
            return Err(from_value(value));
        }
        if let Some(usage) = value.get("usage").filter(|u| u.is_object()) {
            self.usage = read_usage(usage);
        }
        let Some(choice) = value.pointer("/choices/0") else { return Ok(()) };
        let delta = ["delta", "message"].iter().find_map(|k| choice.get(k).filter(|d| d.is_object()));
        self.choice(choice, delta.unwrap_or(&Value::Null), events)
    }

    fn whole(&mut self, value: &Value, events: &mut Sink<'_>) -> Result<(), Fault> {
        self.event(value, events)?;
        if value.pointer("/choices/0").is_none() {
            return Err(Fault::no_answer(format!("answered without any choice: {value}")));
        }
        self.finish.get_or_insert(StopReason::Stop);
        Ok(())
    }

    fn done(&mut self) {
        // A server that closes in order has finished, even if it gave no reason.
        if !self.drafts.is_empty() {
            self.finish.get_or_insert(StopReason::Stop);
        }
        self.over = true;
    }

    fn is_complete(&self) -> bool {
        self.finish.is_some()
    }

    fn is_over(&self) -> bool {
        self.over
    }

    fn finish(self) -> Result<Answer, Fault> {
        let stop = match self.finish {
            None => {
                return Err(Fault::transient(
                    "cut its answer short: the stream ended without a finish_reason",
                ));
            }
            Some(StopReason::Stop) if self.drafts.has_calls() => StopReason::ToolUse,
            Some(stop) => stop,
        };
        Ok(Answer { content: self.drafts.finish(), stop, usage: self.usage })
    }
}

fn text_of<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn read_usage(usage: &Value) -> Usage {
    let number = |pointers: &[&str]| {
        pointers.iter().find_map(|p| usage.pointer(p).and_then(Value::as_u64)).unwrap_or(0)
    };
    let cache_read =
        number(&["/prompt_tokens_details/cached_tokens", "/prompt_cache_hit_tokens", "/cached_tokens"]);
    let cache_write = number(&["/prompt_tokens_details/cache_write_tokens"]);
    Usage {
        // `prompt_tokens` counts what came from the cache too.
        input: number(&["/prompt_tokens"]).saturating_sub(cache_read).saturating_sub(cache_write),
        output: number(&["/completion_tokens"]),
        cache_read,
        cache_write,
        cost: 0.0,
    }
}

#[cfg(test)]
mod tests;
