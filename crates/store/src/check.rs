//! Is the file sound? Asked at every start, within a time budget: the start must not grow with the file. Where the
//! budget ends first, a thread of its own reads on in the background.
//!
//! Damage that is found while the gateway runs leaves a marker file, so that the next start looks without a budget
//! and sets the file aside.

use crate::error::{Fault, Sql, StoreError};
use rusqlite::{Connection, ErrorCode};
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
