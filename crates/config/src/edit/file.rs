//! Writing the config file so that there is always a whole one, and the one before it.

use super::EditError;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Replaces the file by `text`. A new file has mode 0600, one that was there keeps its own; what it said before is kept
/// beside it under its name with `.bak`. A crash at any point leaves the old file or the new one. A link is followed:
/// what it points to is replaced.
///
/// # Errors
/// [`EditError::Write`]; the file is as it was.
pub fn write_atomically(file: &Path, text: &str) -> Result<(), EditError> {
    replace_keeping(file, text, Kept::Good)
}

/// What the file is that is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// A good config: kept as `.bak`.
    Good,
    /// A broken one: kept as `.broken`, so that `.bak` stays the last good one.
    Broken,
}

/// As [`write_atomically`].
pub(super) fn replace_keeping(file: &Path, text: &str, kept: Kept) -> Result<(), EditError> {
    let suffix = match kept {
        Kept::Good => ".bak",
        Kept::Broken => ".broken",
    };
    let file = match fs::canonicalize(file) {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => file.to_path_buf(),
        Err(error) => return Err(failed("find", file)(error)),
    };
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    crate::private_dir::make(dir).map_err(failed("create", dir))?;
    let permissions = match fs::read(&file) {
        Ok(before) => {
            let kept = fs::metadata(&file).map_err(failed("read", &file))?.permissions();
            replace(&with_suffix(&file, suffix), &before, dir, Some(&kept))?;
            Some(kept)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed("read", &file)(error)),
    };
    replace(&file, text.as_bytes(), dir, permissions.as_ref())
}

/// Replaces the file by `text`, for this user alone and without a copy of what it said before.
///
/// # Errors
/// [`EditError::Write`]; the file is as it was.
pub(crate) fn replace_private(file: &Path, text: &str) -> Result<(), EditError> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    crate::private_dir::make(dir).map_err(failed("create", dir))?;
    replace(file, text.as_bytes(), dir, None)
}

fn replace(
    file: &Path,
    bytes: &[u8],
    dir: &Path,
    permissions: Option<&Permissions>,
) -> Result<(), EditError> {
    let temporary = with_suffix(file, &format!(".{}.tmp", model::new_id()));
    let written = write(&temporary, bytes, permissions)
        .map_err(failed("write", &temporary))
        .and_then(|()| fs::rename(&temporary, file).map_err(failed("replace", file)));
    if written.is_err() {
        // The error that counts is the first; what is left over has a name that nobody reads.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync(dir)
}

fn write(temporary: &Path, bytes: &[u8], permissions: Option<&Permissions>) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut open = options.open(temporary)?;
    if let Some(permissions) = permissions {
        open.set_permissions(permissions.clone())?;
    }
    open.write_all(bytes)?;
    open.sync_all()
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes the new name survive a power cut.
fn sync(dir: &Path) -> Result<(), EditError> {
    if cfg!(unix) {
        File::open(dir).and_then(|open| open.sync_all()).map_err(failed("sync", dir))
    } else {
        Ok(())
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> EditError + use<> {
    let file = path.to_path_buf();
    move |source| EditError::Write { action, file, source }
}
