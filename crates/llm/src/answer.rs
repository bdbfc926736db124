//! An answer while it is written: the blocks in the order they began, and how they become a [`Completion`].

use crate::fault::Fault;
use crate::{Completion, ModelInfo, Price, StreamEvent};
use model::{AssistantMessage, Block, StopReason, Usage};
use serde_json::{Map, Value};

/// A finished answer before it carries the model's name and its cost.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) content: Vec<Block>,
    pub(crate) stop: StopReason,
    pub(crate) usage: Usage,
}

impl Answer {
    /// The message for the transcript; `now_ms` is its time.
    pub(crate) fn complete(mut self, info: &ModelInfo, now_ms: i64) -> Completion {
        self.usage.cost = cost(&info.price, &self.usage);
        let message = AssistantMessage {
            content: self.content,
            api: info.api.to_owned(),
            provider: info.provider.clone(),
            model: info.id.clone(),
            usage: self.usage,
            stop_reason: self.stop,
            timestamp: now_ms,
            error_message: None,
        };
        Completion { message }
    }
}

/// US dollars of one call.
fn cost(price: &Price, usage: &Usage) -> f64 {
    // Token counts are far below 2^52: the conversion is exact.
    #[allow(clippy::cast_precision_loss)]
    let of = |tokens: u64, per_million: f64| tokens as f64 * per_million / 1e6;
    of(usage.input, price.input)
        + of(usage.output, price.output)
        + of(usage.cache_read, price.cache_read)
        + of(usage.cache_write, price.cache_write)
}

/// No model asks for more calls in one answer; a broken server may.
const MAX_CALLS: usize = 256;

/// A block that may still grow.
#[derive(Debug)]
enum Draft {
    Text(String),
    Thinking { text: String, signature: Option<String> },
    Call(Call),
}

/// A tool call that may still grow. Name and id are set once.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON text, as far as it has come.
    pub(crate) arguments: String,
}

/// What receives the events of an answer.
pub(crate) type Sink<'a> = dyn FnMut(StreamEvent) + Send + 'a;

/// The blocks so far. Text that continues the last block is joined to it.
#[derive(Debug)]
pub(crate) struct Drafts {
    blocks: Vec<Draft>,
    calls: usize,
    fresh_id: fn() -> String,
}

/// A handle on a call within its [`Drafts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallAt(usize);

impl Drafts {
    /// `fresh_id` names the calls that come without an id, or with one that the answer has already.
    pub(crate) fn new(fresh_id: fn() -> String) -> Self {
        Self { blocks: Vec::new(), calls: 0, fresh_id }
    }

    pub(crate) fn text(&mut self, more: &str, events: &mut Sink<'_>) {
        if more.is_empty() {
            return;
        }
        match self.blocks.last_mut() {
            Some(Draft::Text(text)) => text.push_str(more),
            _ => self.blocks.push(Draft::Text(more.to_owned())),
        }
        events(StreamEvent::Text(more.to_owned()));
    }

    /// `signature` marks a thinking block that begins with this; empty for none.
    pub(crate) fn thinking(&mut self, more: &str, signature: &str, events: &mut Sink<'_>) {
        if more.is_empty() {
            return;
        }
        match self.blocks.last_mut() {
            Some(Draft::Thinking { text, .. }) => text.push_str(more),
            _ => {
                let signature = (!signature.is_empty()).then(|| signature.to_owned());
                self.blocks.push(Draft::Thinking { text: more.to_owned(), signature });
            }
        }
        events(StreamEvent::Thinking(more.to_owned()));
    }

    /// Begins a block of its own, so that what follows is not joined to the one before.
    pub(crate) fn begin_thinking(&mut self) {
        self.blocks.push(Draft::Thinking { text: String::new(), signature: None });
    }

    /// Begins a text block of its own.
    pub(crate) fn begin_text(&mut self) {
        self.blocks.push(Draft::Text(String::new()));
    }

    /// Adds to the signature of the last thinking block.
    pub(crate) fn sign(&mut self, more: &str) {
        let last = self.blocks.iter_mut().rev().find_map(|b| match b {
            Draft::Thinking { signature, .. } => Some(signature),
            _ => None,
        });
        if let Some(signature) = last {
            signature.get_or_insert_default().push_str(more);
        }
    }

