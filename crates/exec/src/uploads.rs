//! Files that people give a terminal on this host: each in a private directory of its own, for a day, whole or not there. The
//! gateway's host and nodes keep them alike.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Files are kept so long; whoever wants one for longer moves it.
const KEEP_MS: i64 = 24 * 3600 * 1000;
/// Files that are kept at a time, and their bytes.
const MAX_FILES: usize = 64;
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of a name that are kept.
const MAX_NAME: usize = 180;
/// What no system likes in names, and what shells would read something into.
const ODD: &[char] = &['<', '>', ':', '"', '/', '\\', '|', '?', '*', '%', '!', '\u{7f}'];
/// A directory whose file is not whole yet begins so. Only who was killed leaves one, which goes when its day is over.
const PART: &str = ".part-";

/// Why a file was not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There are too many, or they are too large together.
    #[error("{} holds {files} uploaded files with {bytes} bytes, and may hold 64 with 256 MiB; move or remove some, or wait until a day has passed", root.display())]
    Full {
        /// Where they are kept.
        root: PathBuf,
        /// How many there are.
        files: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// Nobody waits for it any more.
    #[error("nobody waits for the upload any more; nothing of it is there")]
    Unwanted,
    /// It was not kept, and what was made for it cannot be taken away.
    #[error("{}: {source}; the upload was not kept, and what was made for it stays for a day", path.display())]
    Left {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What the system says.
    #[error("{}: {source}; nothing of the upload is there", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What.
        source: io::Error,
    },
}

/// Keeps a file under `root` in a directory of its own, by the last part of its name. `now_ms` tells which others have had their
/// day; `is_wanted` is asked once the bytes are on disk. Gives where it is.
///
/// # Errors
/// See [`UploadError`].
pub fn keep_upload(
    root: &Path,
    (name, bytes): (&str, &[u8]),
    now_ms: i64,
    is_wanted: impl FnOnce() -> bool,
) -> Result<PathBuf, UploadError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| UploadError::Io { path, source }
    };
    private_dir(root, true).map_err(at(root))?;
    let root = root.canonicalize().map_err(at(root))?;
    let kept = tidy_uploads(&root, now_ms).map_err(at(&root))?;
    if kept.files >= MAX_FILES || kept.bytes + bytes.len() as u64 > MAX_BYTES {
        return Err(UploadError::Full { root, files: kept.files, bytes: kept.bytes });
    }
    let (id, name) = (model::new_id(), clean(name));
    let (part, dir) = (root.join(format!("{PART}{id}")), root.join(id));
    let kept = private_dir(&part, false)
        .and_then(|()| write_new(&part.join(&name), bytes))
        .map_err(at(&part))
        .and_then(|()| if is_wanted() { Ok(()) } else { Err(UploadError::Unwanted) })
        .and_then(|()| std::fs::rename(&part, &dir).map_err(at(&dir)));
    kept.map_err(|why| match std::fs::remove_dir_all(&part).or_else(if_there) {
        Ok(()) => why,
        Err(source) => UploadError::Left { path: part, source },
    })?;
    Ok(dir.join(name))
}

/// What is kept.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Uploads {
    /// How many files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Takes away what has had its day, and counts the rest. Everything there was made by [`keep_upload`].
///
/// # Errors
/// The directory cannot be read, or something in it cannot be removed.
pub fn tidy_uploads(root: &Path, now_ms: i64) -> io::Result<Uploads> {
    let mut kept = Uploads::default();
    let entries = match std::fs::read_dir(root) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(kept),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let at = entry.path();
        let made_ms = entry.metadata()?.mtime().saturating_mul(1000);
        if now_ms.saturating_sub(made_ms) > KEEP_MS {
            std::fs::remove_dir_all(&at).or_else(if_there)?;
            continue;
        }
        kept.files += 1;
        kept.bytes += size(&at)?;
    }
    Ok(kept)
}

fn if_there(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn private_dir(path: &Path, recursive: bool) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(recursive).mode(0o700).create(path)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn size(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0u64;
    for entry in std::fs::read_dir(dir)? {
        bytes = bytes.saturating_add(entry?.metadata()?.len());
    }
    Ok(bytes)
}

/// The last part of a name, as every system and shell takes it.
fn clean(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String =
        last.chars().map(|c| if c.is_control() || ODD.contains(&c) { '_' } else { c }).collect();
    let mut kept = String::new();
    for c in plain.trim().chars() {
        if kept.len() + c.len_utf8() > MAX_NAME {
            break;
        }
        kept.push(c);
    }
    let kept = kept.trim_end_matches(['.', ' ']);
    if kept.is_empty() { "upload".into() } else { kept.into() }
}
