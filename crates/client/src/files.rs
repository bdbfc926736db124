//! Small private files: written whole or not at all, readable by their owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A change of small files takes milliseconds; whoever holds the lock longer than this hangs.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether the lock is free.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The right to change the files of a directory; it ends with its drop, and with its process.
pub struct Lock(#[allow(dead_code, reason = "holds the lock while it is open")] Option<File>);

/// Waits for the right to read and then change files beside `path`: one program at a time. The lock is the directory's own, so that
/// nothing is left behind. Directories that are missing are made with mode 0700. Blocks its thread.
///
/// # Errors
/// The directory cannot be made or opened, or another program holds the lock for longer than `patience` (`TimedOut`).
pub fn lock(path: &Path, patience: Duration) -> io::Result<Lock> {
    let directory = directory_of(path);
    make(directory)?;
    let open = File::open(directory)?;
    #[allow(clippy::disallowed_methods, reason = "a bound on waiting for another process, not a time of day")]
    let begun = Instant::now();
    loop {
        match open.try_lock() {
            Ok(()) => return Ok(Lock(Some(open))),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                let text = format!(
                    "another program has been changing files in {} for {} s",
                    directory.display(),
                    patience.as_secs()
                );
                return Err(io::Error::new(ErrorKind::TimedOut, text));
            }
            // A file system without locks: each write is whole still, and the last one wins.
            Err(TryLockError::Error(error)) => {
                tracing::debug!(%error, directory = %directory.display(), "no locks there");
                return Ok(Lock(None));
            }
        }
    }
}

/// Replaces `path`, or makes it, with mode 0600. Directories that are missing are made with mode 0700. A crash leaves the old file or
/// the new one.
///
/// # Errors
/// The disk refuses; the file is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_beside(path, bytes)?;
    let result = fs::rename(&temporary, path).and_then(|()| sync_directory(path));
    discard_on_error(&temporary, result)
}

/// Makes `path` with mode 0600 unless it is there already; whether it was made. Of several programs that try at once,
/// one makes it.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let temporary = write_beside(path, bytes)?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Ok(()) => sync_directory(path).map(|()| true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the path names no file"))?;
    let directory = directory_of(path);
    make(directory)?;
    let temporary = directory.join(format!(".{}.{}.tmp", name.to_string_lossy(), model::new_id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let result = file.write_all(bytes).and_then(|()| file.sync_all());
    discard_on_error(&temporary, result).map(|()| temporary)
}

fn make(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn discard_on_error(temporary: &Path, result: io::Result<()>) -> io::Result<()> {
    if result.is_err() {
        // The first error is the one to tell; a temporary file left behind does no harm.
        let _ = fs::remove_file(temporary);
    }
    result
}

/// Makes the new name outlive a power cut.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
