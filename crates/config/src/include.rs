//! `$include`: a config that is kept in several files, put together as one document.
//!
//! An object may hold `$include: "file"` or a list of files, relative to the file that says so. What the files say is
//! merged in order, then what stands beside `$include`: objects key by key, lists one after the other, of anything else
//! the later one counts. Included files lie below the directory of the config file, or of one in `OPENCLAW_INCLUDE_ROOTS`.

mod node;
mod places;

pub(crate) use places::Places;

use crate::doc::{Positions, item_path, join_path};
use crate::read::{document, read_text};
use crate::{ConfigError, Diagnostic, Env, Level};
use node::Node;
use serde_json::{Map, Value};
use std::path::{Component, Path, PathBuf};

/// The key.
pub(crate) const INCLUDE: &str = "$include";
/// Files within files, at most.
const MAX_DEPTH: usize = 10;
/// Files altogether, at most.
const MAX_FILES: usize = 200;
/// Longest path of a file, in bytes.
const MAX_PATH: usize = 4096;
/// Deepest nesting of what comes out; the reader recurses once per level.
const MAX_LEVELS: usize = 64;

/// A document with all that it includes.
pub(crate) struct Whole {
    /// The merged document.
    pub(crate) value: Value,
    /// Where each value stands.
    pub(crate) places: Places,
    /// The included files, in the order in which they were first read, with their text.
    pub(crate) included: Vec<(PathBuf, String)>,
}

/// Puts the document together. `root` is what `text`, the text of `file`, says.
///
/// # Errors
/// An included file is missing, broken, elsewhere or its own ancestor: with the place of the `$include`.
pub(crate) fn assemble(root: &Value, text: &str, file: &Path, env: &Env) -> Result<Whole, ConfigError> {
    let positions = Positions::scan(text);
    let mut includer = Includer {
        roots: Vec::new(),
        env,
        files: vec![Source { path: file.to_path_buf(), real: file.to_path_buf(), positions }],
        included: Vec::new(),
    };
    if !has_include(root) {
        let places = Places::new(includer.take_files(), Default::default());
        return Ok(Whole { value: root.clone(), places, included: Vec::new() });
    }
    includer.allow(file);
    let node = includer.resolve(root, 0, String::new(), &[0])?;
    if node.depth() > MAX_LEVELS {
        let message =
            format!("what the files say together is nested deeper than {MAX_LEVELS} levels; make it flatter");
        return Err(includer.refusal(0, "", message));
    }
    let (value, origins) = node.into_value();
    let included = std::mem::take(&mut includer.included);
    Ok(Whole { value, places: Places::new(includer.take_files(), origins), included })
}

/// Whether anything in the document is included.
pub(crate) fn has_include(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.contains_key(INCLUDE) || map.values().any(has_include),
        Value::Array(items) => items.iter().any(has_include),
        _ => false,
    }
}

/// A file that was read.
struct Source {
    path: PathBuf,
    /// Without links.
    real: PathBuf,
    positions: Positions,
}

struct Includer<'a> {
    /// The directories that files may lie in, without links.
    roots: Vec<PathBuf>,
    env: &'a Env,
    files: Vec<Source>,
    included: Vec<(PathBuf, String)>,
}

