//! What is made on the way to a file is written down before it is made, and crossed out when the file is whole or all of it is gone
//! again. So a node that was killed in between takes away at its next start what it had begun.

use super::problem::Problem;
use super::walk;
use client::files;
use rustix::fs::{self, AtFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that is not whole yet ends so, and begins with a dot.
pub(super) const PART: &str = ".openclaw-part";
/// Bytes of an entry: a path, and some more of directories on the way.
const MAX_ENTRY: u64 = 256 * 1024;

/// What is under way, an entry a file: `<state>/transfers`.
pub(crate) struct Ledger {
    dir: PathBuf,
}

/// What is made for one file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    /// The file that is not whole yet.
    part: PathBuf,
    /// Directories that were missing, from above to below.
    directories: Vec<PathBuf>,
}

/// The entry of a file under way. It is locked for as long as somebody works on it.
pub(super) struct Begun {
    path: PathBuf,
    _locked: File,
}

impl Begun {
    /// Nothing of it is left but the file.
    pub(super) fn over(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(entry = %self.path.display(), %error, "a transfer is over and still written down");
        }
    }
}

impl Ledger {
    /// The one of this state directory.
    pub(crate) fn of(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("transfers") }
    }

    /// Writes down what is about to be made. It is on disk when this is given.
    pub(super) fn begin(&self, part: &Path, directories: &[PathBuf]) -> Result<Begun, Problem> {
        let entry = Entry { part: part.to_owned(), directories: directories.to_vec() };
        let path = self.dir.join(model::new_id());
        self.write(&path, &entry).map_err(|e| Problem::writing(&path, &e))
    }

    fn write(&self, path: &Path, entry: &Entry) -> io::Result<Begun> {
        // Another node may share the directory: nobody looks at an entry before it is locked.
        let _alone = files::lock(path, files::LOCK_PATIENCE)?;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let written = file
            .lock()
            .and_then(|()| file.write_all(&serde_json::to_vec(entry)?))
            .and_then(|()| file.sync_all())
            .and_then(|()| File::open(&self.dir)?.sync_all());
        if let Err(error) = written {
            if let Err(stays) = std::fs::remove_file(path) {
                tracing::warn!(entry = %path.display(), %stays, "an entry of a transfer that was not begun stays until the next start");
            }
            return Err(error);
        }
        Ok(Begun { path: path.to_owned(), _locked: file })
    }

    /// Takes away what transfers left that nobody works on any more. What cannot be taken away stays written down.
    pub(crate) fn undo(&self) {
        let entries = match std::fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            entries => entries,
        };
        let all = entries.and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let undone = all.map(|all| all.iter().for_each(|entry| undo_entry(&entry.path())));
        if let Err(error) = undone {
            tracing::warn!(dir = %self.dir.display(), %error, "what transfers may have left is not known");
        }
    }
}

fn undo_entry(path: &Path) {
    match undo(path) {
        Ok(Some(part)) => tracing::info!(part = %part.display(), "a transfer that was cut is undone"),
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(entry = %path.display(), %error, "what a transfer left stays; the next start tries again");
        }
    }
}

