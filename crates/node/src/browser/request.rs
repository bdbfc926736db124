//! What is asked of the browser, shaped as HTTP.

use serde_json::{Map, Value};

/// A request.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// `GET`, `POST` or `DELETE`.
    pub(super) method: String,
    /// Such as `/tabs/open`.
    pub(super) path: String,
    query: Map<String, Value>,
    body: Map<String, Value>,
}

impl Request {
    pub(super) fn new(method: &str, path: &str, query: Value, body: Value) -> Self {
        let object = |value| if let Value::Object(map) = value { map } else { Map::new() };
        Self { method: method.to_owned(), path: path.to_owned(), query: object(query), body: object(body) }
    }

    /// A word of the query, without blanks around it.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        filled(self.query.get(key))
    }

    /// A word of the body.
    pub(super) fn body(&self, key: &str) -> Option<&str> {
        filled(self.body.get(key))
    }

    /// A text of the query as it is.
    pub(super) fn query_text(&self, key: &str) -> Option<&str> {
        self.query.get(key).and_then(Value::as_str)
    }

    /// A word of the body or the query.
    pub(super) fn word(&self, key: &str) -> Option<&str> {
        self.body(key).or_else(|| self.query(key))
    }

    /// Yes or no, of the query.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        flag(self.query.get(key)?)
    }

    /// Whether the query says yes.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.flag(key) == Some(true)
    }

    /// A whole number of the query.
    pub(super) fn number(&self, key: &str) -> Option<usize> {
        match self.query.get(key)? {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64().and_then(|n| usize::try_from(n).ok()),
        }
    }

    /// The body.
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields(&self.body)
    }
}

/// Reads fields of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// A word, without blanks around it.
    pub(super) fn word(self, key: &str) -> Option<&'a str> {
        filled(self.0.get(key))
    }

    /// A text as it is.
    pub(super) fn text(self, key: &str) -> Option<&'a str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// Yes or no.
    pub(super) fn flag(self, key: &str) -> Option<bool> {
        self.0.get(key).and_then(flag)
    }

    /// Whether it says yes.
    pub(super) fn is_set(self, key: &str) -> bool {
        self.flag(key) == Some(true)
    }

    /// A number of any sign.
    pub(super) fn any_number(self, key: &str) -> Option<f64> {
        self.0.get(key).and_then(Value::as_f64).filter(|number| number.is_finite())
    }

    /// An object.
    pub(super) fn object(self, key: &str) -> Option<Fields<'a>> {
        self.0.get(key).and_then(Value::as_object).map(Fields)
    }

    /// A number that is not negative.
    pub(super) fn number(self, key: &str) -> Option<f64> {
        self.0.get(key).and_then(Value::as_f64).filter(|number| *number >= 0.0)
    }

    /// A list of texts.
    pub(super) fn texts(self, key: &str) -> Vec<String> {
        let list = self.0.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }

    /// A list of objects.
    pub(super) fn objects(self, key: &str) -> Vec<Fields<'a>> {
        let list = self.0.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|object| object.as_object().map(Fields)).collect()
    }
}

fn filled(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.trim() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
