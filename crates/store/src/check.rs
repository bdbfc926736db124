//! Is the file sound? Asked at every start, within a time budget: the start must not grow with the file. Where the
//! budget ends first, a thread of its own reads on in the background.
//!
//! Damage that is found while the gateway runs leaves a marker file, so that the next start looks without a budget
//! and sets the file aside.

use crate::error::{Fault, Sql, StoreError};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a start may spend on the check, so that all of it stays below 100 ms. It is enough for some 50 MB that the
/// system has in memory.
const BUDGET: Duration = Duration::from_millis(25);

/// How many steps of SQLite pass between two looks at the clock.
const STEPS: i32 = 1000;

/// What the check found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Sound,
    Damaged(String),
    /// Nothing bad so far, and the budget is used up.
    Unfinished,
}

/// The check at start. `path` says where the marker would be.
pub(crate) fn at_start(c: &mut Connection, path: &Path) -> Sql<Verdict> {
    if marker(path).exists() {
        let verdict = quick_check(c, || false)?;
        if verdict == Verdict::Sound {
            std::fs::remove_file(marker(path))
                .map_err(|e| Fault::Job(format!("its damage marker stays: {e}")))?;
        }
        return Ok(verdict);
    }
    let began = tokio::time::Instant::now();
    quick_check(c, move || began.elapsed() > BUDGET)
}

/// Reads on where [`at_start`] ran out of time, until `stop` is set. Nobody needs to wait for the thread: it only
/// reads.
pub(crate) fn in_background(path: PathBuf, stop: Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("store-check".into()).spawn(move || {
        let verdict = crate::open::connect(&path)
            .and_then(|mut c| quick_check(&mut c, move || stop.load(Ordering::Relaxed)));
        let error = match verdict {
            Ok(Verdict::Sound | Verdict::Unfinished) => return,
            Ok(Verdict::Damaged(reason)) => StoreError::Damaged { path: path.clone(), reason },
            Err(fault) => fault.at(&path),
        };
        tracing::error!(%error, "the check of the state file");
        note_damage(&path, &error);
    })
}

/// How a state file was found by somebody who only looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Soundness {
    /// There is none.
    Absent,
    /// Nothing is wrong with it.
    Sound,
    /// What is wrong.
    Damaged(String),
    /// Nothing bad within the time that there was.
    Unfinished,
    /// A newer program wrote it.
    Newer {
        /// Its format.
        found: i64,
        /// The newest that this program knows.
        ours: i64,
    },
}

/// Looks at the state file in `dir` for at most `within`, beside a running gateway too. Nothing is changed: not the file, and
/// where nobody has it open and nothing waits in its log, nothing beside it either.
///
/// # Errors
/// It is there and cannot be opened.
pub fn soundness(dir: &Path, within: Duration) -> Result<Soundness, StoreError> {
    let path = dir.join("state").join(crate::adopt::NAME);
    if !path.exists() {
        return Ok(Soundness::Absent);
    }
    let look = || -> Sql<Soundness> {
        let mut c = only_reading(&path)?;
        let (found, ours) = (crate::schema::version(&c)?, crate::schema::latest());
        if found > ours {
            return Ok(Soundness::Newer { found, ours });
        }
        let began = tokio::time::Instant::now();
        Ok(match quick_check(&mut c, move || began.elapsed() > within)? {
            Verdict::Sound => Soundness::Sound,
            Verdict::Damaged(reason) => Soundness::Damaged(reason),
            Verdict::Unfinished => Soundness::Unfinished,
        })
    };
    match look().map_err(|fault| fault.at(&path)) {
        Err(StoreError::Damaged { reason, .. }) => Ok(Soundness::Damaged(reason)),
        other => other,
    }
}

/// A connection that can only read. Without a log there is nothing to wait for and nobody to share with, and SQLite is told
/// so: else it would make the files beside the database that it needs for sharing.
fn only_reading(path: &Path) -> Sql<Connection> {
    let log = std::fs::metadata(crate::open::beside(path, "-wal")).map_or(0, |data| data.len());
    let alone = if log == 0 { "?immutable=1" } else { "" };
    let plain = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(format!("file:{plain}{alone}"), flags)?)
}

