//! Touching files only where they are this user's own. Links are never followed: what is at the other end is somebody's
//! decision, and may be somebody else's file.

use rustix::fs::{Mode, OFlags};
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A file or directory as it was looked at.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Where.
    pub(super) path: PathBuf,
    /// Permission bits.
    pub(super) mode: u32,
    /// When it was last written, in ms since the epoch.
    pub(super) written_ms: i64,
    /// Its size in bytes.
    pub(super) bytes: u64,
    /// What it is.
    pub(super) sort: Sort,
    uid: u32,
    node: (u64, u64),
}

/// What lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, wherever it leads.
    Link,
    /// A socket, a device …
    Other,
}

impl Seen {
    /// What lies there; `None` where nothing does, or nothing that this user may look at.
    pub(super) fn at(path: &Path) -> Option<Self> {
        // Without a slash or a dot at the end, which would lead through a link.
        let path: PathBuf = path.components().collect();
        std::fs::symlink_metadata(&path).ok().map(|data| Self::of(&path, &data))
    }

    fn of(path: &Path, data: &Metadata) -> Self {
        let kind = data.file_type();
        let sort = match () {
            () if kind.is_symlink() => Sort::Link,
            () if kind.is_file() => Sort::File,
            () if kind.is_dir() => Sort::Directory,
            () => Sort::Other,
        };
        Self {
            path: path.to_owned(),
            mode: data.permissions().mode() & 0o7777,
            written_ms: data.mtime().saturating_mul(1000).saturating_add(data.mtime_nsec() / 1_000_000),
            bytes: data.len(),
            sort,
            uid: data.uid(),
            node: (data.dev(), data.ino()),
        }
    }

    /// The user that it belongs to, if that is another one.
    pub(super) fn foreign_owner(&self) -> Option<u32> {
        (self.uid != rustix::process::geteuid().as_raw()).then_some(self.uid)
    }

    /// Why nothing that is here may be replaced, if that is so: it is no regular file, or another user's.
    pub(super) fn not_ours(&self) -> Option<String> {
        let path = self.path.display();
        match (self.sort, self.foreign_owner()) {
            (Sort::Link, _) => Some(format!("{path} is a symbolic link, and nothing is changed through one")),
            (Sort::Directory | Sort::Other, _) => Some(format!("{path} is no regular file")),
            (Sort::File, Some(uid)) => Some(format!("{path} belongs to user {uid}")),
            (Sort::File, None) => None,
        }
    }

    /// What lies in a directory, by name; nothing where it is a link, or cannot be read.
    pub(super) fn children(&self) -> Vec<Seen> {
        if self.sort != Sort::Directory {
            return Vec::new();
        }
        let Ok(entries) = std::fs::read_dir(&self.path) else { return Vec::new() };
        let mut all: Vec<Seen> =
            entries.flatten().take(MOST_CHILDREN).filter_map(|entry| Seen::at(&entry.path())).collect();
        all.sort_by(|a, b| a.path.cmp(&b.path));
        all
    }

    /// The file's name.
    pub(super) fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Takes away what others may do with it: only `mode` stays. It must be what was looked at, and this user's.
    pub(super) fn restrict(&self, mode: u32) -> Result<String, String> {
        let kept = self.mode & mode;
        self.open_same()
            .and_then(|file| file.set_permissions(Permissions::from_mode(kept)))
            .map(|()| format!("{}: mode {:04o} is {kept:04o} now", self.path.display(), self.mode))
            .map_err(|error| format!("{}: {error}; its mode stays {:04o}", self.path.display(), self.mode))
    }

    /// Removes a file. It must be what was looked at, and this user's.
    pub(super) fn remove(&self) -> Result<String, String> {
        let removed = match std::fs::symlink_metadata(&self.path) {
            Ok(data) if self.is_same(&data) && data.is_file() => std::fs::remove_file(&self.path),
            Ok(_) => Err(io::Error::other("it is another file than a moment ago, or not this user's")),
            // Somebody else was faster, and that is all that was wanted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed
            .map(|()| format!("removed {}", self.path.display()))
            .map_err(|error| format!("{}: {error}; it was not removed", self.path.display()))
    }

    /// Opened without following a link and without waiting (it might be a pipe by now).
    fn open_same(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(&self.path, flags, Mode::empty())?);
        match self.is_same(&file.metadata()?) {
            true => Ok(file),
            false => Err(io::Error::other("it is another file than a moment ago, or not this user's")),
        }
    }

