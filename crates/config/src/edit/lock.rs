//! One writer of the config at a time.

use super::EditError;
use crate::DirectoryLock;
use std::path::Path;

/// The lock of the directory of this file. Where a file system knows none, the second look before the write must do.
pub(crate) fn lock(file: &Path) -> Result<DirectoryLock, EditError> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirectoryLock::take(dir).map_err(|source| EditError::Write {
        action: "lock",
        file: dir.to_owned(),
        source,
    })
}