    /// Begins a tool call.
    pub(crate) fn begin_call(&mut self) -> Result<CallAt, Fault> {
        if self.calls == MAX_CALLS {
            return Err(Fault::no_answer(format!(
                "asked for more than {MAX_CALLS} tool calls in one answer"
            )));
        }
        self.calls += 1;
        self.blocks.push(Draft::Call(Call::default()));
        Ok(CallAt(self.blocks.len() - 1))
    }

    /// A call by its handle.
    pub(crate) fn call(&mut self, at: CallAt) -> Option<&mut Call> {
        match self.blocks.get_mut(at.0) {
            Some(Draft::Call(call)) => Some(call),
            _ => None,
        }
    }

    /// Sets a call's name and, made unique within the answer, its id, and reports it. Later names and ids are ignored.
    pub(crate) fn announce(&mut self, at: CallAt, id: &str, name: &str, events: &mut Sink<'_>) {
        let taken = id.is_empty()
            || self
                .blocks
                .iter()
                .enumerate()
                .any(|(i, b)| i != at.0 && matches!(b, Draft::Call(c) if c.id == id));
        let id = if taken { (self.fresh_id)() } else { id.to_owned() };
        if let Some(call) = self.call(at).filter(|c| c.name.is_empty()) {
            call.name = name.to_owned();
            call.id.clone_from(&id);
            events(StreamEvent::ToolCall { id, name: name.to_owned() });
        }
    }

    /// Whether there is any call.
    pub(crate) fn has_calls(&self) -> bool {
        self.calls > 0
    }

    /// Whether nothing has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The blocks, without the empty ones and without calls that never got a name.
    pub(crate) fn finish(self) -> Vec<Block> {
        let done = self.blocks.into_iter().filter_map(|b| match b {
            Draft::Text(text) => (!text.is_empty()).then_some(Block::Text { text }),
            Draft::Thinking { text, signature } => {
                let empty = text.is_empty() && signature.is_none();
                (!empty).then_some(Block::Thinking { thinking: text, signature })
            }
            Draft::Call(call) => (!call.name.is_empty()).then(|| Block::ToolCall {
                arguments: parse_arguments(&call.arguments),
                id: call.id,
                name: call.name,
            }),
        });
        done.collect()
    }
}

/// A fresh id for a tool call: 37 characters, which all providers take (OpenAI allows 40).
pub(crate) fn fresh_call_id() -> String {
    format!("call_{}", model::new_id().replace('-', ""))
}

/// Arguments as an object. Nothing at all is an empty object; an object that was encoded twice is decoded twice; what
/// is no object is kept as it came, as a string, for the tool to refuse.
pub(crate) fn parse_arguments(raw: &str) -> Value {
    if raw.trim().is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_str(raw) {
        Ok(Value::Null) => Value::Object(Map::new()),
        Ok(value @ Value::Object(_)) => value,
        Ok(Value::String(inner)) => match serde_json::from_str(&inner) {
            Ok(value @ Value::Object(_)) => value,
            _ => Value::String(raw.to_owned()),
        },
        _ => Value::String(raw.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_become_an_object_or_stay_as_they_came() {
        for (raw, want) in [
            ("", json!({})),
            ("null", json!({})),
            (r#"{"a":1}"#, json!({"a":1})),
            (r#""{\"a\":1}""#, json!({"a":1})),
            (r#"{"a":"#, json!(r#"{"a":"#)),
            ("[1]", json!("[1]")),
        ] {
            assert_eq!(parse_arguments(raw), want, "{raw}");
        }
    }

    #[test]
    fn an_id_that_the_answer_has_already_is_replaced() {
        let mut drafts = Drafts::new(|| "fresh".into());
        for _ in 0..2 {
            let at = drafts.begin_call().unwrap();
            drafts.announce(at, "same", "exec", &mut |_| {});
        }
        let ids: Vec<String> = drafts
            .finish()
            .into_iter()
            .map(|b| match b {
                Block::ToolCall { id, .. } => id,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids, ["same", "fresh"]);
    }

    #[test]
    fn the_cost_follows_the_price_of_each_kind_of_token() {
        let price = Price { input: 1.0, output: 10.0, cache_read: 0.1, cache_write: 2.0 };
        let usage = Usage {
            input: 1_000_000,
            output: 100_000,
            cache_read: 1_000_000,
            cache_write: 500_000,
            cost: 0.0,
        };
        assert!((cost(&price, &usage) - 3.1).abs() < 1e-9);
    }
}