/// An entry that nobody works on any more, locked. `None`: somebody does, or another node has undone it.
fn left(path: &Path) -> io::Result<Option<File>> {
    let _alone = files::lock(path, files::LOCK_PATIENCE)?;
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    match file.try_lock() {
        // Whoever worked on it has crossed it out since it was opened.
        Ok(()) if file.metadata()?.nlink() == 0 => Ok(None),
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Undoes one; which file that was. `None`: there is nothing to be undone.
fn undo(path: &Path) -> io::Result<Option<PathBuf>> {
    let Some(file) = left(path)? else { return Ok(None) };
    let mut text = Vec::new();
    (&file).take(MAX_ENTRY).read_to_end(&mut text)?;
    // One that is not whole itself is of a transfer that had made nothing yet.
    let entry: Option<Entry> = serde_json::from_slice(&text).ok();
    if let Some(entry) = &entry {
        entry.undo()?;
    }
    std::fs::remove_file(path)?;
    Ok(entry.map(|entry| entry.part))
}

impl Entry {
    fn undo(&self) -> io::Result<()> {
        let name = self.part.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with('.') || !name.ends_with(PART) {
            return Err(io::Error::other(format!("{} is none of ours", self.part.display())));
        }
        remove(&self.part, AtFlags::empty())?;
        self.directories.iter().rev().try_for_each(|dir| remove(dir, AtFlags::REMOVEDIR))
    }
}

/// Removes a file, or a directory that is empty. No link is followed to it; what is not there any more is gone.
fn remove(path: &Path, flags: AtFlags) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let reached = walk::reach(parent).map_err(|problem| io::Error::other(problem.message))?;
    if !reached.missing.is_empty() {
        return Ok(());
    }
    match fs::unlinkat(&reached.dir, name, flags) {
        // Somebody has put something into it.
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Bench {
        root: tempfile::TempDir,
        ledger: Ledger,
    }

    impl Bench {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let ledger = Ledger::of(&root.path().join("state"));
            Self { root, ledger }
        }

        fn at(&self, within: &str) -> PathBuf {
            self.root.path().canonicalize().unwrap().join(within)
        }

        /// A part in two directories that were made for it.
        fn cut(&self) -> Begun {
            let (outer, inner) = (self.at("new"), self.at("new/deep"));
            let part = inner.join(format!(".x{PART}"));
            let begun = self.ledger.begin(&part, &[outer, inner.clone()]).unwrap();
            std::fs::create_dir_all(&inner).unwrap();
            std::fs::write(&part, "some of it").unwrap();
            begun
        }

        fn entries(&self) -> usize {
            std::fs::read_dir(self.at("state/transfers")).unwrap().count()
        }
    }

    #[test]
    fn what_nobody_works_on_any_more_is_taken_away_with_its_directories_and_nothing_else() {
        let bench = Bench::new();
        bench.ledger.undo();
        let begun = bench.cut();
        bench.ledger.undo();
        assert!(bench.at("new/deep").join(format!(".x{PART}")).exists(), "somebody works on it");
        drop(begun);
        bench.ledger.undo();
        assert_eq!((bench.at("new").exists(), bench.entries()), (false, 0));

        // Somebody has put something into one of the directories meanwhile.
        drop(bench.cut());
        std::fs::write(bench.at("new/theirs"), "").unwrap();
        bench.ledger.undo();
        assert_eq!((bench.at("new/theirs").exists(), bench.at("new/deep").exists()), (true, false));

        // It is gone already, with its directory.
        drop(bench.cut());
        std::fs::remove_dir_all(bench.at("new")).unwrap();
        bench.ledger.undo();
        assert_eq!(bench.entries(), 0);
    }

    #[test]
    fn what_is_being_begun_is_never_undone_and_one_that_was_cut_in_that_moment_is_at_once() {
        let bench = Bench::new();
        let others = Ledger::of(&bench.at("state"));
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    others.undo();
                }
            });
            for n in 0..200 {
                let begun = bench.ledger.begin(&bench.at(&format!(".{n}{PART}")), &[]).unwrap();
                assert!(begun.path.exists());
                begun.over();
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        std::fs::write(bench.at("state/transfers/cut"), "").unwrap();
        bench.ledger.undo();
        assert_eq!(bench.entries(), 0);
    }

    #[test]
    fn no_link_leads_to_what_is_taken_away_and_only_parts_are() {
        let bench = Bench::new();
        drop(bench.cut());
        std::fs::rename(bench.at("new"), bench.at("old")).unwrap();
        symlink(bench.at("old"), bench.at("new")).unwrap();
        bench.ledger.undo();
        assert!(bench.at("old/deep").join(format!(".x{PART}")).exists());
        assert_eq!(bench.entries(), 1, "it is tried again");
        std::fs::remove_file(bench.at("new")).unwrap();
        std::fs::rename(bench.at("old"), bench.at("new")).unwrap();
        bench.ledger.undo();
        assert_eq!((bench.at("new").exists(), bench.entries()), (false, 0));

        std::fs::write(bench.at("mine"), "").unwrap();
        drop(bench.ledger.begin(&bench.at("mine"), &[]).unwrap());
        std::fs::write(bench.at("state/transfers/half"), r#"{"part": "/etc"#).unwrap();
        bench.ledger.undo();
        assert_eq!((bench.at("mine").exists(), bench.entries()), (true, 1));
    }
}
