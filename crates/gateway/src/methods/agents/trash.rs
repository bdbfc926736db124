//! Folders that nobody needs any more go to the trash in the state directory, from which they can be taken back by hand for
//! a while.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A folder that must stay as it is.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    /// What it is, as the reason says it.
    pub(super) why: String,
}

/// What became of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Discarded {
    /// It was moved to the trash.
    Trash,
    /// It was not there.
    Missing,
}

impl Discarded {
    /// Its word on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Discarded::Trash => "trash",
            Discarded::Missing => "missing",
        }
    }
}

/// Moves a folder that lies in `ours` to `into`, unless it touches one of `kept` (is it, holds it or lies in it) or is or holds one of
/// `around`.
///
/// # Errors
/// Why it stays where it is.
pub(super) fn discard(
    path: &Path,
    (ours, into): (&Path, &Path),
    kept: &[Kept],
    around: &[Kept],
) -> Result<Discarded, String> {
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Discarded::Missing),
        Err(error) => return Err(format!("it cannot be looked at: {error}")),
    };
    let touches = |kept: &&Kept| {
        let other = real_path(&kept.path);
        other.starts_with(&real) || real.starts_with(&other)
    };
    let holds = |kept: &&Kept| real_path(&kept.path).starts_with(&real);
    if let Some(kept) = kept.iter().find(touches).or_else(|| around.iter().find(holds)) {
        return Err(format!("kept: it is, holds or lies in {} ({})", kept.why, kept.path.display()));
    }
    // What somebody chose may hold more than an agent put there, and the trash is emptied.
    if !real.starts_with(real_path(ours)) {
        return Err(
            "kept: it was chosen by name, outside of the gateway's state; what is in it is yours".into()
        );
    }
    let moved = into.parent().map_or(Ok(()), private_dir).and_then(|()| fs::rename(path, into));
    match moved {
        Ok(()) => Ok(Discarded::Trash),
        Err(error) => Err(format!("it cannot be moved to {}: {error}; move it yourself", into.display())),
    }
}

/// What lies in the trash may be taken back for so long, ms.
const KEEP_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// And as long as it is among so many of the latest: an agent that is made and deleted by a program must not fill the disk.
const KEEP: usize = 50;

/// What is put there is named `MS-AGENT-WHAT`: when, whose, and one of these.
pub(super) const PARTS: [&str; 2] = ["workspace", "agent"];

/// When it was put there, where the name is one as this gateway gives it.
fn put_at(name: &str) -> Option<i64> {
    let (ms, rest) = name.split_once('-')?;
    let (agent, part) = rest.rsplit_once('-')?;
    let is_ours = ms.len() == MS_DIGITS && !agent.is_empty() && PARTS.contains(&part);
    is_ours.then(|| ms.parse().ok()).flatten()
}

/// Digits of a time of these centuries, ms.
const MS_DIGITS: usize = 13;

/// Destroys what lies there too long. Whatever has not a name as this gateway gives it is left alone. What cannot be
/// destroyed keeps nothing else from it.
///
/// # Errors
/// Something cannot be read, or some of it cannot be destroyed.
pub(crate) fn empty(trash: &Path, now_ms: i64) -> io::Result<usize> {
    let entries = match fs::read_dir(trash) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut ours: Vec<(i64, PathBuf)> = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        ours.extend(put_at(name).map(|ms| (ms, path)));
    }
    ours.sort_by(|a, b| b.cmp(a));
    let over =
        ours.iter().enumerate().filter(|(n, (ms, _))| *n >= KEEP || now_ms.saturating_sub(*ms) > KEEP_MS);
    let mut destroyed = 0;
    let mut failed = None;
    for (_, (_, path)) in over {
        match destroy(path) {
            Ok(()) => destroyed += 1,
            Err(error) => failed = Some(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }
    failed.map_or(Ok(destroyed), Err)
}

fn destroy(path: &Path) -> io::Result<()> {
    // A link is destroyed, and not what it leads to.
    match path.symlink_metadata()?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

/// A path that cannot be resolved stands for itself.
fn real_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(path: PathBuf) -> Vec<Kept> {
        vec![Kept { path, why: "another's".into() }]
    }

    #[test]
    fn what_others_use_is_not_moved_and_what_is_moved_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (work, trash) = (dir.path().join("work"), dir.path().join("trash/1-work"));
        let place = (dir.path(), trash.as_path());
        fs::create_dir_all(work.join("inner")).unwrap();
        fs::write(work.join("inner/note"), "mine").unwrap();
        for other in [work.clone(), work.join("inner"), dir.path().to_owned()] {
            let refused = discard(&work, place, &kept(other), &[]).unwrap_err();
            assert!(refused.contains("another's"), "{refused}");
        }
        let refused = discard(&work, place, &[], &kept(work.join("inner"))).unwrap_err();
        assert!(refused.contains("another's"), "{refused}");
        // The folder around it is no reason.
        let chosen = discard(&work, (&work.join("inner"), &trash), &[], &[]).unwrap_err();
        assert!(chosen.contains("chosen by name"), "{chosen}");
        assert_eq!(discard(&work, place, &[], &kept(dir.path().to_owned())), Ok(Discarded::Trash));
        assert_eq!(fs::read_to_string(trash.join("inner/note")).unwrap(), "mine");
        assert_eq!(discard(&work, place, &[], &[]), Ok(Discarded::Missing));
    }

    #[test]
    fn what_was_discarded_can_be_taken_back_for_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let trash = dir.path().join("trash");
        assert_eq!(empty(&trash, KEEP_MS).unwrap(), 0, "there is none");
        let begun = 1_700_000_000_000_i64;
        let name = |n: i64| format!("{}-ops-workspace", begun + n);
        for n in 0..60 {
            fs::create_dir_all(trash.join(name(n)).join("inner")).unwrap();
        }
        for others in ["somebody's", "2024-photos", "1700000000000-notes", "17-ops-agent"] {
            fs::create_dir_all(trash.join(others)).unwrap();
        }
        let left = || fs::read_dir(&trash).unwrap().count();
        assert_eq!(empty(&trash, begun + 100).unwrap(), 10, "of 60 the latest 50 stay");
        assert!(!trash.join(name(9)).exists() && trash.join(name(10)).exists());
        assert_eq!(empty(&trash, begun + KEEP_MS + 59).unwrap(), 49);
        assert_eq!((left(), trash.join(name(59)).exists()), (5, true));
        assert_eq!(empty(&trash, begun + KEEP_MS + 60).unwrap(), 1);
        assert_eq!(left(), 4, "what others put there");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_what_others_use_is_seen_through() {
        let dir = tempfile::tempdir().unwrap();
        let (shared, link) = (dir.path().join("shared"), dir.path().join("link"));
        fs::create_dir(&shared).unwrap();
        std::os::unix::fs::symlink(&shared, &link).unwrap();
        let trash = dir.path().join("trash/1");
        let place = (dir.path(), trash.as_path());
        assert!(discard(&link, place, &kept(shared.clone()), &[]).is_err());
        assert_eq!(discard(&link, place, &[], &[]), Ok(Discarded::Trash));
        assert!(shared.exists(), "the link alone is moved");
    }
}
