//! Background processes, by real shells.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are not tests to the linter

use exec::{CommandSpec, ExecError, ProcessState, Processes};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

fn sh(script: &str) -> CommandSpec {
    CommandSpec::new(vec!["/bin/sh".into(), "-c".into(), script.into()])
}

fn code(state: ProcessState) -> Option<i32> {
    match state {
        ProcessState::Running => None,
        ProcessState::Ended { exit_code, .. } => exit_code,
    }
}

#[tokio::test]
async fn a_process_is_started_fed_read_and_ends() {
    let all = Processes::new();
    let id = all.start(sh("read a; echo got $a >&2; cat; exit 7")).await.unwrap();
    assert_eq!(all.list().first().map(|p| p.state), Some(ProcessState::Running));
    all.write(&id, b"one\n".to_vec()).unwrap();
    let first = all.poll_wait(&id, 0, 1000, LONG).await.unwrap();
    assert_eq!((first.text.as_str(), first.next, first.lost), ("got one\n", 8, 0));
    all.write(&id, b"two".to_vec()).unwrap();
    all.close_input(&id).unwrap();
    let info = all.wait(&id, LONG).await.unwrap();
    assert_eq!(code(info.state), Some(7));
    assert_eq!(all.poll(&id, first.next, 1000).unwrap().text, "two");
    assert!(matches!(all.write(&id, vec![]), Err(ExecError::Stdin { .. })));
    assert_eq!(info.command, r#"/bin/sh -c "read a; echo got \$a >&2; cat; exit 7""#);
}

#[tokio::test]
async fn a_wait_that_is_over_says_that_it_still_runs() {
    let all = Processes::new();
    let id = all.start(sh("sleep 300")).await.unwrap();
    let info = all.wait(&id, Duration::from_millis(1)).await.unwrap();
    assert_eq!(info.state, ProcessState::Running);
    assert_eq!(all.poll_wait(&id, 0, 10, Duration::from_millis(1)).await.unwrap().text, "");
}

#[tokio::test]
async fn a_killed_process_takes_its_children_with_it() {
    let all = Processes::new();
    let id = all.start(sh("sleep 300 & echo $!; wait")).await.unwrap();
    let pid = all.poll_wait(&id, 0, 100, LONG).await.unwrap().text;
    let info = all.kill(&id).await.unwrap();
    assert!(matches!(info.state, ProcessState::Ended { killed: true, .. }), "{info:?}");
    gone(pid.trim()).await;
    // Once more is no harm.
    assert_eq!(all.kill(&id).await.unwrap().state, info.state);
}

#[tokio::test]
async fn a_deadline_ends_a_background_process() {
    let all = Processes::new();
    let spec = CommandSpec { timeout: Some(Duration::from_millis(100)), ..sh("sleep 300") };
    let id = all.start(spec).await.unwrap();
    let info = all.wait(&id, LONG).await.unwrap();
    assert!(matches!(info.state, ProcessState::Ended { timed_out: true, killed: false, .. }), "{info:?}");
}

#[tokio::test]
async fn only_the_end_of_a_long_output_is_kept() {
    let all = Processes::new();
    let id = all.start(sh("head -c 3000000 /dev/zero | tr '\\0' x; echo end")).await.unwrap();
    all.wait(&id, LONG).await.unwrap();
    let info = all.poll(&id, 0, 10).unwrap();
    assert_eq!((info.info.output_bytes, info.lost), (3_000_004, 3_000_004 - 1_048_576));
    assert!(all.poll(&id, 3_000_000, 10).unwrap().text.ends_with("end\n"));
}

#[tokio::test]
async fn a_process_that_does_not_read_fills_its_queue() {
    let all = Processes::new();
    let id = all.start(sh("sleep 300")).await.unwrap();
    let full = (0..100).find_map(|_| all.write(&id, vec![b'x'; 64 * 1024]).err()).unwrap();
    assert!(full.to_string().contains("does not read"), "{full}");
    let long = all.write(&id, vec![b'x'; 64 * 1024 + 1]).unwrap_err();
    assert!(long.to_string().contains("64 KiB"), "{long}");
}

#[tokio::test]
async fn as_many_run_as_may_and_ended_ones_make_room() {
    let all = Processes::new();
    let first = all.start(sh("exit 0")).await.unwrap();
    all.wait(&first, LONG).await.unwrap();
    for _ in 0..64 {
        all.start(CommandSpec::new(vec!["sleep".into(), "300".into()])).await.unwrap();
    }
    assert!(matches!(all.poll(&first, 0, 1), Err(ExecError::Unknown { .. })));
    assert!(matches!(all.start(sh("true")).await, Err(ExecError::Full { limit: 64 })));
    assert_eq!(all.list().len(), 64);
}

#[tokio::test]
async fn what_cannot_start_takes_no_place() {
    let all = Processes::new();
    for _ in 0..100 {
        let error = all.start(CommandSpec::new(vec!["no-such-program-1".into()])).await.unwrap_err();
        assert!(matches!(error, ExecError::NotFound { .. }), "{error}");
    }
    assert!(all.list().is_empty());
}

#[tokio::test]
async fn a_dropped_registry_kills_everything() {
    let all = Processes::new();
    let id = all.start(sh("sleep 300 & echo $!; wait")).await.unwrap();
    let pid = all.poll_wait(&id, 0, 100, LONG).await.unwrap().text;
    drop(all);
    gone(pid.trim()).await;
}

#[tokio::test]
async fn an_ended_process_is_forgotten_after_half_an_hour() {
    let all = Processes::new();
    let id = all.start(sh("true")).await.unwrap();
    all.wait(&id, LONG).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(29 * 60)).await;
    assert_eq!(all.list().len(), 1);
    tokio::time::advance(Duration::from_secs(2 * 60)).await;
    assert!(all.list().is_empty());
}

async fn gone(pid: &str) {
    let stat = format!("/proc/{pid}/stat");
    let ended = async {
        while std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, ended).await.expect("the process still runs");
}
