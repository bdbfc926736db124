//! Group commit: what a job's failure, a lost transaction, a failed commit and a full disk mean for the neighbours.

use crate::error::Fault;
use crate::{R, Store, StoreError, sql};
use model::SystemClock;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

struct Fixture {
    store: Store,
    _dir: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Arc::new(SystemClock)).unwrap().store;
    Fixture { store, _dir: dir }
}

/// A store whose commits count up; the one that gets the number `refused` fails.
fn counted(refused: usize) -> (Fixture, Arc<AtomicUsize>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.sqlite");
    let (mut connection, _) = crate::open::begin(&path, &mut Vec::new()).unwrap();
    let commits = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&commits);
    connection.commit_hook(Some(move || counter.fetch_add(1, Ordering::SeqCst) + 1 == refused)).unwrap();
    let store = crate::open::start(connection, &path, Arc::new(SystemClock), Arc::default()).unwrap();
    (Fixture { store, _dir: dir }, commits)
}

fn put(c: &Connection, key: &str) -> Result<(), Fault> {
    sql::run(c, "INSERT INTO settings (key, value) VALUES (?1, '1')", [key]).map(|_| ())
}

type Work = Box<dyn FnOnce(&Connection) -> Result<(), Fault> + Send>;

/// Holds the writer until all of `work` waits behind it, so that they are one group.
async fn as_one_group(store: &Store, work: Vec<Work>) -> Vec<R<()>> {
    let (entered, writer_waits) = tokio::sync::oneshot::channel();
    let (release, gate) = mpsc::channel::<()>();
    let mut holder = tokio::task::JoinSet::new();
    holder.spawn({
        let store = store.clone();
        async move {
            store
                .write(move |_, _| {
                    entered.send(()).unwrap();
                    gate.recv().unwrap();
                    Ok(())
                })
                .await
        }
    });
    writer_waits.await.unwrap();
    let mut answers = Vec::new();
    for work in work {
        let (job, answer) = super::QueuedJob::queued(move |c: &Connection, _| work(c));
        assert!(store.core.jobs.send(super::Message::Job(job)).await.is_ok());
        answers.push(answer);
    }
    release.send(()).unwrap();
    holder.join_next().await.unwrap().unwrap().unwrap();
    let mut outcomes = Vec::new();
    for answer in answers {
        outcomes.push(answer.await.unwrap());
    }
    outcomes
}

async fn stored(store: &Store) -> Vec<String> {
    store.read(|c| sql::all(c, "SELECT key FROM settings ORDER BY key", [], |row| row.get(0))).await.unwrap()
}

#[tokio::test]
async fn a_failing_or_panicking_job_leaves_its_neighbours_and_nothing_of_itself() {
    let (f, commits) = counted(0);
    let outcomes = as_one_group(
        &f.store,
        vec![
            Box::new(|c| put(c, "a")),
            Box::new(|c| put(c, "half").and_then(|()| put(c, "half"))),
            Box::new(|c| put(c, "b")),
            Box::new(|c| {
                put(c, "lost")?;
                panic!("inside")
            }),
            Box::new(|c| put(c, "c")),
        ],
    )
    .await;
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false, true]);
    assert!(outcomes[3].clone().unwrap_err().to_string().contains("inside"));
    assert_eq!(stored(&f.store).await, ["a", "b", "c"]);
    // One for the job that held the writer, one for the five.
    assert_eq!(commits.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_lost_transaction_fails_the_jobs_before_it_and_not_those_after() {
    let f = fixture();
    let outcomes = as_one_group(
        &f.store,
        vec![
            Box::new(|c| put(c, "a")),
            Box::new(|c| Ok(c.execute_batch("ROLLBACK")?)),
            Box::new(|c| put(c, "b")),
        ],
    )
    .await;
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(stored(&f.store).await, ["b"]);
}

#[tokio::test]
async fn a_failed_commit_fails_the_whole_group_and_the_next_one_works() {
    // The first commit is that of the job that holds the writer.
    let (f, commits) = counted(2);
    let outcomes = as_one_group(&f.store, vec![Box::new(|c| put(c, "a")), Box::new(|c| put(c, "b"))]).await;
    assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
    assert!(stored(&f.store).await.is_empty());
    assert_eq!(commits.load(Ordering::SeqCst), 2);
    f.store.write(|c, _| put(c, "c")).await.unwrap();
    assert_eq!(stored(&f.store).await, ["c"]);
}

#[tokio::test]
async fn a_full_disk_is_named_loses_nothing_and_is_over_when_there_is_space() {
    let f = fixture();
    let limit = |pages: i64| {
        f.store.write(move |c, _| {
            let set = format!("PRAGMA max_page_count = {pages}");
            Ok(c.query_row(&set, [], |row| row.get::<_, i64>(0))?)
        })
    };
    f.store.set_setting("first", &serde_json::json!(1)).await.unwrap();
    let now = limit(1).await.unwrap();
    limit(now + 4).await.unwrap();
    let big = serde_json::json!("x".repeat(100_000));
    let error = f.store.set_setting("big", &big).await.unwrap_err();
    assert!(matches!(&error, StoreError::Full { dir } if dir.ends_with("state")), "{error:?}");
    assert!(error.to_string().contains("free some space"));
    f.store.set_setting("small", &serde_json::json!(2)).await.unwrap();
    limit(1_000_000).await.unwrap();
    f.store.set_setting("big", &big).await.unwrap();
    assert_eq!(stored(&f.store).await, ["big", "first", "small"]);
}

#[tokio::test]
async fn a_panicking_read_does_not_use_up_the_readers() {
    let f = fixture();
    for _ in 0..5 {
        let outcome: R<()> = f.store.read(|_| panic!("inside")).await;
        assert!(outcome.unwrap_err().to_string().contains("inside"));
    }
    f.store.set_setting("a", &serde_json::json!(1)).await.unwrap();
    assert_eq!(stored(&f.store).await, ["a"]);
}

#[tokio::test]
async fn readers_cannot_write() {
    let f = fixture();
    assert!(f.store.read(|c| put(c, "a")).await.is_err());
}

#[tokio::test]
async fn every_connection_is_durable_and_checks_references() {
    let f = fixture();
    let ask = |c: &Connection| -> Result<Vec<String>, Fault> {
        ["synchronous", "foreign_keys", "journal_mode", "mmap_size"]
            .iter()
            .map(|name| {
                let row =
                    c.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, rusqlite::types::Value>(0));
                Ok(format!("{:?}", row?))
            })
            .collect()
    };
    let want = ["Integer(2)", "Integer(1)", "Text(\"wal\")", "Integer(0)"];
    assert_eq!(f.store.write(move |c, _| ask(c)).await.unwrap(), want);
    assert_eq!(f.store.read(move |c| ask(c)).await.unwrap(), want);
}
