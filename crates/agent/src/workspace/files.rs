//! The workspace's files for those who look at and change them from outside: the known names and no others, so that no
//! name leads out of the folder.

use super::{FILES, Workspace, WorkspaceError, failed, read};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Names beside those that every prompt has.
const MORE: [&str; 2] = ["HEARTBEAT.md", "BOOTSTRAP.md"];

/// The largest file that is read or written here, in bytes.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// A file of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceFile {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// Size in bytes and time of the last change in ms since the epoch; `None` where it is not there.
    pub there: Option<(u64, i64)>,
}

impl Workspace {
    /// The files that there can be, and which of them there are.
    ///
    /// # Errors
    /// The folder cannot be looked into.
    pub async fn files(&self) -> Result<Vec<WorkspaceFile>, WorkspaceError> {
        self.blocking(|root| known().map(|name| look(root, name)).collect()).await
    }

    /// One file and its text; `None` where the name is not one of the known ones.
    ///
    /// # Errors
    /// It is too large, no text, no regular file, or outside the folder.
    pub async fn file(&self, name: &str) -> Result<Option<(WorkspaceFile, Option<String>)>, WorkspaceError> {
        let Some(name) = known().find(|known| *known == name) else { return Ok(None) };
        self.blocking(move |root| {
            let file = look(root, name)?;
            let text = if file.there.is_some() { Some(text_of(root, name)?) } else { None };
            Ok(Some((file, text)))
        })
        .await
    }

    /// Replaces one file by a text, whole or not at all; `None` where the name is not one of the known ones.
    ///
    /// # Errors
    /// The text is too long, or the file cannot be written.
    pub async fn set_file(&self, name: &str, text: String) -> Result<Option<WorkspaceFile>, WorkspaceError> {
        let Some(name) = known().find(|known| *known == name) else { return Ok(None) };
        self.blocking(move |root| {
            replace(root, name, &text)?;
            look(root, name).map(Some)
        })
        .await
    }

    /// What `HEARTBEAT.md` says; `None` where it is not there or says nothing: headings, empty list items and comments.
    pub async fn heartbeat(&self) -> Option<String> {
        let read =
            self.blocking(|root| read(root, "HEARTBEAT.md").map_err(failed(root, "read HEARTBEAT.md")));
        match read.await {
            Ok(text) => text.filter(|text| says_something(text)),
            Err(error) => {
                tracing::warn!(%error, "the heartbeat goes without its file");
                None
            }
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, WorkspaceError> + Send + 'static,
    ) -> Result<T, WorkspaceError> {
        let root = self.root.clone();
        let done = tokio::task::spawn_blocking(move || work(&root));
        match tokio::time::timeout(super::READ_DEADLINE, done).await {
            Ok(Ok(result)) => result,
            Ok(Err(e)) => Err(failed(&self.root, "use it")(io::Error::other(e))),
            Err(_) => Err(failed(&self.root, "use it")(io::Error::other("the disk does not answer"))),
        }
    }
}

fn known() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name).chain(MORE)
}

