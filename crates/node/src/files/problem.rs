//! Why a file command gave nothing. It is a result like others: `{ok: false, code, message, canonicalPath?}`.

use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

/// What follows a path that leads over a link.
pub(super) const LINK: &str = "the path leads over a symbolic link, and followSymlinks is false for this node; name the place that it leads to, or set plugins.entries.file-transfer.config.nodes.<node>.followSymlinks";

/// Why a file command gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// As OpenClaw's gateways know it.
    pub(super) code: &'static str,
    /// What people read.
    pub(super) message: String,
    /// Where the path really leads, where that is known.
    pub(super) canonical: Option<PathBuf>,
}

impl Problem {
    /// With no place.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), canonical: None }
    }

    /// At a place.
    pub(super) fn at(mut self, canonical: &Path) -> Self {
        self.canonical = Some(canonical.to_owned());
        self
    }

    /// What the system said of a path that is to be read.
    pub(super) fn reading(path: &Path, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "NOT_FOUND",
            io::ErrorKind::PermissionDenied => "PERMISSION_DENIED",
            _ => "READ_ERROR",
        };
        Self::new(code, format!("{}: {error}", path.display())).at(path)
    }

    /// What the system said of a path that is to be written. A full disk is told by its own words.
    pub(super) fn writing(path: &Path, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "PERMISSION_DENIED",
            _ => "WRITE_ERROR",
        };
        Self::new(code, format!("{} was not written: {error}; nothing of it is there", path.display()))
            .at(path)
    }

    /// The file is not the one that was looked at before.
    pub(super) fn changed(path: &Path) -> Self {
        Self::new(
            "CANONICAL_PATH_CHANGED",
            format!("{} is not what was looked at before; ask again", path.display()),
        )
        .at(path)
    }

    /// Nobody waits for it any more.
    pub(super) fn cancelled(path: &Path) -> Self {
        Self::new("CANCELLED", format!("{} was not written: nobody waits for it any more", path.display()))
    }

    /// As a result.
    pub(super) fn payload(&self) -> Value {
        let mut out = json!({"ok": false, "code": self.code, "message": self.message});
        if let Some(path) = self.canonical.as_deref().and_then(Path::to_str) {
            out["canonicalPath"] = path.into();
        }
        out
    }
}
