//! Paths and whole-file changes.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The host's word on which commands may run: not for the agent, whom it binds.
const APPROVALS: &str = "exec-approvals.json";

/// Held while a file is changed, so that two calls of one turn never lose each other's changes. Clones are the same
/// lock.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileLock(Arc<Mutex<()>>);

impl FileLock {
    /// Does `change` while nobody else changes a file. For threads that may block.
    pub(crate) fn with<T>(&self, change: impl FnOnce() -> T) -> T {
        // The lock guards no data: a panic elsewhere does not matter to it.
        let _guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change()
    }
}

/// Where a path leads: relative ones start in the workspace, `~/` is the home directory.
///
/// # Errors
/// It is empty or has a NUL in it.
pub(crate) fn resolve(workspace: &Path, path: &str) -> Result<PathBuf, String> {
    if path.is_empty() || path.contains('\0') {
        return Err(format!("{path:?} is not a path. Give a path in the workspace or an absolute one."));
    }
    if let Some(rest) = path.strip_prefix("~/")
        && let Some(home) = std::env::home_dir()
    {
        return Ok(home.join(rest));
    }
    Ok(workspace.join(path))
}

/// An I/O error about a path, for the model.
pub(crate) fn io_error(what: &str, path: &Path, error: &io::Error) -> String {
    let next = match error.kind() {
        io::ErrorKind::NotFound => "look with ls what is there",
        io::ErrorKind::PermissionDenied => "the gateway's user may not do that",
        io::ErrorKind::StorageFull => "the disk is full; free space first",
        _ => "check the path",
    };
    format!("Cannot {what} {}: {error}; {next}.", path.display())
}

/// The metadata of a regular file.
///
/// # Errors
/// Not there, or something that is no regular file: a pipe or device could be read for ever.
pub(crate) fn regular(what: &str, path: &Path) -> Result<Metadata, String> {
    let metadata = std::fs::metadata(path).map_err(|e| io_error(what, path, &e))?;
    if metadata.is_dir() {
        return Err(format!("Cannot {what} {}: it is a directory; use ls.", path.display()));
    }
    if !metadata.is_file() {
        return Err(format!("Cannot {what} {}: it is not a regular file.", path.display()));
    }
    Ok(metadata)
}

/// Puts `bytes` in place of a file's content, or makes the file and its parent directories: whole or not at all, also
/// when the machine stops midway. Permissions stay; a link is followed and stays a link.
///
/// # Errors
/// What went wrong, for the model; the old content is still there then.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if target.file_name().is_some_and(|n| n.eq_ignore_ascii_case(APPROVALS)) {
        return Err(format!(
            "Cannot write {}: which commands may run is the operator's to say.",
            target.display()
        ));
    }
    let old = match std::fs::metadata(&target) {
        Ok(_) => Some(regular("write", &target)?),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(io_error("write", &target, &e)),
    };
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(format!("Cannot write {}: it names no file.", target.display()));
    };
    std::fs::create_dir_all(parent).map_err(|e| io_error("make the directory", parent, &e))?;
    let temporary = parent.join(format!(".{}.{}.tmp", short(&name.to_string_lossy()), model::new_id()));
    let done = fill(&temporary, bytes, old.as_ref()).and_then(|()| std::fs::rename(&temporary, &target));
    done.map_err(|e| {
        // The first error is the one to tell; a temporary file that stays is seen by its name.
        let _ = std::fs::remove_file(&temporary);
        io_error("write", &target, &e)
    })
}

fn fill(temporary: &Path, bytes: &[u8], old: Option<&Metadata>) -> io::Result<()> {
    // What replaces a private file is private from its first byte on.
    let mode = if old.is_some() { 0o600 } else { 0o666 };
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(mode).open(temporary)?;
    file.write_all(bytes)?;
    if let Some(old) = old {
        // Only root can keep another's ownership; for everyone else the file becomes their own.
        let _ = std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()));
        file.set_permissions(old.permissions())?;
    }
    file.sync_all()
}

/// Names may be 255 bytes long: the temporary one must not be longer than that.
fn short(name: &str) -> &str {
    crate::text::head(name, 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_its_links() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o750)).unwrap();
        symlink(&file, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o750);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file stays");
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        assert!(replace(dir.path(), b"x").unwrap_err().contains("directory"));
        assert!(replace(Path::new("/dev/null"), b"x").unwrap_err().contains("not a regular file"));
        assert!(replace(Path::new("/"), b"x").is_err());
    }

    #[test]
    fn paths_start_in_the_workspace() {
        let workspace = Path::new("/w");
        assert_eq!(resolve(workspace, "a/b").unwrap(), Path::new("/w/a/b"));
        assert_eq!(resolve(workspace, "/etc/x").unwrap(), Path::new("/etc/x"));
        assert!(resolve(workspace, "").is_err() && resolve(workspace, "a\0").is_err());
    }
}
