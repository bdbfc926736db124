//! Changing the config file: who changes it knows what it said, whatever comes out is a good config, and there is always
//! a whole file and the last good one beside it.

use super::agents::{self, AgentChange};
use super::diff::{Op, changed_paths, diff};
use super::entered;
use super::grants::{self, GrantChange};
use super::lock::lock;
use super::{EditError, document_of, file, in_file, patch, restore, tree, written_path};
use crate::doc::comments;
use crate::include::{assemble, has_include};
use crate::path::PathStep;
use crate::read::{document, hash, parse, read_text};
use crate::{ConfigError, Env, Loaded, Paths, REDACTED};
use serde_json::{Map, Value};
use std::ops::Range;
use std::path::Path;

/// What to do to the config.
#[derive(Debug, Clone)]
pub enum Change {
    /// Put a value where the path leads; objects and lists on the way are made.
    Set {
        /// The path.
        steps: Vec<PathStep>,
        /// The value.
        value: Value,
    },
    /// Take away what the path leads to.
    Unset {
        /// The path.
        steps: Vec<PathStep>,
    },
    /// Merge: objects key by key, `null` takes away, anything else replaces; lists of objects with ids item by item.
    Merge {
        /// What to merge, an object.
        patch: Value,
        /// The lists that may lose items, and what is replaced as a whole.
        replace: Vec<String>,
    },
    /// Several of these (but [`Change::Rename`] and [`Change::Replace`]), one after the other, and none where one cannot be made.
    All(Vec<Change>),
    /// Give keys other names, and leave them and their comments where they are. A name that is taken stays whose it is.
    Rename(Vec<(Vec<PathStep>, String)>),
    /// Make, change or delete an agent.
    Agent(AgentChange),
    /// Remember a path of a node that somebody allowed for good.
    Grant(GrantChange),
    /// Another config in the place of this one, as JSON5. One without comments, or with the placeholders that they were
    /// shown as, changes values and leaves the comments of the file where they are.
    Replace {
        /// The text.
        text: String,
    },
}

/// The file as whoever changes it knows it.
pub struct Base<'a> {
    /// The hash that they were given.
    pub given: &'a str,
    /// How the SHA-256 of a file became that.
    pub name: &'a (dyn Fn(&str) -> String + Sync),
}

/// The config file, to be changed.
pub struct Editor<'a> {
    /// Which file.
    pub paths: &'a Paths,
    /// What variables it is judged with.
    pub env: &'a Env,
    /// If given, the file must be that one still.
    pub base: Option<Base<'a>>,
    /// Do everything but write.
    pub dry_run: bool,
}

/// What came of a change.
#[derive(Debug)]
pub struct Edited {
    /// The config as it is now (or would be).
    pub loaded: Loaded,
    /// The paths of the values that changed; empty where nothing was to be done, and then nothing was written.
    pub changed: Vec<String>,
    /// What the config said before; empty where it was no good one.
    pub before: Value,
}

/// The file before a change.
struct Before {
    text: String,
    exists: bool,
    /// Why it is no good config, if it is none.
    loaded: Result<Loaded, ConfigError>,
}

