//! Opening: new, sound, damaged, cut short, too new, not ours, closed.

use crate::support::{START, begin, fixture, key};
use model::ManualClock;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Opened, Store, StoreError};

fn file(dir: &Path) -> PathBuf {
    dir.join("state/gateway.sqlite")
}

fn open(dir: &Path) -> Result<Opened, StoreError> {
    Store::open(dir, Arc::new(ManualClock::at(START)))
}

/// A state directory with something in it, closed.
async fn written() -> tempfile::TempDir {
    let f = fixture();
    for n in 0..40 {
        let text = "words ".repeat(400);
        f.store.begin_run(begin(&format!("r{n}"), "main", &[&text])).await.unwrap();
    }
    f.store.close().await;
    f.dir
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join("state")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_new_directory_is_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    let opened = open(&home).unwrap();
    opened.store.set_setting("a", &1.into()).await.unwrap();
    assert!(opened.notices.is_empty());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&home), mode(&home.join("state"))), (0o700, 0o700));
    for name in names(&home) {
        assert_eq!(mode(&home.join("state").join(&name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn closing_ends_every_handle_and_leaves_one_file() {
    let f = fixture();
    let other = f.store.clone();
    f.store.set_setting("a", &1.into()).await.unwrap();
    f.store.close().await;
    assert!(matches!(other.set_setting("a", &2.into()).await, Err(StoreError::Closed { .. })));
    assert!(matches!(other.setting("a").await, Err(StoreError::Closed { .. })));
    other.close().await;
    assert_eq!(names(f.dir.path()), ["gateway.sqlite"]);
}

#[tokio::test]
async fn a_damaged_page_sets_the_file_aside_unchanged_and_begins_a_new_one() {
    let dir = written().await;
    let damaged = fs::OpenOptions::new().write(true).open(file(dir.path())).unwrap();
    let pages = damaged.metadata().unwrap().len() / 4096;
    for page in 1..pages {
        damaged.write_all_at(&[0xA5; 512], page * 4096).unwrap();
    }
    let before = fs::read(file(dir.path())).unwrap();
    let opened = open(dir.path()).unwrap();
    let aside = dir.path().join(format!("state/gateway.sqlite.damaged-{START}"));
    assert_eq!(opened.notices.len(), 1);
    assert!(opened.notices[0].contains(aside.to_str().unwrap()), "{}", opened.notices[0]);
    assert_eq!(fs::read(&aside).unwrap(), before);
    assert!(opened.store.session(&key("main")).await.unwrap().is_none());
    opened.store.begin_run(begin("r", "main", &["hi"])).await.unwrap();
    opened.store.close().await;
    assert!(open(dir.path()).unwrap().notices.is_empty());
}

#[tokio::test]
async fn a_file_cut_short_or_overwritten_is_set_aside() {
    for damage in ["cut", "text"] {
        let dir = written().await;
        let path = file(dir.path());
        match damage {
            "cut" => {
                let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
                file.set_len(file.metadata().unwrap().len() / 2 + 100).unwrap();
            }
            _ => fs::write(&path, "this is no database, whatever its name says").unwrap(),
        }
        let opened = open(dir.path()).unwrap();
        assert_eq!(opened.notices.len(), 1, "{damage}");
        assert!(opened.notices[0].contains("set aside"), "{damage}");
        assert!(names(dir.path()).contains(&format!("gateway.sqlite.damaged-{START}")), "{damage}");
    }
}

#[tokio::test]
async fn a_log_without_its_file_is_set_aside_and_not_thrown_away() {
    let dir = written().await;
    let path = file(dir.path());
    let log = dir.path().join("state/gateway.sqlite-wal");
    fs::write(&log, [7; 5000]).unwrap();
    fs::write(&path, "").unwrap();
    let opened = open(dir.path()).unwrap();
    assert!(opened.notices[0].contains("set aside"));
    let kept = dir.path().join(format!("state/gateway.sqlite.damaged-{START}-wal"));
    assert_eq!(fs::read(kept).unwrap(), [7; 5000]);
    drop(opened);
    let empty = tempfile::tempdir().unwrap();
    fs::create_dir(empty.path().join("state")).unwrap();
    fs::write(file(empty.path()), "").unwrap();
    assert!(open(empty.path()).unwrap().notices[0].contains("was empty"));
}

#[tokio::test]
async fn a_newer_format_is_refused_and_the_file_stays_untouched() {
    let dir = written().await;
    let path = file(dir.path());
    // The format's number, big-endian, in the file's header.
    fs::OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&99u32.to_be_bytes(), 60).unwrap();
    let before = fs::read(&path).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("--profile"));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn for_reading_alone_the_file_stays_as_it_is_also_beside_a_writer() {
    let look = |dir: &Path| Store::open_for_reading(dir, Arc::new(ManualClock::at(START)));
    let nothing = tempfile::tempdir().unwrap();
    assert!(look(nothing.path()).unwrap().is_none());
    assert!(!nothing.path().join("state").exists(), "looking makes nothing");

    let dir = written().await;
    let path = file(dir.path());
    let before = fs::read(&path).unwrap();
    let reader = look(dir.path()).unwrap().unwrap();
    assert_eq!(reader.session_count(None).await.unwrap(), 1);
    let refused = reader.ensure_session(&key("other"), "test").await.unwrap_err();
    assert!(matches!(refused, StoreError::Closed { .. }), "{refused:?}");
    // A gateway starts meanwhile: both go on, and the reader sees what it commits.
    let writer = open(dir.path()).unwrap().store;
    writer.ensure_session(&key("other"), "test").await.unwrap();
    assert_eq!(reader.session_count(None).await.unwrap(), 2);
    reader.close().await;
    writer.close().await;
    assert_ne!(fs::read(&path).unwrap(), before, "the writer's own");
    assert_eq!(names(dir.path()), ["gateway.sqlite"]);

    for (format, newer) in [(1u32, false), (99, true)] {
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .write_all_at(&format.to_be_bytes(), 60)
            .unwrap();
        let before = fs::read(&path).unwrap();
        let error = look(dir.path()).unwrap_err();
        let named = if newer {
            matches!(error, StoreError::Newer { .. })
        } else {
            matches!(error, StoreError::Older { .. })
        };
        assert!(named, "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn a_suspicion_that_proves_wrong_is_dropped() {
    let dir = written().await;
    fs::write(dir.path().join("state/gateway.sqlite.suspect"), "found earlier").unwrap();
    let opened = open(dir.path()).unwrap();
    assert!(opened.notices.is_empty(), "it was sound after all");
    opened.store.close().await;
    assert_eq!(names(dir.path()), ["gateway.sqlite"]);
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("state"), "in the way").unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains("gateway.sqlite"));
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_takes_effect_all_the_same() {
    let f = fixture();
    let value = serde_json::json!(1);
    {
        // Polled once, so that the job is queued, then left.
        let mut left = Box::pin(f.store.set_setting("a", &value));
        let waker = std::task::Waker::noop();
        assert!(left.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    }
    assert_eq!(f.restarted().await.store.setting("a").await.unwrap(), Some(value));
}

/// Where the first version kept its state, and where OpenClaw keeps its own.
fn former(dir: &Path) -> PathBuf {
    dir.join("state/openclaw.sqlite")
}

#[tokio::test]
async fn a_file_under_the_first_versions_name_is_taken_over_whole() {
    let dir = written().await;
    fs::rename(file(dir.path()), former(dir.path())).unwrap();
    let opened = open(dir.path()).unwrap();
    assert!(opened.store.session(&key("main")).await.unwrap().is_some());
    assert!(opened.notices[0].contains("gateway.sqlite"), "{:?}", opened.notices);
    opened.store.close().await;
    assert_eq!(names(dir.path()), ["gateway.sqlite"]);
    assert!(open(dir.path()).unwrap().notices.is_empty(), "once is enough");
}

#[tokio::test]
async fn a_log_that_a_crash_left_is_taken_over_too() {
    let f = fixture();
    f.store.begin_run(begin("r", "main", &["hi"])).await.unwrap();
    // As a crash leaves it: the run is in the log alone.
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("state")).unwrap();
    for suffix in ["", "-wal"] {
        let from = f.dir.path().join(format!("state/gateway.sqlite{suffix}"));
        fs::copy(from, dir.path().join(format!("state/openclaw.sqlite{suffix}"))).unwrap();
    }
    let opened = open(dir.path()).unwrap();
    assert!(opened.store.session(&key("main")).await.unwrap().is_some());
    assert!(!former(dir.path()).exists());
}

#[tokio::test]
async fn openclaws_own_file_is_left_alone() {
    for (tables, notices) in [
        ("CREATE TABLE schema_meta (a); PRAGMA user_version = 18;", 0),
        ("CREATE TABLE schema_meta (a); CREATE TABLE token_generations (a); PRAGMA user_version = 18;", 1),
        ("", 0),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("state")).unwrap();
        rusqlite::Connection::open(former(dir.path())).unwrap().execute_batch(tables).unwrap();
        let before = fs::read(former(dir.path())).unwrap();
        let opened = open(dir.path()).unwrap();
        opened.store.set_setting("a", &1.into()).await.unwrap();
        opened.store.close().await;
        assert_eq!(opened.notices.len(), notices, "{:?}", opened.notices);
        assert_eq!(fs::read(former(dir.path())).unwrap(), before);
        assert_eq!(names(dir.path()), ["gateway.sqlite", "openclaw.sqlite"]);
    }
}
