//! One writer at a time, of all programs of this host: a lock on the directory itself, which leaves nothing behind and which a
//! crash releases.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// A change takes milliseconds; whoever holds the lock longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether the lock is free.
const PAUSE: Duration = Duration::from_millis(20);

/// The right to read and then change the files of a directory; ends with its drop, and with its process.
pub struct DirectoryLock(#[allow(dead_code, reason = "holds the lock while it is open")] Option<File>);

impl DirectoryLock {
    /// Waits for it, five seconds at most. The directory is made where it is missing, with mode 0700. Blocks its thread.
    ///
    /// # Errors
    /// The directory cannot be made or opened, or another program holds the lock all the time (`TimedOut`).
    pub fn take(dir: &Path) -> io::Result<Self> {
        crate::private_dir::make(dir)?;
        if !cfg!(unix) {
            // Directories cannot be opened there; that each write is whole must do.
            return Ok(Self(None));
        }
        let open = File::open(dir)?;
        #[allow(
            clippy::disallowed_methods,
            reason = "a bound on waiting for another process, not a time of day"
        )]
        let begun = Instant::now();
        loop {
            match open.try_lock() {
                Ok(()) => return Ok(Self(Some(open))),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let text = "another program has been changing the files there for five seconds";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
                // A file system without locks: that each write is whole must do.
                Err(TryLockError::Error(_)) => return Ok(Self(None)),
            }
        }
    }
}
