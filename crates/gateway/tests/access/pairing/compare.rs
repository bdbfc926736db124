//! Compares an answer with a recorded one in which every id, token and time is another.

use serde_json::Value;
use std::collections::HashMap;

/// Stands for any text in what is expected.
pub(crate) const ANY: &str = "<any text>";

/// Fields whose values are made anew in each life: the same recorded one is always the same one of ours.
const IDS: [&str; 6] = ["requestId", "deviceId", "nodeId", "publicKey", "deviceToken", "nonce"];

/// Which id of ours stands for which recorded one.
#[derive(Default)]
pub(crate) struct Ids {
    ours: HashMap<String, String>,
    recorded: HashMap<String, String>,
}

impl Ids {
    /// Recorded parameters with our ids in them.
    pub(crate) fn ours(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.ours.get(text).unwrap_or(text).clone()),
            Value::Array(items) => items.iter().map(|item| self.ours(item)).collect(),
            Value::Object(map) => map.iter().map(|(name, item)| (name.clone(), self.ours(item))).collect(),
            other => other.clone(),
        }
    }

    /// A recorded close reason with the request id of our error in it; a close frame has room for 123 bytes.
    pub(crate) fn our_reason(&self, recorded: &Value, error: &Value) -> String {
        let recorded = recorded.as_str().unwrap();
        let Some((message, _)) = recorded.split_once(" (requestId: ") else { return recorded.to_owned() };
        let id = error["details"]["requestId"].as_str().unwrap();
        let mut reason = format!("{message} (requestId: {id})");
        reason.truncate(123);
        reason
    }

    /// Asserts that both say the same.
    pub(crate) fn compare(&mut self, what: &str, expected: &Value, observed: &Value) {
        if let Err(difference) = self.difference("", expected, observed) {
            panic!("{what}: {difference}\nexpected {expected:#}\nobserved {observed:#}");
        }
    }

    fn difference(&mut self, at: &str, expected: &Value, observed: &Value) -> Result<(), String> {
        let name = at.rsplit('/').next().unwrap_or_default();
        match (expected, observed) {
            (Value::Object(want), Value::Object(have)) => {
                let missing = want.keys().find(|k| !have.contains_key(*k));
                let extra = have.keys().find(|k| !want.contains_key(*k));
                if let Some(key) = missing.or(extra) {
                    let how = if missing.is_some() { "is missing" } else { "was not expected" };
                    return Err(format!("{at}/{key} {how}"));
                }
                want.iter()
                    .try_for_each(|(key, value)| self.difference(&format!("{at}/{key}"), value, &have[key]))
            }
            (Value::Array(want), Value::Array(have)) if want.len() == have.len() => want
                .iter()
                .zip(have)
                .enumerate()
                .try_for_each(|(i, (want, have))| self.difference(&format!("{at}/{i}"), want, have)),
            (Value::String(want), Value::String(_)) if want == ANY => Ok(()),
            (Value::String(want), Value::String(have)) if IDS.contains(&name) => self.same_id(at, want, have),
            (Value::Number(_), Value::Number(have)) if name == "ts" || name.ends_with("Ms") => {
                // 2020 at least: milliseconds, and not seconds or a duration.
                match have.as_i64().is_some_and(|ms| ms > 1_577_836_800_000) {
                    true => Ok(()),
                    false => Err(format!("{at}: {have} is no time in milliseconds")),
                }
            }
            _ if expected == observed => Ok(()),
            _ => Err(format!("{at}: expected {expected}, observed {observed}")),
        }
    }

    fn same_id(&mut self, at: &str, recorded: &str, ours: &str) -> Result<(), String> {
        let known = self.ours.entry(recorded.to_owned()).or_insert_with(|| ours.to_owned());
        let back = self.recorded.entry(ours.to_owned()).or_insert_with(|| recorded.to_owned());
        if known == ours && back == recorded {
            return Ok(());
        }
        Err(format!("{at}: {recorded} was {known} before and is {ours} now, which was {back}"))
    }
}
