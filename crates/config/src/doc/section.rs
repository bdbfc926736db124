//! One object of the document, read key by key. What is asked for is known; the rest is warned about at the end.

use std::cell::RefCell;
use std::path::Path;

use serde_json::{Map, Value};

use super::describe::{Description, Fact};
use super::positions::{item, join};
use super::values::{kind_of, shown};
use crate::include::Places;
use crate::secret::SecretSources;
use crate::{Diagnostic, Env, Level};

/// Most remarks of one level about one file; a file with more is not meant for us.
const MAX_REMARKS: usize = 200;

/// What all sections of one document share.
pub(crate) struct Doc<'a> {
    pub(crate) file: &'a Path,
    pub(crate) places: &'a Places,
    /// The environment with `env.vars` behind it.
    pub(crate) env: Env,
    pub(crate) sources: SecretSources,
    pub(super) remarks: RefCell<Vec<Diagnostic>>,
    /// Instead of reading, note what is asked for.
    description: Option<RefCell<Description>>,
}

impl<'a> Doc<'a> {
    pub(crate) fn new(file: &'a Path, places: &'a Places, env: Env) -> Self {
        Self {
            file,
            places,
            env,
            sources: SecretSources::default(),
            remarks: RefCell::default(),
            description: None,
        }
    }

    /// Notes what is asked for, instead of reading.
    pub(crate) fn describing(mut self) -> Self {
        self.description = Some(RefCell::default());
        self
    }

    /// What was noted.
    pub(crate) fn into_description(self) -> Description {
        self.description.map(RefCell::into_inner).unwrap_or_default()
    }

    /// Adds a remark about `path`; `key` points at the key instead of the value.
    pub(crate) fn remark(&self, level: Level, path: &str, key: bool, message: String) {
        let (file, line, column) = self.places.of(path, key);
        let path = path.to_owned();
        self.add(Diagnostic { file: file.to_path_buf(), line, column, path, message, level });
    }

    /// Adds a remark, unless it is known or there are too many.
    pub(crate) fn add(&self, remark: Diagnostic) {
        let level = remark.level;
        let mut remarks = self.remarks.borrow_mut();
        if remarks.iter().filter(|known| known.level == level).count() < MAX_REMARKS
            && !remarks.contains(&remark)
        {
            remarks.push(remark);
        }
    }

    /// All remarks in the order of the file.
    pub(crate) fn into_remarks(self) -> Vec<Diagnostic> {
        let mut remarks = self.remarks.into_inner();
        remarks.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        remarks
    }
}

/// What is allowed where a section stands.
const AN_OBJECT: &str = "an object";