impl Editor<'_> {
    /// Makes the change.
    ///
    /// # Errors
    /// See [`EditError`]; the file is as it was.
    pub fn apply(&self, change: Change) -> Result<Edited, EditError> {
        refuse_read_only(self.env)?;
        let file = &self.paths.config_file;
        let _lock = lock(file)?;
        let before = self.read()?;
        self.check_base(&before)?;
        let (after, wanted) = match change {
            Change::Replace { text } => self.replaced(&before, &text)?,
            Change::Rename(keys) => {
                let now = before.loaded.as_ref().map_err(|error| EditError::Config(error.clone()))?;
                let (text, wanted) = self.renamed(&before.text, now, &keys)?;
                (text, Some(wanted))
            }
            other => {
                let now = before.loaded.as_ref().map_err(|error| EditError::Config(error.clone()))?;
                let mut wanted = now.source.clone();
                let mut change = other;
                change.restore(now)?;
                change.apply_to(&mut wanted)?;
                (self.edited(&before.text, now, diff(&now.source, &wanted))?, Some(wanted))
            }
        };
        self.commit(before, after, wanted)
    }

    fn read(&self) -> Result<Before, EditError> {
        let file = &self.paths.config_file;
        let text = read_text(file)?;
        let exists = text.is_some();
        let text = text.unwrap_or_default();
        let loaded =
            if text.trim().is_empty() { parse("{}", file, self.env) } else { parse(&text, file, self.env) };
        Ok(Before { text, exists, loaded })
    }

    fn check_base(&self, before: &Before) -> Result<(), EditError> {
        let Some(base) = &self.base else { return Ok(()) };
        let now = (base.name)(&hash(before.text.as_bytes()));
        if now == base.given {
            return Ok(());
        }
        let file = self.paths.config_file.clone();
        Err(EditError::Conflict { file, given: base.given.to_owned(), now })
    }

    /// The text with these changes, which were found in the document with all that it includes. They go into the
    /// config file itself.
    fn edited(&self, text: &str, now: &Loaded, ops: Vec<Op>) -> Result<String, EditError> {
        if ops.is_empty() {
            return Ok(text.to_owned());
        }
        let mut written = now.written.clone();
        for op in &ops {
            let path = written_path(&op.steps);
            let done = match &op.value {
                Some(value) => tree::put(&mut written, &op.steps, value, &path),
                None => tree::take(&mut written, &op.steps)
                    .map(drop)
                    .ok_or_else(|| EditError::place(&path, format!("{path} is not in the file"))),
            };
            done.map_err(|error| self.elsewhere(now, &path).unwrap_or(error))?;
        }
        let text = if text.trim().is_empty() { "{}\n" } else { text };
        let path = ops.first().map(|op| written_path(&op.steps)).unwrap_or_default();
        super::edited(text, &path, &written, |root| {
            ops.iter().try_for_each(|op| match &op.value {
                Some(value) => tree::set(root, &op.steps, value),
                None => tree::remove(root, &op.steps),
            })
        })
        .map_err(|error| in_file(error, &self.paths.config_file))
    }

    /// The text in which keys have other names, and what it must say with all that it includes.
    fn renamed(
        &self,
        text: &str,
        now: &Loaded,
        keys: &[(Vec<PathStep>, String)],
    ) -> Result<(String, Value), EditError> {
        let (mut wanted, mut written, mut first) = (now.source.clone(), now.written.clone(), String::new());
        for (steps, name) in keys {
            first = written_path(steps);
            let not_here =
                || EditError::place(&first, format!("{first} is not in the file, or {name} is, too"));
            tree::rename_value(&mut wanted, steps, name).ok_or_else(not_here)?;
            tree::rename_value(&mut written, steps, name)
                .ok_or_else(|| self.elsewhere(now, &first).unwrap_or_else(not_here))?;
        }
        let text = super::edited(text, &first, &written, |root| {
            keys.iter().try_for_each(|(steps, name)| tree::rename(root, steps, name))
        });
        Ok((text.map_err(|error| in_file(error, &self.paths.config_file))?, wanted))
    }

    /// Why something cannot be changed here, if it stands in an included file.
    fn elsewhere(&self, now: &Loaded, path: &str) -> Option<EditError> {
        let included = now.places.included_from(path)?;
        Some(EditError::Included { path: path.to_owned(), file: included.to_path_buf() })
    }

    /// The text of a whole new config, and what it must say if that is known.
    fn replaced(&self, before: &Before, text: &str) -> Result<(String, Option<Value>), EditError> {
        let named = |error| in_file(error, Path::new("the new config"));
        let mut new = document_of(text).map_err(named)?;
        let Ok(now) = &before.loaded else {
            // Nothing to restore from: a broken file is replaced by one that is whole.
            restore::restore(&mut new, &Value::Object(Map::new()))?;
            return Ok((text.to_owned(), None));
        };
        let written = new.clone();
        restore::restore(&mut new, &now.source)?;
        if has_include(&now.written) && !has_include(&new) {
            return Ok((self.edited(&before.text, now, diff(&now.source, &new))?, Some(new)));
        }
        if keeps_comments(&before.text, text) {
            return Ok((self.edited(&before.text, now, diff(&now.written, &new))?, None));
        }
        let ops = diff(&written, &new);
        if ops.is_empty() {
            return Ok((text.to_owned(), None));
        }
        let filled = super::edited(text, "", &new, |root| {
            ops.iter()
                .try_for_each(|op| op.value.as_ref().and_then(|value| tree::set(root, &op.steps, value)))
        });
        Ok((filled.map_err(named)?, None))
    }

    fn commit(&self, before: Before, after: String, wanted: Option<Value>) -> Result<Edited, EditError> {
        let file = &self.paths.config_file;
        if after == before.text
            && let Ok(loaded) = before.loaded
        {
            let before = loaded.source.clone();
            return Ok(Edited { loaded, changed: Vec::new(), before });
        }
        if let (Some(wanted), Ok(now)) = (&wanted, &before.loaded) {
            self.check_outcome(&after, wanted, now)?;
        }
        let loaded = parse(&after, file, self.env)?;
        let source = before.loaded.as_ref().map(|now| now.source.clone()).unwrap_or_default();
        entered::check(&source, &loaded.source)?;
        let changed = changed_paths(&source, &loaded.source);
        if !self.dry_run {
            self.write(&before, &after)?;
        }
        Ok(Edited { loaded, changed, before: source })
    }

    /// Whether the file says, with what it includes, what was wanted.
    fn check_outcome(&self, after: &str, wanted: &Value, now: &Loaded) -> Result<(), EditError> {
        let file = &self.paths.config_file;
        let whole = assemble(&document(after, file)?, after, file, self.env)?;
        if whole.value == *wanted {
            return Ok(());
        }
        let paths = changed_paths(&whole.value, wanted);
        let first = paths.first().cloned().unwrap_or_default();
        Err(paths.iter().find_map(|path| self.elsewhere(now, path)).unwrap_or_else(|| {
            EditError::place(
                &first,
                format!("{first} cannot be changed here: part of it is included; use an editor"),
            )
        }))
    }

    /// Writes, unless somebody else has written since the file was read: editors do not ask for our lock.
    fn write(&self, before: &Before, after: &str) -> Result<(), EditError> {
        let file = &self.paths.config_file;
        let now = read_text(file)?;
        if now.is_some() != before.exists || now.as_deref().unwrap_or_default() != before.text {
            let plain = |sha: &str| sha.to_owned();
            let name = self.base.as_ref().map_or(&plain as &dyn Fn(&str) -> String, |base| base.name);
            let hashed = |text: &str| name(&hash(text.as_bytes()));
            let (given, now) = (hashed(&before.text), hashed(now.as_deref().unwrap_or_default()));
            return Err(EditError::Conflict { file: file.clone(), given, now });
        }
        let kept = if before.loaded.is_ok() { file::Kept::Good } else { file::Kept::Broken };
        file::replace_keeping(file, after, kept)
    }
}

