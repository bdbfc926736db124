//! Where each value of the merged document stands: in which file, line and column.

use super::node::Origin;
use crate::doc::Positions;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The places of all values.
pub(crate) struct Places {
    /// The config file, then those that it includes.
    files: Vec<(PathBuf, Positions)>,
    /// What does not stand in the config file at its own path.
    origins: HashMap<String, Origin>,
}

impl Places {
    pub(super) fn new(files: Vec<(PathBuf, Positions)>, origins: HashMap<String, Origin>) -> Self {
        Self { files, origins }
    }

    /// Of no document.
    pub(crate) fn empty() -> Self {
        Self { files: Vec::new(), origins: HashMap::new() }
    }

    /// File, line and column of the value at `path`, or of its key. A value that is not there has the place of the
    /// nearest that holds it; line 0 when nothing was seen at all.
    pub(crate) fn of(&self, path: &str, key: bool) -> (&Path, usize, usize) {
        let mut at = path;
        loop {
            let (file, local) = self.origin(at);
            if let Some((name, positions)) = self.files.get(file)
                && let Some(place) = positions.get(local)
            {
                let (line, column) = positions.line_column(if key { place.key } else { place.value });
                return (name, line, column);
            }
            if at.is_empty() {
                let root = self.files.first().map_or(Path::new(""), |(name, _)| name.as_path());
                return (root, 0, 0);
            }
            at = at.rfind(['.', '[']).and_then(|end| at.get(..end)).unwrap_or("");
        }
    }

    /// The included file that the value at `path`, or the nearest that holds it, comes from; `None` for the config file.
    pub(crate) fn included_from(&self, path: &str) -> Option<&Path> {
        let mut at = path;
        loop {
            if self.origins.contains_key(at) || at.is_empty() {
                let (file, _) = self.origin(at);
                return (file != 0).then(|| self.files.get(file).map(|(name, _)| name.as_path())).flatten();
            }
            at = at.rfind(['.', '[']).and_then(|end| at.get(..end)).unwrap_or("");
        }
    }

    fn origin<'a>(&'a self, path: &'a str) -> (usize, &'a str) {
        self.origins.get(path).map_or((0, path), |(file, local)| (*file, local.as_str()))
    }

    /// Keys that a file gives more than once: the file, the key's path there, line and column.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = (&Path, &str, usize, usize)> {
        self.files.iter().flat_map(|(name, positions)| {
            positions.repeated().iter().map(move |path| {
                let (line, column) = positions.of(path, true);
                (name.as_path(), path.as_str(), line, column)
            })
        })
    }
}
