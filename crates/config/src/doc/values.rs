//! Reading single values of a section: each is of its type and in its range, or is remarked on.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Section;
use super::describe::Fact;
use super::positions::item;
use super::substitute::{has_reference, substitute};
use crate::Level;
use crate::choice::Choice;
use crate::env::expand_tilde;
use crate::secret::SecretInput;

impl<'a> Section<'a> {
    /// A string with its `${NAME}` filled in; one that cannot be filled stays and is warned about.
    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        self.asks(key, || Fact::Text);
        match self.get(key)? {
            Value::String(text) => Some(self.filled(&self.path_of(key), text)),
            other => {
                self.wrong(key, other, "a string");
                None
            }
        }
    }

    fn filled(&self, path: &str, text: &str) -> String {
        if !has_reference(text) {
            return text.to_owned();
        }
        substitute(text, |name| self.doc.env.get(name).map(str::to_owned)).unwrap_or_else(|name| {
            let message = format!("${{{name}}} stays as it is, because the variable {name} is not set");
            self.doc.remark(Level::Warning, path, false, message);
            text.to_owned()
        })
    }

    /// A path with `~` expanded; a relative one is taken from the directory of the config file.
    pub(crate) fn path(&self, key: &'static str) -> Option<PathBuf> {
        let text = self.text(key)?;
        self.path_at(key, &text)
    }

    /// A list of paths, each as [`Section::path`] has them.
    pub(crate) fn paths(&self, key: &'static str) -> Option<Vec<PathBuf>> {
        let texts = self.texts(key)?;
        Some(texts.iter().filter_map(|text| self.path_at(key, text)).collect())
    }

    fn path_at(&self, key: &'static str, text: &str) -> Option<PathBuf> {
        if text.trim().is_empty() {
            self.error(key, "an empty path is not allowed; name a path or remove the key");
            return None;
        }
        match expand_tilde(text.trim(), self.doc.env.home().as_deref()) {
            Some(path) => Some(self.doc.file.parent().unwrap_or(Path::new("")).join(path)),
            None => {
                self.error(
                    key,
                    "~ stands for the home directory, and there is none; set HOME or use an absolute path",
                );
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        self.asks(key, || Fact::Boolean);
        let value = self.get(key)?;
        if value.as_bool().is_none() {
            self.wrong(key, value, "true or false");
        }
        value.as_bool()
    }

    /// A whole number in `range`.
    pub(crate) fn integer(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.asks(key, || Fact::Integer(*range.start(), *range.end()));
        let value = self.get(key)?;
        let good = whole(value).filter(|number| range.contains(number));
        if good.is_none() {
            self.wrong(key, value, &numbers(&range));
        }
        good
    }

    /// The object at `key`, each of whose values is a whole number in `range`.
    pub(crate) fn integer_entries(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Vec<(String, u64)> {
        self.asks(key, || Fact::MapOf(Box::new(Fact::Integer(*range.start(), *range.end()))));
        let mut out = Vec::new();
        for (name, path, value) in self.entries_raw(key) {
            match whole(value).filter(|number| range.contains(number)) {
                Some(good) => out.push((name.to_owned(), good)),
                None => {
                    let message = format!("{} is not allowed; use {}", shown(value), numbers(&range));
                    self.doc.remark(Level::Error, &path, false, message);
                }
            }
        }
        out
    }

    /// A number that is not negative.
    pub(crate) fn number(&self, key: &'static str) -> Option<f64> {
        self.asks(key, || Fact::Number);
        let value = self.get(key)?;
        let good = value.as_f64().filter(|number| *number >= 0.0 && number.is_finite());
        if good.is_none() {
            self.wrong(key, value, "a number that is not negative");
        }
        good
    }

    /// One of the words of `T`.
    pub(crate) fn choice<T: Choice>(&self, key: &'static str) -> Option<T> {
        self.asks(key, || Fact::Choice(word_list::<T>()));
        let value = self.get(key)?;
        let found = value.as_str().and_then(word);
        if found.is_none() {
            self.wrong(key, value, &format!("one of {}", words::<T>()));
        }
        found
    }

    /// Words that mean something at `key` beside those that are asked for.
    pub(crate) fn also(&self, key: &'static str, words: &'static [&'static str]) {
        self.asks(key, || Fact::Choice(words.to_vec()));
    }

    /// An array whose items are each one of the words of `T`.
    pub(crate) fn choices<T: Choice>(&self, key: &'static str) -> Option<Vec<T>> {
        self.asks(key, || Fact::ListOf(Box::new(Fact::Choice(word_list::<T>()))));
        self.array(key, &format!("one of {}", words::<T>()), |value, _| value.as_str().and_then(word))
    }

    /// The object at `key`, each of whose values is a list of words of `T`.
    pub(crate) fn choice_lists<T: Choice>(&self, key: &'static str) -> Vec<(String, Vec<T>)> {
        let list = Fact::ListOf(Box::new(Fact::Choice(word_list::<T>())));
        self.asks(key, || Fact::MapOf(Box::new(list)));
        let mut out = Vec::new();
        for (name, path, value) in self.entries_raw(key) {
            let found: Option<Vec<T>> =
                value.as_array().and_then(|all| all.iter().map(|w| w.as_str().and_then(word)).collect());
            match found {
                Some(found) => out.push((name.to_owned(), found)),
                None => {
                    let message = format!("{} is not allowed; use a list of {}", shown(value), words::<T>());
                    self.doc.remark(Level::Error, &path, false, message);
                }
            }
        }
        out
    }

    /// The object at `key`, each of whose values is a list of strings.
    pub(crate) fn text_lists(&self, key: &'static str) -> Vec<(String, Vec<String>)> {
        self.asks(key, || Fact::MapOf(Box::new(Fact::ListOf(Box::new(Fact::Text)))));
        let mut out = Vec::new();
        for (name, path, value) in self.entries_raw(key) {
            let found: Option<Vec<String>> = value
                .as_array()
                .and_then(|all| all.iter().map(|text| text.as_str().map(str::to_owned)).collect());
            match found {
                Some(found) => out.push((name.to_owned(), found)),
                None => {
                    let message = format!("{} is not allowed; use a list of strings", shown(value));
                    self.doc.remark(Level::Error, &path, false, message);
                }
            }
        }
        out
    }

    /// An array of strings.
    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        self.asks(key, || Fact::ListOf(Box::new(Fact::Text)));
        self.array(key, "a string", |value, path| Some(self.filled(path, value.as_str()?)))
    }

    /// A string, or an array of strings.
    pub(crate) fn text_or_texts(&self, key: &'static str) -> Option<Vec<String>> {
        if self.is_described() || matches!(self.get(key), Some(Value::Array(_))) {
            self.asks(key, || Fact::Text);
            return self.texts(key);
        }
        self.text(key).map(|text| vec![text])
    }

    /// A string or a whole number, as a string.
    pub(crate) fn id(&self, key: &'static str) -> Option<String> {
        self.asks(key, || Fact::Id);
        match self.get(key)? {
            Value::String(text) => {
                Some(self.filled(&self.path_of(key), text)).filter(|text| !text.is_empty())
            }
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
            other => {
                self.wrong(key, other, "a string or a whole number");
                None
            }
        }
    }

    /// An array of strings or whole numbers, all as strings.
    pub(crate) fn ids(&self, key: &'static str) -> Option<Vec<String>> {
        self.asks(key, || Fact::ListOf(Box::new(Fact::Id)));
        self.array(key, "a string or a whole number", |value, path| match value {
            Value::String(text) => Some(self.filled(path, text)),
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
            _ => None,
        })
    }

    fn array<T>(
        &self,
        key: &'static str,
        allowed: &str,
        read: impl Fn(&'a Value, &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.get(key)?;
        let Value::Array(values) = value else {
            self.wrong(key, value, "an array");
            return None;
        };
        let mut out = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let path = item(&self.path_of(key), index);
            match read(value, &path) {
                Some(good) => out.push(good),
                None => {
                    let message = format!("{} is not allowed; use {allowed}", shown(value));
                    self.doc.remark(Level::Error, &path, false, message);
                }
            }
        }
        Some(out)
    }

    /// A secret: a string (which may hold `${NAME}`) or `{source, provider, id}`. Its value is never shown.
    pub(crate) fn secret(&self, key: &'static str) -> Option<SecretInput> {
        self.asks(key, || Fact::Secret);
        self.secret_at(&self.path_of(key), self.get(key)?)
    }

    fn secret_at(&self, path: &str, value: &Value) -> Option<SecretInput> {
        match SecretInput::read(path, value, &self.doc.sources) {
            Ok(secret) => Some(secret),
            Err(message) => {
                self.doc.remark(Level::Error, path, false, message);
                None
            }
        }
    }

    /// The object at `key`, each of whose values is a secret.
    pub(crate) fn secrets(&self, key: &'static str) -> Vec<(String, SecretInput)> {
        self.asks(key, || Fact::MapOf(Box::new(Fact::Secret)));
        self.entries_raw(key)
            .filter_map(|(name, path, value)| Some((name.to_owned(), self.secret_at(&path, value)?)))
            .collect()
    }

    /// The object at `key`, each of whose values is a secret, a number, or true or false: variables of a program.
    pub(crate) fn variables(&self, key: &'static str) -> Vec<(String, SecretInput)> {
        self.asks(key, || Fact::MapOf(Box::new(Fact::Secret)));
        let read = |(name, path, value): (&str, String, &Value)| {
            let input = match value {
                Value::Number(_) | Value::Bool(_) => Some(SecretInput::literal(&path, value.to_string())),
                other => self.secret_at(&path, other),
            };
            Some((name.to_owned(), input?))
        };
        self.entries_raw(key).filter_map(read).collect()
    }

    /// The object at `key`, each of whose values is one of the words of `T`.
    pub(crate) fn choice_entries<T: Choice>(&self, key: &'static str) -> Vec<(String, T)> {
        self.asks(key, || Fact::MapOf(Box::new(Fact::Choice(word_list::<T>()))));
        let mut out = Vec::new();
        for (name, path, value) in self.entries_raw(key) {
            match value.as_str().and_then(word) {
                Some(good) => out.push((name.to_owned(), good)),
                None => {
                    let message = format!("{} is not allowed; use one of {}", shown(value), words::<T>());
                    self.doc.remark(Level::Error, &path, false, message);
                }
            }
        }
        out
    }
}

fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let float = value.as_f64().filter(|f| f.fract() == 0.0 && (0.0..=9.0e15).contains(f))?;
        // In that range every whole float is exactly one u64.
        Some(float as u64)
    })
}

fn numbers(range: &RangeInclusive<u64>) -> String {
    match *range.end() {
        u64::MAX => format!("a whole number from {}", range.start()),
        end => format!("a whole number from {} to {end}", range.start()),
    }
}

fn word<T: Choice>(text: &str) -> Option<T> {
    T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
}

fn words<T: Choice>() -> String {
    word_list::<T>().join(", ")
}

fn word_list<T: Choice>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

/// What kind of value it is, for a message that must not tell the value.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A value in a message: short, and without what is inside.
pub(crate) fn shown(value: &Value) -> String {
    const LONGEST: usize = 40;
    match value {
        Value::Null => "null".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > LONGEST => {
            format!("{:?}…", text.chars().take(LONGEST).collect::<String>())
        }
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