impl Change {
    /// Puts secrets where their placeholders came back.
    fn restore(&mut self, now: &Loaded) -> Result<(), EditError> {
        match self {
            Change::Set { steps, value } => {
                // The value in its place, so that the secret of that place is found.
                let mut whole = now.source.clone();
                tree::put(&mut whole, steps, value, &written_path(steps))?;
                restore::restore(&mut whole, &now.source)?;
                if let Some(restored) = crate::find(&whole, steps) {
                    *value = restored.clone();
                }
                Ok(())
            }
            Change::Merge { patch, .. } => restore::restore(patch, &now.source),
            Change::All(changes) => changes.iter_mut().try_for_each(|change| change.restore(now)),
            Change::Unset { .. }
            | Change::Rename(_)
            | Change::Agent(_)
            | Change::Grant(_)
            | Change::Replace { .. } => Ok(()),
        }
    }

    fn apply_to(&self, value: &mut Value) -> Result<(), EditError> {
        match self {
            Change::Set { steps, value: new } => tree::put(value, steps, new, &written_path(steps)),
            Change::Unset { steps } => {
                let path = written_path(steps);
                let taken = tree::take(value, steps).map(drop);
                taken.ok_or_else(|| EditError::place(&path, format!("{path} is not set")))
            }
            Change::Merge { patch: Value::Object(map), replace } => {
                patch::merge(value, &Value::Object(map.clone()), replace)
            }
            Change::Merge { .. } => Err(EditError::place("", "a patch must be an object: { … }")),
            Change::All(changes) => changes.iter().try_for_each(|change| change.apply_to(value)),
            Change::Agent(change) => agents::apply(value, change),
            Change::Grant(change) => grants::apply(value, change),
            // These are texts of their own.
            Change::Rename(_) | Change::Replace { .. } => Ok(()),
        }
    }
}

/// Whether the comments of the file stay where they are: the new text has none, or has placeholders for them.
fn keeps_comments(before: &str, text: &str) -> bool {
    let new = comments(text);
    let shown =
        |place: &Range<usize>| text.get(place.clone()).is_some_and(|comment| comment.contains(REDACTED));
    new.iter().any(shown) || new.is_empty() && !comments(before).is_empty()
}

/// Refuses where the host says that somebody else manages the file.
fn refuse_read_only(env: &Env) -> Result<(), EditError> {
    let set = |name: &&&str| env.get_filled(name).is_some_and(|value| value == "1");
    match ["OPENCLAW_CONFIG_READONLY", "OPENCLAW_NIX_MODE"].iter().find(set) {
        Some(variable) => Err(EditError::ReadOnly { variable: (*variable).to_owned() }),
        None => Ok(()),
    }
}