    fn is_same(&self, data: &Metadata) -> bool {
        (data.dev(), data.ino()) == self.node && data.uid() == rustix::process::geteuid().as_raw()
    }
}

/// The link on the way from the state directory (itself included) to `path`, if there is one: what is behind it is left
/// alone. A place elsewhere is somebody's own choice of a way.
///
/// # Errors
/// Which directory is a link.
pub(super) fn no_link_on_the_way(state_dir: &Path, path: &Path) -> Result<(), String> {
    let Ok(below) = path.strip_prefix(state_dir) else { return Ok(()) };
    let mut dir = state_dir.to_owned();
    let mut names = below.components();
    // The last name is what is to be changed; whoever changes it looks at that.
    names.next_back();
    for name in [None].into_iter().chain(names.map(Some)) {
        dir.extend(name);
        if Seen::at(&dir).is_some_and(|seen| seen.sort == Sort::Link) {
            let link = Seen::at(&dir).map_or(dir, |seen| seen.path);
            return Err(format!("{} is a symbolic link, and nothing behind it is changed", link.display()));
        }
    }
    Ok(())
}

/// Directories of ours hold some dozens of files; of one with more, the first are enough to tell what is wrong.
const MOST_CHILDREN: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn file(path: &Path, bits: u32) -> Seen {
        std::fs::write(path, "x").unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(bits)).unwrap();
        Seen::at(path).unwrap()
    }

    #[test]
    fn what_changed_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (place, target) = (dir.path().join("a"), dir.path().join("target"));
        let seen = file(&place, 0o644);
        file(&target, 0o644);
        // Another file, then a link, in the place of what was looked at.
        std::fs::rename(&place, dir.path().join("b")).unwrap();
        file(&place, 0o644);
        assert!(seen.restrict(0o600).is_err() && seen.remove().is_err());
        std::fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink(&target, &place).unwrap();
        assert!(seen.restrict(0o600).is_err() && seen.remove().is_err());
        assert_eq!((mode(&target), Seen::at(&place).unwrap().sort), (0o644, Sort::Link));
    }

    #[test]
    fn mending_twice_is_mending_once() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a");
        let seen = file(&place, 0o664);
        for _ in 0..2 {
            seen.restrict(0o600).unwrap();
            assert_eq!(mode(&place), 0o600);
        }
        for _ in 0..2 {
            seen.remove().unwrap();
            assert!(!place.exists());
        }
    }

    #[test]
    fn a_link_on_the_way_is_named_wherever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (state, link) = (dir.path().join("state"), dir.path().join("link"));
        std::fs::create_dir_all(state.join("a/b")).unwrap();
        std::os::unix::fs::symlink(&state, &link).unwrap();
        std::os::unix::fs::symlink("a", state.join("c")).unwrap();
        for (from, to, stops) in [
            (&state, state.join("a/b/x"), None),
            (&state, state.join("c"), None),
            (&state, state.clone(), None),
            (&state, state.join("missing/x"), None),
            (&state, link.join("x"), None),
            (&state, state.join("c/b/x"), Some(state.join("c"))),
            (&link, link.join("x"), Some(link.clone())),
            (&link, link.clone(), Some(link.clone())),
            (&link.join(""), link.join("x"), Some(link.clone())),
        ] {
            let told = no_link_on_the_way(from, &to).err();
            let wanted = stops.map(|link| link.display().to_string());
            assert_eq!(told.and_then(|t| Some(t.split_once(" is a")?.0.to_owned())), wanted, "{to:?}");
        }
    }

    #[test]
    fn a_directory_behind_a_link_is_not_looked_into() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        file(&dir.path().join("real/x"), 0o644);
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        assert_eq!(Seen::at(&dir.path().join("real")).unwrap().children().len(), 1);
        assert!(Seen::at(&dir.path().join("link")).unwrap().children().is_empty());
    }
}
