//! The agent's folder: the files that tell it who it is, whom it works for and what it remembers.

mod files;

pub use files::{MAX_FILE_BYTES, WorkspaceFile};

use crate::text;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The files, in the order in which the model reads them, with what a new workspace has in them.
const FILES: [(&str, &str); 6] = [
    ("AGENTS.md", include_str!("../templates/AGENTS.md")),
    ("SOUL.md", include_str!("../templates/SOUL.md")),
    ("IDENTITY.md", include_str!("../templates/IDENTITY.md")),
    ("USER.md", include_str!("../templates/USER.md")),
    ("TOOLS.md", include_str!("../templates/TOOLS.md")),
    ("MEMORY.md", include_str!("../templates/MEMORY.md")),
];

/// Names the files that were seeded once, one a line, so that those the user deletes stay away.
const MARKER: &str = ".seeded";

/// Characters of one file that reach the model.
const FILE_CHARS: usize = 20_000;

/// Characters of all files together that reach the model.
const TOTAL_CHARS: usize = 60_000;

/// A disk that takes longer has a fault; the turn goes on without the files.
const READ_DEADLINE: Duration = Duration::from_secs(10);

/// An agent's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

/// The workspace could not be prepared.
#[derive(Debug, thiserror::Error)]
#[error(
    "workspace {path}: cannot {action}: {source}; check that the folder is yours and that the disk has room"
)]
pub struct WorkspaceError {
    /// The file or folder.
    pub path: String,
    /// What was tried with it.
    pub action: &'static str,
    /// What the system said.
    pub source: io::Error,
}

impl Workspace {
    /// The workspace in the folder `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the folder and those of its files that were never there. Nothing is overwritten, and what the user has
    /// deleted does not come back. Gives the names of the files made.
    ///
    /// # Errors
    /// The folder or a file cannot be written.
    pub async fn seed(&self) -> Result<Vec<&'static str>, WorkspaceError> {
        let root = self.root.clone();
        match tokio::task::spawn_blocking(move || seed(&root)).await {
            Ok(result) => result,
            Err(e) => Err(failed(&self.root, "prepare it")(io::Error::other(e))),
        }
    }

    /// The files' names and texts, as they are now: each in at most 20,000 characters, 60,000 in all. What is missing,
    /// empty, no regular file or outside the folder (by a symbolic link) is left out, the latter with a warning.
    pub async fn bootstrap(&self) -> Vec<(String, String)> {
        let root = self.root.clone();
        let read = tokio::task::spawn_blocking(move || bootstrap(&root));
        match tokio::time::timeout(READ_DEADLINE, read).await {
            Ok(Ok(files)) => files,
            Ok(Err(error)) => {
                tracing::error!(workspace = %self.root.display(), %error, "reading the workspace files broke down");
                Vec::new()
            }
            Err(_) => {
                tracing::error!(workspace = %self.root.display(), "the disk did not give the workspace files in time");
                Vec::new()
            }
        }
    }
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> WorkspaceError {
    let path = path.display().to_string();
    move |source| WorkspaceError { path, action, source }
}

fn seed(root: &Path) -> Result<Vec<&'static str>, WorkspaceError> {
    fs::create_dir_all(root).map_err(failed(root, "make the folder"))?;
    let marker = root.join(MARKER);
    let known = match fs::read_to_string(&marker) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(failed(&marker, "read the list of seeded files")(e)),
    };
    let known: BTreeSet<&str> = known.lines().collect();
    let mut made = Vec::new();
    for (name, content) in FILES {
        let path = root.join(name);
        if !known.contains(name) && create(&path, content).map_err(failed(&path, "write the file"))? {
            made.push(name);
        }
    }
    if FILES.iter().any(|(name, _)| !known.contains(name)) {
        let names: BTreeSet<&str> = known.into_iter().chain(FILES.map(|(name, _)| name)).collect();
        let list: String = names.into_iter().flat_map(|name| [name, "\n"]).collect();
        fs::write(&marker, list).map_err(failed(&marker, "write the list of seeded files"))?;
    }
    Ok(made)
}

/// Writes a file that is not there. False where there is one, whatever it is.
fn create(path: &Path, content: &str) -> io::Result<bool> {
    let mut file = match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(e) => return Err(e),
    };
    if let Err(e) = file.write_all(content.as_bytes()) {
        // Half a file would never be completed. Where removing fails too, the error that is returned says enough.
        let _ = fs::remove_file(path);
        return Err(e);
    }
    Ok(true)
}

fn bootstrap(root: &Path) -> Vec<(String, String)> {
    let mut room = TOTAL_CHARS;
    let mut files = Vec::new();
    for (name, _) in FILES {
        let text = match read(root, name) {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            Err(error) => {
                tracing::warn!(file = %root.join(name).display(), %error, "the workspace file is left out");
                continue;
            }
        };
        let text = text::cut_end(text.trim(), FILE_CHARS.min(room));
        room = room.saturating_sub(text.chars().count());
        if !text.is_empty() {
            files.push((name.to_owned(), text));
        }
        if room == 0 {
            break;
        }
    }
    files
}

/// The start of a file; `None` where there is none.
fn read(root: &Path, name: &str) -> io::Result<Option<String>> {
    let path = match fs::canonicalize(root.join(name)) {
        Ok(path) => path,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    if !path.starts_with(fs::canonicalize(root)?) {
        return Err(io::Error::other("it is a link out of the workspace; copy the file into it"));
    }
    // Checked before it is opened: opening a pipe would wait for its other end.
    if !fs::metadata(&path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(FILE_CHARS * 4 + 4).unwrap_or(u64::MAX);
    fs::File::open(&path)?.take(most).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests;
