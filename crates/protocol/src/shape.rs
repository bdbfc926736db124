//! What parameters must look like, as data: one description serves the check at run time and the reference docs.
//! The wording of a problem is the one that OpenClaw's clients know.

use serde_json::{Map, Value};

/// The parameters of a method, or an object within them.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The properties that mean something here.
    pub fields: &'static [Field],
    /// Properties that OpenClaw's clients may send and that change nothing here.
    pub ignored: &'static [&'static str],
}

/// A property.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it must be.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
}

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any JSON.
    Any,
    /// Any text.
    Text,
    /// A text that is not empty.
    Filled,
    /// A text of 1 to 4096 characters: ids, keys and names that are kept, compared and shown.
    Name,
    /// A text of 1 to 256 characters: what is shown in lists, and keys that are kept in numbers.
    Label,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A whole number, at least this.
    Int(i64),
    /// True or false.
    Bool,
    /// A list of texts as [`Kind::Name`].
    Names,
    /// A list of anything.
    List,
    /// An object with any properties.
    Map,
    /// An object of this shape.
    Object(&'static Shape),
    /// As this, or null: takes away what was chosen.
    OrNull(&'static Kind),
    /// A setting that OpenClaw has and this gateway has not: null and false are how it is anyway, all else is refused.
    Unset,
    /// A text of 10 characters: `2026-11-21`.
    Date,
}

/// No parameters at all.
pub const EMPTY: Shape = Shape { fields: &[], ignored: &[] };

/// A required property.
pub const fn req(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

/// An optional property.
pub const fn opt(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

impl Shape {
    /// Checks a value.
    ///
    /// # Errors
    /// The first problem: `must have required property 'y'`, `at /client/id: must be equal to one of the allowed
    /// values`, `at root: unexpected property 'zzz'` …
    pub fn check(&self, value: &Value) -> Result<(), String> {
        match value {
            Value::Object(map) => self.check_map(map, ""),
            _ => Err("at root: must be object".into()),
        }
    }

    fn check_map(&self, map: &Map<String, Value>, at: &str) -> Result<(), String> {
        for field in self.fields {
            match map.get(field.name) {
                None if field.required => {
                    let place = if at.is_empty() { String::new() } else { format!("at {at}: ") };
                    return Err(format!("{place}must have required property '{}'", field.name));
                }
                None => {}
                Some(value) => field.kind.check(value, &format!("{at}/{}", field.name))?,
            }
        }
        let known = |name: &str| self.fields.iter().any(|f| f.name == name) || self.ignored.contains(&name);
        match map.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().take(80).collect();
                Err(format!("at {}: unexpected property '{name}'", if at.is_empty() { "root" } else { at }))
            }
        }
    }
}

impl Kind {
    fn check(self, value: &Value, at: &str) -> Result<(), String> {
        let must_be = |what: &str| Err(format!("at {at}: must be {what}"));
        match (self, value) {
            (Kind::Any, _)
            | (Kind::Text, Value::String(_))
            | (Kind::Bool, Value::Bool(_))
            | (Kind::List, Value::Array(_))
            | (Kind::Map, Value::Object(_)) => Ok(()),
            (Kind::Text, _) => must_be("string"),
            (Kind::Filled, Value::String(s)) => check_length(s, usize::MAX, at),
            (Kind::Name, Value::String(s)) => check_length(s, 4096, at),
            (Kind::Label, Value::String(s)) => check_length(s, 256, at),
            (Kind::Filled | Kind::Name | Kind::Label, _) => must_be("string"),
            (Kind::OneOf(allowed), Value::String(s)) if allowed.contains(&s.as_str()) => Ok(()),
            (Kind::OneOf(_), _) => must_be("equal to one of the allowed values"),
            (Kind::Int(min), Value::Number(n)) => match n.as_i64() {
                None => must_be("integer"),
                Some(i) if i < min => must_be(&format!(">= {min}")),
                Some(_) => Ok(()),
            },
            (Kind::Int(_), _) => must_be("integer"),
            (Kind::Bool, _) => must_be("boolean"),
            (Kind::Names, Value::Array(items)) => items
                .iter()
                .enumerate()
                .try_for_each(|(i, item)| Kind::Name.check(item, &format!("{at}/{i}"))),
            (Kind::Names | Kind::List, _) => must_be("array"),
            (Kind::Object(shape), Value::Object(map)) => shape.check_map(map, at),
            (Kind::Map | Kind::Object(_), _) => must_be("object"),
            (Kind::OrNull(_) | Kind::Unset, Value::Null) | (Kind::Unset, Value::Bool(false)) => Ok(()),
            (Kind::OrNull(kind), value) => kind.check(value, at),
            (Kind::Unset, _) => Err(format!("at {at}: is not supported by this gateway; leave it out")),
            (Kind::Date, Value::String(s)) if is_date(s) => Ok(()),
            (Kind::Date, _) => must_be("a date such as 2026-11-21"),
        }
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
}

fn check_length(text: &str, most: usize, at: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("at {at}: must not have fewer than 1 characters"));
    }
    // Most texts are short: then their bytes say enough.
    if text.len() > most && text.chars().count() > most {
        return Err(format!("at {at}: must not have more than {most} characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const INNER: Shape = Shape { fields: &[req("n", Kind::Name)], ignored: &[] };
    const OUTER: Shape = Shape {
        fields: &[req("key", Kind::Name), opt("limit", Kind::Int(1)), opt("inner", Kind::Object(&INNER))],
        ignored: &["legacy"],
    };

    #[test]
    fn texts_are_bounded_in_characters() {
        const SHAPE: Shape = Shape {
            fields: &[opt("key", Kind::Label), opt("id", Kind::Name), opt("message", Kind::Filled)],
            ignored: &[],
        };
        let too_many =
            |at: &str, most: usize| Some(format!("at /{at}: must not have more than {most} characters"));
        for (name, length, problem) in [
            ("key", 256, None),
            ("key", 257, too_many("key", 256)),
            ("id", 4096, None),
            ("id", 4097, too_many("id", 4096)),
            ("message", 100_000, None),
        ] {
            assert_eq!(SHAPE.check(&json!({name: "é".repeat(length)})).err(), problem, "{name}: {length}");
        }
    }

    #[test]
    fn null_takes_away_and_what_is_not_there_cannot_be_set() {
        const SHAPE: Shape = Shape {
            fields: &[
                opt("label", Kind::OrNull(&Kind::Label)),
                opt("fast", Kind::Unset),
                opt("day", Kind::Date),
            ],
            ignored: &[],
        };
        let cases = [
            (json!({"label": null, "fast": null, "day": "2026-11-21"}), None),
            (json!({"label": "x", "fast": false}), None),
            (json!({"label": ""}), Some("at /label: must not have fewer than 1 characters")),
            (json!({"fast": "auto"}), Some("at /fast: is not supported by this gateway; leave it out")),
            (json!({"day": "2026-1-21"}), Some("at /day: must be a date such as 2026-11-21")),
            (json!({"day": "2026-é-21"}), Some("at /day: must be a date such as 2026-11-21")),
        ];
        for (value, problem) in cases {
            assert_eq!(SHAPE.check(&value).err().as_deref(), problem, "{value}");
        }
    }

    #[test]
    fn problems_are_worded_as_clients_know_them() {
        let cases = [
            (json!({"key":"a","legacy":1}), None),
            (json!({}), Some("must have required property 'key'")),
            (json!({"key":""}), Some("at /key: must not have fewer than 1 characters")),
            (json!({"key":1}), Some("at /key: must be string")),
            (json!({"key":"a","limit":0}), Some("at /limit: must be >= 1")),
            (json!({"key":"a","limit":"x"}), Some("at /limit: must be integer")),
            (json!({"key":"a","inner":{}}), Some("at /inner: must have required property 'n'")),
            (json!({"key":"a","inner":{"n":"x","z":1}}), Some("at /inner: unexpected property 'z'")),
            (json!({"key":"a","zzz":1}), Some("at root: unexpected property 'zzz'")),
            (json!([]), Some("at root: must be object")),
        ];
        for (value, problem) in cases {
            assert_eq!(OUTER.check(&value).err().as_deref(), problem, "{value}");
        }
    }
}
