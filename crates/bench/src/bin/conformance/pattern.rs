//! Whether what came is what a case expects. Objects may have more properties than the pattern names: servers add some.

use crate::scope::Scope;
use crate::words::{Kind, Operator, Word, operator, word};
use serde_json::{Map, Value};

/// The start of 2020, in milliseconds.
const YEAR_2020: i64 = 1_577_836_800_000;

/// Names that a match gives to values.
type Bindings = Vec<(String, Value)>;

/// Compares a value, or its absence, with a pattern. What the pattern names is bound if all of it fits, and nothing of
/// it otherwise.
///
/// # Errors
/// The first difference, with its place.
pub(crate) fn check(pattern: &Value, value: &Value, scope: &mut Scope) -> Result<(), String> {
    let mut bindings = Bindings::new();
    Matcher { scope, bindings: &mut bindings }.compare("", pattern, Some(value))?;
    for (name, value) in bindings {
        scope.bind(&name, value);
    }
    Ok(())
}

struct Matcher<'a> {
    scope: &'a Scope,
    bindings: &'a mut Bindings,
}

impl Matcher<'_> {
    fn compare(&mut self, at: &str, pattern: &Value, value: Option<&Value>) -> Result<(), String> {
        match pattern {
            Value::String(text) => match word(text) {
                Some(word) => self.word(at, word?, value),
                None => equal(at, pattern, value),
            },
            Value::Object(map) => match operator(map) {
                Some(found) => self.operator(at, found?, value),
                None => self.object(at, map, value),
            },
            Value::Array(patterns) => match value {
                Some(Value::Array(values)) if values.len() == patterns.len() => {
                    let mut pairs = patterns.iter().zip(values).enumerate();
                    pairs.try_for_each(|(i, (p, v))| self.compare(&format!("{at}/{i}"), p, Some(v)))
                }
                _ => differ(at, &format!("{} items", patterns.len()), value),
            },
            other => equal(at, other, value),
        }
    }

    fn word(&mut self, at: &str, word: Word<'_>, value: Option<&Value>) -> Result<(), String> {
        let fits = match (word, value) {
            (Word::Any, _) | (Word::Absent, None) => true,
            (Word::Kind(kind), Some(value)) => is_of(kind, value),
            (Word::Time, Some(value)) => value.as_i64().is_some_and(|ms| ms > YEAR_2020),
            (Word::Bind(name), Some(value)) if !value.is_null() => {
                self.bindings.push((name.to_owned(), value.clone()));
                true
            }
            (Word::Absent | Word::Bind(_) | Word::Kind(_) | Word::Time, _) => false,
            (word, value) => {
                let expected =
                    self.scope.value(word).ok_or_else(|| format!("{at}: nothing has this name yet"))?;
                return equal(at, &expected, value);
            }
        };
        if fits { Ok(()) } else { differ(at, &format!("{word:?}"), value) }
    }

    fn object(&mut self, at: &str, map: &Map<String, Value>, value: Option<&Value>) -> Result<(), String> {
        let Some(Value::Object(have)) = value else { return differ(at, "an object", value) };
        map.iter()
            .try_for_each(|(name, pattern)| self.compare(&format!("{at}/{name}"), pattern, have.get(name)))
    }

    fn operator(
        &mut self,
        at: &str,
        (operator, operand): (Operator, &Value),
        value: Option<&Value>,
    ) -> Result<(), String> {
        let text = value.and_then(Value::as_str);
        match (operator, operand) {
            (Operator::Text | Operator::Repeat | Operator::Json, _) => {
                equal(at, &self.scope.make((operator, operand))?, value)
            }
            (Operator::Only, Value::Object(map)) => {
                self.object(at, map, value)?;
                let extra = value
                    .and_then(Value::as_object)
                    .and_then(|have| have.keys().find(|name| !map.contains_key(*name)));
                extra.map_or(Ok(()), |name| Err(format!("{at}/{name} was not expected")))
            }
            (Operator::Starts | Operator::Contains, part) => {
                let part = self.scope.fill(part)?;
                let part = part.as_str().unwrap_or_default();
                let fits = text.is_some_and(|text| match operator {
                    Operator::Starts => text.starts_with(part),
                    _ => text.contains(part),
                });
                if fits { Ok(()) } else { differ(at, &format!("{operator:?} {part:?}"), value) }
            }
            (Operator::Has, Value::Array(patterns)) => self.has(at, patterns, value),
            (Operator::Each, pattern) => match value {
                Some(Value::Array(items)) => {
                    let mut items = items.iter().enumerate();
                    items.try_for_each(|(i, item)| self.compare(&format!("{at}/{i}"), pattern, Some(item)))
                }
                _ => differ(at, "a list", value),
            },
            (Operator::OneOf, Value::Array(patterns)) => {
                let fits = patterns.iter().any(|pattern| self.attempt(at, pattern, value));
                if fits { Ok(()) } else { differ(at, &format!("one of {}", short(operand)), value) }
            }
            (Operator::Not, pattern) => match self.attempt(at, pattern, value) {
                true => differ(at, &format!("anything but {}", short(pattern)), value),
                false => Ok(()),
            },
            (Operator::Least, bound) => {
                let fits = value.and_then(Value::as_f64) >= bound.as_f64();
                if fits { Ok(()) } else { differ(at, &format!("at least {bound}"), value) }
            }
            _ => Err(format!("{operator:?} does not take {}", short(operand))),
        }
    }

    /// Tries a pattern that may fail; what it bound is kept if it fits.
    fn attempt(&mut self, at: &str, pattern: &Value, value: Option<&Value>) -> bool {
        let before = self.bindings.len();
        let fits = self.compare(at, pattern, value).is_ok();
        if !fits {
            self.bindings.truncate(before);
        }
        fits
    }

    fn has(&mut self, at: &str, patterns: &[Value], value: Option<&Value>) -> Result<(), String> {
        let Some(Value::Array(items)) = value else { return differ(at, "a list", value) };
        let mut left: Vec<&Value> = items.iter().collect();
        for pattern in patterns {
            match left.iter().position(|item| self.attempt(at, pattern, Some(item))) {
                Some(found) => {
                    left.remove(found);
                }
                None => return differ(at, &format!("one that is {}", short(pattern)), value),
            }
        }
        Ok(())
    }
}

fn is_of(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::String => value.is_string(),
        Kind::Number => value.is_number(),
        Kind::Boolean => value.is_boolean(),
        Kind::Object => value.is_object(),
        Kind::Array => value.is_array(),
    }
}

fn equal(at: &str, expected: &Value, value: Option<&Value>) -> Result<(), String> {
    if value == Some(expected) { Ok(()) } else { differ(at, &short(expected), value) }
}

fn differ(at: &str, expected: &str, value: Option<&Value>) -> Result<(), String> {
    let at = if at.is_empty() { "/" } else { at };
    let got = value.map_or_else(|| "nothing".to_owned(), short);
    Err(format!("{at}: expected {expected}, got {got}"))
}

/// A value as a line of bounded length.
pub(crate) fn short(value: &Value) -> String {
    const MOST: usize = 300;
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        let cut = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("… ({cut} more bytes)"));
    }
    text
}

#[cfg(test)]
mod tests;
