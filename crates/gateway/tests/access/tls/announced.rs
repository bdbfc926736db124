//! The time of what a gateway announces: kept over restarts, and harmless where a clock was wrong.

use super::half_done::files;
use super::{Clock, Connection, PinStore, Pinned, SystemClock, config, options, start_by, switch};
use model::ManualClock;
use std::path::Path;
use std::sync::Arc;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Starts a gateway whose clock is so far ahead, and lets a client with this store connect; what is announced.
async fn announced(state_dir: &Path, ahead_ms: i64, store: &PinStore) -> String {
    let clock = Arc::new(ManualClock::at(SystemClock.now_ms() + ahead_ms));
    let gateway = start_by(clock, state_dir, &config("enabled: true"), 0).await.unwrap();
    let mut options = options(&gateway.url(), &[]);
    let base = vec![gateway.certificate().unwrap().leaf];
    options.pinned = Some(Pinned { base, store: Some(store.clone()) });
    let connection = Connection::open(&options).await.unwrap();
    let text = connection.hello()["features"]["capabilities"][0].as_str().unwrap().to_owned();
    connection.close().await;
    gateway.shutdown().await;
    text
}

fn issued_at(files: &gateway::tls::TlsFiles) -> i64 {
    let text = std::fs::read(files.served.with_file_name("announced.json")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&text).unwrap()["issuedAtMs"].as_i64().unwrap()
}

#[tokio::test]
async fn an_announcement_keeps_its_time_and_the_next_one_has_a_later_one_whatever_the_clock_says() {
    let dir = tempfile::tempdir().unwrap();
    let (files, store) = (files(dir.path()), PinStore::new(dir.path().join("pins.json")));
    let first = announced(dir.path(), 0, &store).await;
    let time = issued_at(&files);
    assert_eq!(announced(dir.path(), 5_000, &store).await, first);
    // One start with a clock that is far behind is over with the next.
    assert_ne!(announced(dir.path(), -400 * DAY_MS, &store).await, first);
    assert_eq!(announced(dir.path(), 9_000, &store).await, first);
    assert_eq!(issued_at(&files), time);
    // A little before, and yet another announcement.
    switch(&files, &[], SystemClock.now_ms()).unwrap();
    assert_ne!(announced(dir.path(), -DAY_MS / 2, &store).await, first);
    assert_eq!(issued_at(&files), time + 1);
}

#[tokio::test]
async fn one_start_with_a_clock_that_is_far_ahead_is_believed_by_nobody_and_is_over_with_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let store = PinStore::new(dir.path().join("pins.json"));
    announced(dir.path(), 400 * DAY_MS, &store).await;
    assert!(!store.path().exists(), "nothing is learned");
    announced(dir.path(), 0, &store).await;
    assert!(store.path().exists());
}