impl Includer<'_> {
    fn take_files(&mut self) -> Vec<(PathBuf, Positions)> {
        std::mem::take(&mut self.files).into_iter().map(|s| (s.path, s.positions)).collect()
    }

    fn allow(&mut self, file: &Path) {
        let own = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let more = self.env.get_filled("OPENCLAW_INCLUDE_ROOTS").unwrap_or_default();
        let more: Vec<PathBuf> = std::env::split_paths(more).filter(|p| !p.as_os_str().is_empty()).collect();
        let all = std::iter::once(own.to_path_buf()).chain(more);
        // A directory that is not there holds no file that could be included.
        self.roots = all.filter_map(|dir| std::fs::canonicalize(dir).ok()).collect();
        if let Some(source) = self.files.first_mut()
            && let Ok(real) = std::fs::canonicalize(file)
        {
            source.real = real;
        }
    }

    /// `value`, which stands at `local` in the file `file`, with what it includes. `chain` are the files that led here.
    fn resolve(
        &mut self,
        value: &Value,
        file: usize,
        local: String,
        chain: &[usize],
    ) -> Result<Node, ConfigError> {
        match value {
            Value::Object(map) => self.object(map, file, local, chain),
            Value::Array(items) => {
                let resolved: Result<Vec<Node>, ConfigError> = items
                    .iter()
                    .enumerate()
                    .map(|(index, value)| self.resolve(value, file, item_path(&local, index), chain))
                    .collect();
                Ok(Node::array(resolved?, file, local))
            }
            other => Ok(Node::leaf(other.clone(), file, local)),
        }
    }

    fn object(
        &mut self,
        map: &Map<String, Value>,
        file: usize,
        local: String,
        chain: &[usize],
    ) -> Result<Node, ConfigError> {
        let mut own = Vec::new();
        for (key, value) in map.iter().filter(|(key, _)| *key != INCLUDE) {
            own.push((key.clone(), self.resolve(value, file, join_path(&local, key), chain)?));
        }
        let Some(named) = map.get(INCLUDE) else { return Ok(Node::object(own, file, local)) };
        let at = join_path(&local, INCLUDE);
        let mut whole: Option<Node> = None;
        for (name, at) in self.names(named, file, &at)? {
            let node = self.file(&name, file, &at, chain)?;
            whole = Some(match whole {
                Some(before) => before.merge(node),
                None => node,
            });
        }
        let own_is_empty = own.is_empty();
        let own = Node::object(own, file, local.clone());
        match whole {
            None => Ok(own),
            Some(whole) if own_is_empty => Ok(whole),
            Some(whole) if whole.is_object() => Ok(whole.merge(own)),
            Some(_) => Err(self.refusal(
                file,
                &at,
                "what is included is no object, so nothing can stand beside it; remove the other keys"
                    .to_owned(),
            )),
        }
    }

    /// The files that `$include` names, each with its place.
    fn names(&self, named: &Value, file: usize, at: &str) -> Result<Vec<(String, String)>, ConfigError> {
        let wrong = || self.refusal(file, at, "use the path of a file, or a list of them".to_owned());
        match named {
            Value::String(name) => Ok(vec![(name.clone(), at.to_owned())]),
            Value::Array(names) if !names.is_empty() => names
                .iter()
                .enumerate()
                .map(|(index, name)| Ok((name.as_str().ok_or_else(wrong)?.to_owned(), item_path(at, index))))
                .collect(),
            _ => Err(wrong()),
        }
    }

    /// One included file.
    fn file(&mut self, name: &str, by: usize, at: &str, chain: &[usize]) -> Result<Node, ConfigError> {
        let refuse = |this: &Self, message: String| Err(this.refusal(by, at, message));
        if chain.len() > MAX_DEPTH {
            return refuse(
                self,
                format!("files include files more than {MAX_DEPTH} deep; put some of them together"),
            );
        }
        if self.included.len() >= MAX_FILES {
            return refuse(
                self,
                format!("more than {MAX_FILES} files are included; put some of them together"),
            );
        }
        let path = match self.locate(name, by) {
            Ok(path) => path,
            Err(message) => return refuse(self, message),
        };
        let real = match std::fs::canonicalize(&path) {
            Ok(real) => real,
            Err(error) => return refuse(self, format!("cannot include {}: {error}", path.display())),
        };
        if !self.roots.iter().any(|root| real.starts_with(root)) {
            return refuse(
                self,
                format!(
                    "{} lies outside the directory of the config file; move it there, or add its directory to OPENCLAW_INCLUDE_ROOTS",
                    path.display()
                ),
            );
        }
        if chain.iter().any(|source| self.files.get(*source).is_some_and(|s| s.real == real)) {
            return refuse(self, format!("{} includes itself, straight or through others", path.display()));
        }
        let text = match read_text(&real) {
            Ok(Some(text)) => text,
            Ok(None) => return refuse(self, format!("cannot include {}: it is not there", path.display())),
            Err(error) => return refuse(self, error.to_string()),
        };
        let value = document(&text, &path)?;
        let index = self.files.len();
        self.files.push(Source { positions: Positions::scan(&text), path: path.clone(), real });
        self.included.push((path, text));
        let chain: Vec<usize> = chain.iter().copied().chain([index]).collect();
        self.resolve(&value, index, String::new(), &chain)
    }

    /// The path that `name` means in the file `by`, without looking whether it is there.
    fn locate(&self, name: &str, by: usize) -> Result<PathBuf, String> {
        if name.trim().is_empty() || name.contains('\0') {
            return Err("use the path of a file".to_owned());
        }
        let dir = self.files.get(by).and_then(|source| source.path.parent()).unwrap_or(Path::new(""));
        let path = tidy(&dir.join(name));
        if name.len() >= MAX_PATH || path.as_os_str().len() >= MAX_PATH {
            return Err(format!("the path is longer than {MAX_PATH} bytes"));
        }
        Ok(path)
    }

    fn refusal(&self, file: usize, at: &str, message: String) -> ConfigError {
        let (file, (line, column)) = match self.files.get(file) {
            Some(source) => (source.path.clone(), source.positions.of(at, false)),
            None => (PathBuf::new(), (0, 0)),
        };
        ConfigError::Invalid(vec![Diagnostic {
            file,
            line,
            column,
            path: at.to_owned(),
            message,
            level: Level::Error,
        }])
    }
}

/// The path without `.`: what people are shown. `..` stays, since a link before it may lead elsewhere.
fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}
