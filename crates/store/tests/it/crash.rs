//! `kill -9` and a second process: a child is this test binary again, told by the environment what to be.

use crate::support::{START, begin, finish, inbound, outbound};
use model::SystemClock;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use store::{LockError, LockInfo, RunStatus, StateLock, Store};

const DIR: &str = "STORE_TEST_CHILD_DIR";
const ROUND: &str = "STORE_TEST_CHILD_ROUND";

/// Not a test of its own: what the child of the tests below does until it is killed. Each line is printed after the
/// answer, so it tells what was acknowledged.
#[tokio::test]
async fn child_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let round = std::env::var(ROUND).unwrap();
    let info =
        LockInfo { pid: std::process::id(), started_at_ms: START, port: None, command: "child".into() };
    let lock = StateLock::acquire(&dir, &info).unwrap();
    lock.note_port(4321).unwrap();
    say("locked");
    let store = Store::open(&dir, Arc::new(SystemClock)).unwrap().store;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..6 {
        let (store, round) = (store.clone(), round.clone());
        tasks.spawn(async move {
            for n in 0.. {
                let id = format!("{round}-{writer}-{n}");
                let batch = vec![inbound("c", &id)];
                let rows = store.accept_inbound("telegram", "default", batch, &id).await.unwrap();
                say(&format!("accepted {id}"));
                let mut b = begin(&id, &format!("s{writer}"), &[&id]);
                b.inbound_ids = rows.iter().map(|row| row.id).collect();
                store.begin_run(b).await.unwrap();
                say(&format!("begun {id}"));
                store.finish_run(finish(&id, vec![outbound("c", &id)])).await.unwrap();
                say(&format!("finished {id}"));
            }
        });
    }
    tasks.join_next().await;
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n@ {line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

fn child(dir: &std::path::Path, round: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_writes_until_it_is_killed", "--nocapture"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the child said.
fn lines(child: &mut Child) -> impl Iterator<Item = (String, String)> + use<> {
    let out = BufReader::new(child.stdout.take().unwrap());
    out.lines().map_while(Result::ok).filter_map(|line| {
        let said = line.strip_prefix("@ ")?.to_owned();
        let (what, id) = said.split_once(' ').unwrap_or((said.as_str(), ""));
        Some((what.to_owned(), id.to_owned()))
    })
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_and_steps_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    for round in 0..6 {
        let mut child = child(dir.path(), round);
        let mut lines = lines(&mut child);
        let until = 20 + 37 * round;
        said.extend(lines.by_ref().take(until));
        child.kill().unwrap();
        // What it had said before it died, and nobody had read.
        said.extend(lines);
        child.wait().unwrap();
        check(dir.path(), &said).await;
    }
    assert!(said.iter().any(|(what, _)| what == "finished"));
}

async fn check(dir: &std::path::Path, said: &[(String, String)]) {
    let opened = Store::open(dir, Arc::new(SystemClock)).unwrap();
    assert!(opened.notices.is_empty(), "{:?}", opened.notices);
    let store = opened.store;
    let queued: Vec<String> =
        store.pending_outbox().await.unwrap().into_iter().map(|row| row.outbound.text).collect();
    let open: Vec<String> =
        store.open_inbound().await.unwrap().into_iter().map(|row| row.inbound.message_id).collect();
    for (what, id) in said {
        let run = store.run(id).await.unwrap();
        match what.as_str() {
            "accepted" => assert!(open.contains(id) != run.is_some(), "{id} is open or consumed, never both"),
            "begun" => assert!(run.is_some(), "{id}"),
            "finished" => {
                assert_eq!(run.unwrap().status, RunStatus::Done, "{id}");
                assert_eq!(queued.iter().filter(|text| *text == id).count(), 1, "{id}");
            }
            _ => {}
        }
    }
    for run in store.unfinished_runs().await.unwrap() {
        assert!(!queued.contains(&run.run_id), "{} is not answered and has no answer", run.run_id);
    }
    store.close().await;
}

#[test]
fn a_lock_is_held_against_another_process_and_dies_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = child(dir.path(), 0);
    let mut lines = lines(&mut child);
    assert_eq!(lines.next().unwrap().0, "locked");
    let info = LockInfo { pid: 1, started_at_ms: START, port: None, command: "test".into() };
    let refused = StateLock::acquire(dir.path(), &info).unwrap_err();
    let LockError::Held { holder: Some(holder), .. } = &refused else { panic!("{refused:?}") };
    assert_eq!((holder.pid, holder.port), (child.id(), Some(4321)));
    child.kill().unwrap();
    child.wait().unwrap();
    StateLock::acquire(dir.path(), &info).unwrap();
}