/// One object; an absent one reads as empty, so that defaults need no second path.
pub(crate) struct Section<'a> {
    pub(super) doc: &'a Doc<'a>,
    pub(super) path: String,
    /// The path with `*` and `[]` for names and numbers, which finds the list of known keys.
    pub(super) schema: String,
    pub(super) map: Option<&'a Map<String, Value>>,
    pub(super) asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// Reads the whole document with `read`.
    pub(crate) fn root<T>(doc: &'a Doc<'a>, value: &'a Value, read: impl FnOnce(&Self) -> T) -> T {
        Self::open(doc, String::new(), String::new(), Some(value), read)
    }

    fn open<T>(
        doc: &'a Doc<'a>,
        path: String,
        schema: String,
        value: Option<&'a Value>,
        read: impl FnOnce(&Self) -> T,
    ) -> T {
        let map = match value {
            None => None,
            Some(Value::Object(map)) => Some(map),
            Some(other) => {
                doc.remark(
                    Level::Error,
                    &path,
                    false,
                    format!("{} is not allowed; use an object", kind_of(other)),
                );
                None
            }
        };
        let section = Self { doc, path, schema, map, asked: RefCell::default() };
        let out = read(&section);
        section.finish();
        out
    }

    /// Whether the section is in the document.
    pub(crate) fn exists(&self) -> bool {
        self.map.is_some() || self.is_described()
    }

    /// Whether what is asked for is noted, and nothing is read.
    pub(crate) fn is_described(&self) -> bool {
        self.doc.description.is_some()
    }

    /// Notes what is asked of a key.
    pub(super) fn asks(&self, key: &'static str, fact: impl FnOnce() -> Fact) {
        if let Some(description) = &self.doc.description {
            description.borrow_mut().note(&self.schema, key, fact());
        }
    }

    pub(crate) fn doc(&self) -> &'a Doc<'a> {
        self.doc
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The value of `key` as it is; the key counts as known from here on.
    pub(crate) fn raw(&self, key: &'static str) -> Option<&'a Value> {
        self.asks(key, || Fact::Any);
        self.get(key)
    }

    /// As [`Section::raw`], for those who say what they expect.
    pub(super) fn get(&self, key: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().push(key);
        self.map.and_then(|map| map.get(key))
    }

    /// Says that the value of `key` cannot be used.
    pub(crate) fn error(&self, key: &str, message: impl Into<String>) {
        self.doc.remark(Level::Error, &self.path_of(key), false, message.into());
    }

    /// Says that an item cannot be used; `place` is its path from this section on.
    pub(crate) fn error_at(&self, place: &str, message: String) {
        let path = if self.path.is_empty() { place.to_owned() } else { format!("{}.{place}", self.path) };
        self.doc.remark(Level::Error, &path, false, message);
    }

    /// Says something about the value of `key` that does not stop anything.
    pub(crate) fn warn(&self, key: &str, message: impl Into<String>) {
        self.doc.remark(Level::Warning, &self.path_of(key), false, message.into());
    }

    /// A key whose absence from this version somebody might count on: warns with the `consequence`.
    pub(crate) fn unsupported(&self, key: &'static str, consequence: &str) {
        self.asks(key, || Fact::Unsupported(consequence.to_owned()));
        if self.get(key).is_some() {
            self.warn(key, format!("not supported by this version yet: {consequence}; kept as it is"));
        }
    }

    /// The same for a section that only counts when its `mode` is not "off".
    pub(crate) fn unsupported_mode(&self, key: &'static str, consequence: &str) {
        self.asks(key, || Fact::Unsupported(consequence.to_owned()));
        let mode = self.map.and_then(|map| map.get(key)).and_then(|section| section.get("mode"));
        if mode.is_some_and(|mode| mode != "off") {
            self.unsupported(key, consequence);
        }
    }

    pub(super) fn wrong(&self, key: &str, value: &Value, allowed: &str) {
        // What stands in the place of a section may be the secret that belongs into it.
        let said = if allowed == AN_OBJECT { kind_of(value).to_owned() } else { shown(value) };
        self.error(key, format!("{said} is not allowed; use {allowed}"));
    }

    /// The object at `key` by name, path and value.
    pub(crate) fn entries_raw(
        &self,
        key: &'static str,
    ) -> impl Iterator<Item = (&'a str, String, &'a Value)> {
        let map = match self.get(key) {
            Some(Value::Object(map)) => Some(map),
            Some(other) => {
                self.wrong(key, other, AN_OBJECT);
                None
            }
            None => None,
        };
        let base = self.path_of(key);
        map.into_iter().flatten().map(move |(name, value)| (name.as_str(), join(&base, name), value))
    }

    /// The object at `key`, read with `read`; an absent one reads as empty.
    pub(crate) fn section<T>(&self, key: &'static str, read: impl FnOnce(&Section<'a>) -> T) -> T {
        let schema = join(&self.schema, key);
        self.asks(key, || Fact::Section(schema.clone()));
        Section::open(self.doc, self.path_of(key), schema, self.get(key), read)
    }

    /// Every object of the map at `key`, with its name.
    pub(crate) fn entries<T>(&self, key: &'static str, read: impl Fn(&str, &Section<'a>) -> T) -> Vec<T> {
        let schema = format!("{}.*", join(&self.schema, key));
        if self.is_described() {
            self.asks(key, || Fact::MapOf(Box::new(Fact::Section(schema.clone()))));
            return vec![Section::open(self.doc, String::new(), schema, None, |section| read("*", section))];
        }
        self.entries_raw(key)
            .map(|(name, path, value)| {
                Section::open(self.doc, path, schema.clone(), Some(value), |section| read(name, section))
            })
            .collect()
    }

    /// What stands at `key` as a string or as an object.
    pub(crate) fn text_or<T>(
        &self,
        key: &'static str,
        from_text: impl FnOnce(String) -> T,
        read: impl FnOnce(&Section<'a>) -> T,
    ) -> Option<T> {
        match self.get(key) {
            None if !self.is_described() => None,
            None | Some(Value::String(_)) => {
                let text = self.text(key);
                if self.is_described() {
                    self.section(key, read);
                }
                text.map(from_text)
            }
            Some(_) => Some(self.section(key, read)),
        }
    }

    /// Every object of the array at `key`.
    pub(crate) fn items<T>(&self, key: &'static str, read: impl Fn(&Section<'a>) -> T) -> Vec<T> {
        let schema = format!("{}.[]", join(&self.schema, key));
        if self.is_described() {
            self.asks(key, || Fact::ListOf(Box::new(Fact::Section(schema.clone()))));
            return vec![Section::open(self.doc, String::new(), schema, None, &read)];
        }
        let values = match self.get(key) {
            Some(Value::Array(values)) => values.as_slice(),
            Some(other) => {
                self.wrong(key, other, "an array");
                &[]
            }
            None => &[],
        };
        let base = self.path_of(key);
        let open =
            |(index, value)| Section::open(self.doc, item(&base, index), schema.clone(), Some(value), &read);
        values.iter().enumerate().map(open).collect()
    }
}