/// Leaves word beside the state file in `dir` that it is damaged, so that whoever opens it next looks at all of it, and sets it
/// aside where that is so.
///
/// # Errors
/// The word cannot be left.
pub fn suspect(dir: &Path, reason: &str) -> std::io::Result<()> {
    std::fs::write(marker(&dir.join("state").join(crate::adopt::NAME)), format!("{reason}\n"))
}

/// `PRAGMA quick_check` until `enough` says stop.
fn quick_check(c: &mut Connection, enough: impl FnMut() -> bool + Send + 'static) -> Sql<Verdict> {
    c.progress_handler(STEPS, Some(enough))?;
    let found = c.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    c.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(text) if text == "ok" => Ok(Verdict::Sound),
        Ok(text) => Ok(Verdict::Damaged(text)),
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(Verdict::Unfinished),
        Err(e) => Err(e.into()),
    }
}

/// Leaves the marker, where `error` is about damage.
pub(crate) fn note_damage(path: &Path, error: &StoreError) {
    if !matches!(error, StoreError::Damaged { .. }) || marker(path).exists() {
        return;
    }
    if let Err(why) = std::fs::write(marker(path), format!("{error}\n")) {
        tracing::warn!(%why, marker = %marker(path).display(), "could not leave a marker beside the damaged state file");
    }
}

/// Beside the file: `gateway.sqlite.suspect`.
pub(crate) fn marker(path: &Path) -> PathBuf {
    crate::open::beside(path, ".suspect")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use model::SystemClock;
    use std::os::unix::fs::FileExt;

    /// A closed file with enough in it that a check takes more than a few steps.
    async fn written() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Arc::new(SystemClock)).unwrap().store;
        for n in 0..200 {
            store.set_setting(&format!("{n}"), &"x".repeat(2000).into()).await.unwrap();
        }
        store.close().await;
        let path = dir.path().join("state/gateway.sqlite");
        (dir, path)
    }

    #[tokio::test]
    async fn a_check_that_runs_out_of_time_says_so_and_one_that_may_go_on_finishes() {
        let (_dir, path) = written().await;
        let mut c = crate::open::connect(&path).unwrap();
        assert_eq!(quick_check(&mut c, || true).unwrap(), Verdict::Unfinished);
        assert_eq!(quick_check(&mut c, || false).unwrap(), Verdict::Sound);
        assert_eq!(at_start(&mut c, &path).unwrap(), Verdict::Sound);
    }

    #[tokio::test]
    async fn looking_finds_damage_and_leaves_no_trace() {
        let (dir, path) = written().await;
        let names = || -> Vec<_> {
            let all = std::fs::read_dir(dir.path().join("state")).unwrap();
            all.map(|entry| entry.unwrap().file_name()).collect()
        };
        let before = names();
        let look = || soundness(dir.path(), Duration::from_secs(60)).unwrap();
        assert_eq!(look(), Soundness::Sound);
        assert_eq!(soundness(&dir.path().join("none"), BUDGET).unwrap(), Soundness::Absent);
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let pages = file.metadata().unwrap().len() / 4096;
        file.write_all_at(&[0xA5; 4096], (pages - 2) * 4096).unwrap();
        assert!(matches!(look(), Soundness::Damaged(_)), "{:?}", look());
        file.write_all_at(b"no database at all", 0).unwrap();
        assert!(matches!(look(), Soundness::Damaged(_)), "{:?}", look());
        assert_eq!(names(), before);
        suspect(dir.path(), "seen").unwrap();
        assert!(Store::open(dir.path(), Arc::new(SystemClock)).unwrap().notices[0].contains("set aside"));
    }

    #[tokio::test]
    async fn damage_found_in_the_background_makes_the_next_start_set_the_file_aside() {
        let (dir, path) = written().await;
        in_background(path.clone(), Arc::default()).unwrap().join().unwrap();
        assert!(!marker(&path).exists());
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let pages = file.metadata().unwrap().len() / 4096;
        file.write_all_at(&[0xA5; 4096], (pages - 2) * 4096).unwrap();
        in_background(path.clone(), Arc::default()).unwrap().join().unwrap();
        assert!(marker(&path).exists());
        let opened = Store::open(dir.path(), Arc::new(SystemClock)).unwrap();
        assert!(opened.notices[0].contains("set aside"));
        assert!(!marker(&path).exists());
    }
}
