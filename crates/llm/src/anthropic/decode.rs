//! Messages events to an answer.

use crate::answer::{Answer, CallAt, Drafts, Sink};
use crate::fault::{Fault, from_value};
use crate::stream::Decode;
use model::{StopReason, Usage};
use serde_json::Value;

/// Marks, in a thinking block's signature, reasoning that the provider has encrypted.
pub(super) const REDACTED: &str = "redacted:";

/// The state between two events.
pub(crate) struct Decoder {
    drafts: Drafts,
    /// Tool calls by the index of their block.
    calls: Vec<(u64, CallAt)>,
    usage: Usage,
    stop: Option<StopReason>,
    over: bool,
}

impl Decoder {
    /// `fresh_id` names the calls that come without an id.
    pub(crate) fn new(fresh_id: fn() -> String) -> Self {
        Self {
            drafts: Drafts::new(fresh_id),
            calls: Vec::new(),
            usage: Usage::default(),
            stop: None,
            over: false,
        }
    }

    /// A block begins; it may have content already.
    fn start(&mut self, index: u64, block: &Value, events: &mut Sink<'_>) -> Result<(), Fault> {
        match text_of(block, "type") {
            "text" => {
                self.drafts.begin_text();
                self.drafts.text(text_of(block, "text"), events);
            }
            "thinking" => {
                self.drafts.begin_thinking();
                self.drafts.thinking(text_of(block, "thinking"), "", events);
                self.sign(text_of(block, "signature"));
            }
            "redacted_thinking" => {
                self.drafts.begin_thinking();
                self.drafts.sign(REDACTED);
                self.drafts.sign(text_of(block, "data"));
            }
            "tool_use" => {
                let at = self.drafts.begin_call()?;
                self.calls.push((index, at));
                self.drafts.announce(at, text_of(block, "id"), text_of(block, "name"), events);
                let input = block.get("input").filter(|i| i.as_object().is_some_and(|o| !o.is_empty()));
                if let (Some(call), Some(input)) = (self.drafts.call(at), input) {
                    call.arguments = input.to_string();
                }
            }
            // Blocks of tools that run at the provider; we offer none.
            _ => {}
        }
        Ok(())
    }

    fn delta(&mut self, index: u64, delta: &Value, events: &mut Sink<'_>) {
        match text_of(delta, "type") {
            "text_delta" => self.drafts.text(text_of(delta, "text"), events),
            "thinking_delta" => self.drafts.thinking(text_of(delta, "thinking"), "", events),
            "signature_delta" => self.sign(text_of(delta, "signature")),
            "input_json_delta" => {
                let at = self.calls.iter().rev().find(|(i, _)| *i == index).map(|(_, at)| *at);
                if let Some(call) = at.and_then(|at| self.drafts.call(at)) {
                    call.arguments.push_str(text_of(delta, "partial_json"));
                }
            }
            _ => {}
        }
    }

    fn sign(&mut self, more: &str) {
        if !more.is_empty() {
            self.drafts.sign(more);
        }
    }

    /// Later figures replace earlier ones: they are sums.
    fn usage(&mut self, usage: &Value) {
        let set = |field: &mut u64, key: &str| {
            if let Some(n) = usage.get(key).and_then(Value::as_u64) {
                *field = n;
            }
        };
        set(&mut self.usage.input, "input_tokens");
        set(&mut self.usage.output, "output_tokens");
        set(&mut self.usage.cache_read, "cache_read_input_tokens");
        set(&mut self.usage.cache_write, "cache_creation_input_tokens");
    }

    fn stop(&mut self, reason: &str) -> Result<(), Fault> {
        self.stop = Some(match reason {
            "" => return Ok(()),
            "max_tokens" | "model_context_window_exceeded" => StopReason::Length,
            "refusal" => return Err(Fault::refused("declined to answer (stop_reason refusal)")),
            _ => StopReason::Stop,
        });
        Ok(())
    }
}

impl Decode for Decoder {
    fn event(&mut self, value: &Value, events: &mut Sink<'_>) -> Result<(), Fault> {
        let index = value.get("index").and_then(Value::as_u64).unwrap_or(0);
        let part = |key: &str| value.get(key).unwrap_or(&Value::Null);
        match text_of(value, "type") {
            "message_start" => self.usage(value.pointer("/message/usage").unwrap_or(&Value::Null)),
            "content_block_start" => self.start(index, part("content_block"), events)?,
            "content_block_delta" => self.delta(index, part("delta"), events),
            "message_delta" => {
                self.usage(part("usage"));
                self.stop(text_of(part("delta"), "stop_reason"))?;
            }
            "message_stop" => self.done(),
            "error" => return Err(from_value(value)),
            // Some proxies drop the type of an error.
            "" if value.get("error").is_some() => return Err(from_value(value)),
            // `ping`, `content_block_stop`, and what is still to be invented: the API asks clients to read over it.
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, value: &Value, events: &mut Sink<'_>) -> Result<(), Fault> {
        let Some(blocks) = value.get("content").and_then(Value::as_array) else {
            if value.get("error").is_some() {
                return Err(from_value(value));
            }
            return Err(Fault::no_answer(format!("answered without content: {value}")));
        };
        for (index, block) in (0..).zip(blocks) {
            self.start(index, block, events)?;
        }
        self.usage(value.get("usage").unwrap_or(&Value::Null));
        self.stop(text_of(value, "stop_reason"))?;
        self.done();
        Ok(())
    }

    fn done(&mut self) {
        self.stop.get_or_insert(StopReason::Stop);
        self.over = true;
    }

    fn is_complete(&self) -> bool {
        self.stop.is_some()
    }

    fn is_over(&self) -> bool {
        self.over
    }

    fn finish(self) -> Result<Answer, Fault> {
        let stop = match self.stop {
            None => {
                return Err(Fault::transient("cut its answer short: the stream ended without a stop_reason"));
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

#[cfg(test)]
mod tests;