fn look(root: &Path, name: &'static str) -> Result<WorkspaceFile, WorkspaceError> {
    let path = root.join(name);
    let there = match fs::metadata(&path) {
        Ok(meta) => {
            let changed = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let ms = changed.and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or(0);
            Some((meta.len(), ms))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(failed(&path, "look at the file")(e)),
    };
    Ok(WorkspaceFile { name, path, there })
}

fn text_of(root: &Path, name: &str) -> Result<String, WorkspaceError> {
    let path = inside(root, name)?;
    let meta = fs::metadata(&path).map_err(failed(&path, "look at the file"))?;
    if meta.len() > MAX_FILE_BYTES as u64 {
        return Err(failed(&path, "read the file")(io::Error::other("it is larger than 1 MiB")));
    }
    fs::read_to_string(&path).map_err(failed(&path, "read the file"))
}

/// The file itself, which a link must not lead out of the folder.
fn inside(root: &Path, name: &str) -> Result<PathBuf, WorkspaceError> {
    let named = root.join(name);
    let path = fs::canonicalize(&named).map_err(failed(&named, "find the file"))?;
    let root = fs::canonicalize(root).map_err(failed(root, "find the folder"))?;
    let meta = fs::metadata(&path).map_err(failed(&path, "look at the file"))?;
    if !path.starts_with(root) || !meta.is_file() {
        return Err(failed(&named, "use the file")(io::Error::other(
            "it is a link out of the workspace, or no file",
        )));
    }
    Ok(path)
}

fn replace(root: &Path, name: &str, text: &str) -> Result<(), WorkspaceError> {
    let named = root.join(name);
    if text.len() > MAX_FILE_BYTES {
        return Err(failed(&named, "write the file")(io::Error::other("the text is larger than 1 MiB")));
    }
    fs::create_dir_all(root).map_err(failed(root, "make the folder"))?;
    let path = if fs::symlink_metadata(&named).is_ok() { inside(root, name)? } else { named };
    let temporary = path.with_extension(format!("md.{}.tmp", model::new_id()));
    let written = write(&temporary, text).and_then(|()| fs::rename(&temporary, &path));
    if written.is_err() {
        // The error that counts is the first; nobody reads what is left over.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(failed(&path, "write the file"))
}

fn write(temporary: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn says_something(text: &str) -> bool {
    let mut in_comment = false;
    text.lines().map(str::trim).any(|line| {
        if line.starts_with("<!--") {
            in_comment = true;
        }
        let comment = in_comment;
        if line.ends_with("-->") {
            in_comment = false;
        }
        let bare = line.trim_start_matches(['-', '*', '+']).trim_start();
        let bare = ["[ ]", "[x]", "[X]"].iter().find_map(|mark| bare.strip_prefix(mark)).unwrap_or(bare);
        !comment && !line.starts_with('#') && !bare.trim().is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_file_of_headings_and_empty_items_says_nothing() {
        for nothing in ["", "# Heartbeat\n\n- [ ]\n-\n", "<!-- a\nhint -->\n## Tasks"] {
            assert!(!says_something(nothing), "{nothing:?}");
        }
        for something in ["- [ ] look at the mail", "# x\nwater the plants", "<!-- a -->\nb"] {
            assert!(says_something(something), "{something:?}");
        }
    }

    #[tokio::test]
    async fn only_known_files_are_read_and_written_and_never_through_a_link_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path().join("ws"));
        assert!(workspace.files().await.unwrap().iter().all(|file| file.there.is_none()));
        let written = workspace.set_file("SOUL.md", "kind".into()).await.unwrap().unwrap();
        assert_eq!(written.there.unwrap().0, 4);
        let (_, text) = workspace.file("SOUL.md").await.unwrap().unwrap();
        assert_eq!(text.as_deref(), Some("kind"));
        for unknown in ["../openclaw.json", "soul.md", "", "SOUL.md/..", "notes.md"] {
            assert!(workspace.file(unknown).await.unwrap().is_none(), "{unknown}");
            assert!(workspace.set_file(unknown, "x".into()).await.unwrap().is_none(), "{unknown}");
        }
        let secret = dir.path().join("secret");
        fs::write(&secret, "s").unwrap();
        std::os::unix::fs::symlink(&secret, workspace.root().join("USER.md")).unwrap();
        assert!(workspace.file("USER.md").await.is_err());
        assert!(workspace.set_file("USER.md", "x".into()).await.is_err());
        assert_eq!(fs::read_to_string(&secret).unwrap(), "s");
        assert!(workspace.set_file("USER.md", "x".repeat(MAX_FILE_BYTES + 1)).await.is_err());
        assert_eq!(fs::read_dir(workspace.root()).unwrap().count(), 2, "nothing is left over");
    }
}
