//! One writer at a time: a lock on the config file's directory, which leaves nothing behind and which a crash releases.

use super::EditError;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// A change takes milliseconds; whoever holds the lock longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether the lock is free.
const PAUSE: Duration = Duration::from_millis(20);

/// The lock; ends with its drop.
pub(crate) struct Lock(#[allow(dead_code, reason = "holds the lock while it is open")] Option<File>);

impl Lock {
    /// Waits for the lock, five seconds at most. The directory is made where it is missing.
    pub(crate) fn take(file: &Path) -> Result<Self, EditError> {
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |action: &'static str| {
            let file = dir.to_path_buf();
            move |source| EditError::Write { action, file, source }
        };
        crate::private_dir::make(dir).map_err(failed("create"))?;
        if !cfg!(unix) {
            // Directories cannot be opened there; the second look before the write must do.
            return Ok(Self(None));
        }
        let open = File::open(dir).map_err(failed("open"))?;
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
                    let source = std::io::Error::new(
                        std::io::ErrorKind::TimedOut,
                        "another program has been changing the config for five seconds",
                    );
                    return Err(failed("lock")(source));
                }
                // A file system without locks: the second look before the write must do.
                Err(TryLockError::Error(_)) => return Ok(Self(None)),
            }
        }
    }
}
