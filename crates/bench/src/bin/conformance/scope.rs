//! What the words of a case stand for while it runs, and values that are made of them.

use crate::device::Device;
use crate::words::{Operator, Word, operator, word};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The longest text that a case may make.
const MAX_TEXT: usize = 64 << 20;

/// Names and their values, of one run of one case.
pub(crate) struct Scope {
    /// New in each run.
    run: String,
    token: String,
    origin: String,
    bound: HashMap<String, Value>,
    /// Of the innermost `repeat`.
    pub(crate) index: u64,
}

impl Scope {
    /// For one run of a case: `run` is new each time.
    pub(crate) fn new(run: String, token: String, origin: String) -> Self {
        Self { run, token, origin, bound: HashMap::new(), index: 0 }
    }

    /// The device with this name in this run.
    pub(crate) fn device(&self, name: &str) -> Device {
        Device::from_seed(&self.run, name)
    }

    /// Names a value.
    pub(crate) fn bind(&mut self, name: &str, value: Value) {
        self.bound.insert(name.to_owned(), value);
    }

    /// What a word stands for; nothing where it describes what is expected.
    pub(crate) fn value(&self, word: Word<'_>) -> Option<Value> {
        Some(match word {
            Word::Bound(name) => self.bound.get(name)?.clone(),
            Word::Id(name) => Value::from(format!("conformance-{}-{name}", self.run)),
            Word::Device(name) => Value::from(self.device(name).id()),
            Word::Key(name) => Value::from(self.device(name).public_key()),
            Word::Token => Value::from(self.token.as_str()),
            Word::Origin => Value::from(self.origin.as_str()),
            Word::Index => Value::from(self.index),
            Word::Any | Word::Kind(_) | Word::Time | Word::Absent | Word::Bind(_) => return None,
        })
    }

    /// What is sent for a value of a case. Properties that are `$absent` are left out.
    pub(crate) fn fill(&self, template: &Value) -> Result<Value, String> {
        match template {
            Value::String(text) => match word(text) {
                None => Ok(template.clone()),
                Some(word) => self.value(word?).ok_or_else(|| format!("{text:?} cannot be sent")),
            },
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(map) => match operator(map) {
                Some(found) => self.make(found?),
                None => self.fill_object(map),
            },
            other => Ok(other.clone()),
        }
    }

    fn fill_object(&self, map: &Map<String, Value>) -> Result<Value, String> {
        let there = map.iter().filter(|(_, value)| *value != "$absent");
        let filled = there.map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
        Ok(Value::Object(filled.collect::<Result<_, String>>()?))
    }

    /// What an operator makes.
    pub(crate) fn make(&self, (operator, operand): (Operator, &Value)) -> Result<Value, String> {
        match (operator, operand) {
            (Operator::Text, Value::Array(parts)) => {
                let parts = parts.iter().map(|part| Ok(as_text(&self.fill(part)?)));
                Ok(Value::from(parts.collect::<Result<String, String>>()?))
            }
            (Operator::Repeat, Value::Array(two)) => match two.as_slice() {
                [Value::String(text), Value::Number(times)] => repeat(text, times.as_u64()),
                _ => Err("$repeat takes a text and a number".into()),
            },
            (Operator::Json, value) => Ok(Value::from(self.fill(value)?.to_string())),
            _ => Err("this cannot be sent".into()),
        }
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn repeat(text: &str, times: Option<u64>) -> Result<Value, String> {
    let times = times.and_then(|times| usize::try_from(times).ok());
    match times.filter(|times| times.saturating_mul(text.len()) <= MAX_TEXT) {
        Some(times) => Ok(Value::from(text.repeat(times))),
        None => Err(format!("$repeat makes at most {MAX_TEXT} bytes")),
    }
}
