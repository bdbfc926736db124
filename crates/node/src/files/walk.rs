//! Reaching files by handles: from the root on, each directory is opened within the one before, and no link is followed. What was
//! opened is what is looked at and read: whoever changes the path meanwhile changes nothing of it.

use super::problem::{LINK, Problem};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// A directory on the way needs no permission to be read.
#[cfg(target_os = "linux")]
const PASS: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const PASS: OFlags = OFlags::RDONLY;

/// The path that was asked for, without `.` and doubled slashes.
///
/// # Errors
/// It is empty, relative, or has `..` or a NUL in it.
pub(super) fn asked(text: &str) -> Result<PathBuf, Problem> {
    let wrong = |why: &str| Problem::new("INVALID_PATH", why);
    if text.is_empty() {
        return Err(wrong("path required"));
    }
    if text.contains('\0') {
        return Err(wrong("path contains a NUL byte"));
    }
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err(wrong("path must be absolute"));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(wrong("path contains '..'; name the place itself"));
    }
    Ok(path.components().collect())
}

/// Where a path leads: itself, where links are not followed.
///
/// # Errors
/// There is nothing, or it is no path that a message can have.
pub(super) fn canonical(path: &Path, follow: bool) -> Result<PathBuf, Problem> {
    if !follow {
        return Ok(path.to_owned());
    }
    let real = path.canonicalize().map_err(|e| Problem::reading(path, &e))?;
    text(&real)?;
    Ok(real)
}

/// A path as text, which it has to be for a message.
pub(super) fn text(path: &Path) -> Result<&str, Problem> {
    path.to_str().ok_or_else(|| {
        Problem::new("READ_ERROR", format!("{} is no UTF-8 and cannot be named", path.display()))
    })
}

/// Refuses where the gateway expects another place.
pub(super) fn check_expected(expected: Option<&str>, actual: &Path) -> Result<(), Problem> {
    match expected {
        Some(expected) if Path::new(expected) != actual => Err(Problem::changed(actual)),
        _ => Ok(()),
    }
}

/// As far as a path goes: the last directory that is there, and the names that are not.
pub(super) struct Reached {
    /// The last directory that is there.
    pub(super) dir: OwnedFd,
    /// Its path.
    pub(super) path: PathBuf,
    /// What is missing of the rest.
    pub(super) missing: Vec<OsString>,
}

/// Goes along a path of directories as far as they are there.
///
/// # Errors
/// A link or something else is in the way, or a directory may not be entered.
pub(super) fn reach(path: &Path) -> Result<Reached, Problem> {
    let flags = PASS | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = Path::new("/");
    let dir = fs::open(root, flags, Mode::empty()).map_err(|e| Problem::reading(root, &e.into()))?;
    let mut reached = Reached { dir, path: root.to_owned(), missing: Vec::new() };
    for name in names(path) {
        if !reached.missing.is_empty() {
            reached.missing.push(name.to_owned());
            continue;
        }
        let at = reached.path.join(name);
        match fs::openat(&reached.dir, name, flags, Mode::empty()) {
            Ok(dir) => (reached.dir, reached.path) = (dir, at),
            Err(Errno::NOENT) => reached.missing.push(name.to_owned()),
            Err(error) => return Err(in_the_way(&reached.dir, name, &at, path, error)),
        }
    }
    Ok(reached)
}

fn names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    })
}

/// Why a directory on the way cannot be entered.
fn in_the_way(dir: &OwnedFd, name: &OsStr, at: &Path, whole: &Path, error: Errno) -> Problem {
    match fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if is(&stat, FileType::Symlink) => over_a_link(whole),
        _ => Problem::reading(at, &error.into()),
    }
}

/// The refusal of a path that leads over a link, with where it leads.
pub(super) fn over_a_link(path: &Path) -> Problem {
    let refusal = Problem::new("SYMLINK_REDIRECT", format!("{}: {LINK}", path.display()));
    match path.canonicalize() {
        Ok(real) => refusal.at(&real),
        Err(_) => refusal,
    }
}

/// Whether something is of a kind.
pub(super) fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

/// What was opened.
pub(super) struct Opened {
    /// It.
    pub(super) fd: OwnedFd,
    /// As it was when it was opened.
    pub(super) stat: Stat,
}

/// Opens a regular file or a directory for reading. Anything else is not opened at all: pipes and devices do things when they are.
///
/// # Errors
/// There is none, a link is in the way, or it may not be read.
pub(super) fn open(path: &Path) -> Result<Opened, Problem> {
    let parent = path.parent().unwrap_or(path);
    let reached = reach(parent)?;
    if !reached.missing.is_empty() {
        return Err(Problem::reading(path, &io::ErrorKind::NotFound.into()));
    }
    let name = path.file_name().unwrap_or(OsStr::new("."));
    open_at(reached.dir.as_fd(), name, path)
}

/// As [`open`], within a directory that is open.
pub(super) fn open_at(dir: BorrowedFd<'_>, name: &OsStr, path: &Path) -> Result<Opened, Problem> {
    let failed = |e: Errno| Problem::reading(path, &e.into());
    let seen = fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
    if is(&seen, FileType::Symlink) {
        return Err(over_a_link(path));
    }
    if !is(&seen, FileType::RegularFile) && !is(&seen, FileType::Directory) {
        let why = format!("{} is neither a regular file nor a directory", path.display());
        return Err(Problem::new("UNSUPPORTED_FILE_TYPE", why).at(path));
    }
    // Should a pipe have taken its place meanwhile, opening it waits for nobody.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = fs::openat(dir, name, flags, Mode::empty()).map_err(failed)?;
    let stat = fs::fstat(&fd).map_err(failed)?;
    if (stat.st_dev, stat.st_ino) != (seen.st_dev, seen.st_ino) {
        return Err(Problem::changed(path));
    }
    Ok(Opened { fd, stat })
}

/// A directory.
///
/// # Errors
/// As [`open`]; it is none.
pub(super) fn open_dir(path: &Path) -> Result<Opened, Problem> {
    let opened = open(path)?;
    if !is(&opened.stat, FileType::Directory) {
        return Err(Problem::new("IS_FILE", format!("{} is no directory", path.display())).at(path));
    }
    Ok(opened)
}
