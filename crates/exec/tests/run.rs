//! Commands run by real shells.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are not tests to the linter

#[path = "run/uploads.rs"]
mod uploads;

use exec::{CommandSpec, ExecError, run, shell_argv};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn sh(script: &str) -> CommandSpec {
    CommandSpec::new(vec!["/bin/sh".into(), "-c".into(), script.into()])
}

async fn go(spec: CommandSpec) -> exec::CommandOutput {
    run(spec, &CancellationToken::new()).await.unwrap()
}

/// Waits until the process has ended (a zombie has), by asking /proc.
async fn gone(pid_file: &Path) {
    let pid = std::fs::read_to_string(pid_file).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    let ended = async {
        loop {
            match std::fs::read_to_string(&stat) {
                Ok(text) if !text.contains(") Z ") => tokio::task::yield_now().await,
                _ => return,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the process still runs");
}

/// Waits until the file has a whole line in it.
async fn written(file: &Path) {
    let there = async {
        while !std::fs::read_to_string(file).is_ok_and(|t| t.ends_with('\n')) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), there).await.expect("the file was never written");
}

#[tokio::test]
async fn output_and_exit_code_come_back() {
    let out = go(sh("echo out; echo err >&2; exit 3")).await;
    assert_eq!((out.stdout.as_str(), out.stderr.as_str(), out.exit_code), ("out\n", "err\n", Some(3)));
    assert!(!out.timed_out && !out.cancelled && !out.truncated && out.signal.is_none());
    assert_eq!(go(CommandSpec::new(shell_argv("printf hi"))).await.stdout, "hi");
}

#[tokio::test]
async fn a_signal_is_told() {
    let out = go(sh("kill -9 $$")).await;
    assert_eq!((out.exit_code, out.signal), (None, Some(9)));
}

#[tokio::test]
async fn input_is_read_and_no_input_is_the_end_of_file() {
    let big = vec![b'x'; 300_000];
    let out = go(CommandSpec { stdin: Some(big), ..sh("wc -c") }).await;
    assert_eq!(out.stdout.trim(), "300000");
    assert_eq!(go(sh("cat")).await.stdout, "");
    let unread = go(CommandSpec { stdin: Some(vec![b'x'; 300_000]), ..sh("exit 4") }).await;
    assert_eq!(unread.exit_code, Some(4));
}

#[tokio::test]
async fn long_output_keeps_both_ends() {
    let out = go(CommandSpec { max_output: 100, ..sh("echo first; seq 1 100000; echo last") }).await;
    assert!(out.truncated);
    assert!(out.stdout.starts_with("first\n") && out.stdout.ends_with("last\n"), "{}", out.stdout);
    assert!(out.stdout.contains("bytes left out") && out.stdout.len() < 200);
}

#[tokio::test]
async fn a_timeout_ends_the_whole_group() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let script = format!("sleep 300 & echo $! > {}; wait", pid.display());
    let out = go(CommandSpec { timeout: Some(Duration::from_secs(2)), ..sh(&script) }).await;
    assert!(out.timed_out && !out.cancelled);
    gone(&pid).await;
}

#[tokio::test]
async fn what_ignores_the_polite_signal_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let script = format!("trap '' TERM; echo $$ > {}; while :; do sleep 1; done", pid.display());
    let cancel = CancellationToken::new();
    let stop = async {
        written(&pid).await;
        cancel.cancel();
    };
    let (out, ()) = tokio::join!(run(sh(&script), &cancel), stop);
    let out = out.unwrap();
    assert!(out.cancelled && !out.timed_out);
    assert_eq!(out.signal, Some(9));
    gone(&pid).await;
}

#[tokio::test]
async fn what_is_said_while_ending_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let ready = dir.path().join("ready");
    let script = format!("trap 'echo bye; exit 5' TERM; echo up > {}; sleep 300 & wait", ready.display());
    let cancel = CancellationToken::new();
    let stop = async {
        written(&ready).await;
        cancel.cancel();
    };
    let (out, ()) = tokio::join!(run(sh(&script), &cancel), stop);
    let out = out.unwrap();
    assert_eq!((out.stdout.as_str(), out.exit_code, out.cancelled), ("bye\n", Some(5), true));
}

#[tokio::test]
async fn a_dropped_run_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let script = format!("sleep 300 & echo $! > {}; wait", pid.display());
    let cancel = CancellationToken::new();
    tokio::select! {
        _ = run(sh(&script), &cancel) => panic!("it ended by itself"),
        () = written(&pid) => {}
    }
    gone(&pid).await;
}

#[tokio::test]
async fn a_daemon_that_holds_the_pipes_does_not_hold_us_and_lives_on() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let out = go(sh(&format!("sleep 300 & echo $! > {}; echo started", pid.display()))).await;
    assert_eq!((out.stdout.as_str(), out.exit_code), ("started\n", Some(0)));
    let id = std::fs::read_to_string(&pid).unwrap();
    assert_eq!(go(sh(&format!("kill -0 {0} && kill {0}", id.trim()))).await.exit_code, Some(0));
    gone(&pid).await;
}

#[tokio::test]
async fn the_environment_is_scrubbed_and_added_to() {
    let spec = CommandSpec { env: vec![("MINE".into(), "x y".into())], ..sh("env") };
    let out = go(spec).await.stdout;
    // Names alone in messages: the values are those of whoever runs the tests.
    let names: Vec<&str> = out.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(out.contains("MINE=x y\n") && names.contains(&"PATH"), "{names:?}");
    // The test runner's own loader path must not get through.
    assert!(!names.contains(&"LD_LIBRARY_PATH"), "{names:?}");
}

#[tokio::test]
async fn the_directory_is_the_one_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let out = go(CommandSpec { cwd: Some(dir.path().to_owned()), ..sh("pwd -P") }).await;
    assert_eq!(Path::new(out.stdout.trim()), dir.path().canonicalize().unwrap());
}

#[tokio::test]
async fn what_cannot_be_started_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "text").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let cancel = CancellationToken::new();
    let fail = |argv: Vec<String>, cwd: Option<&Path>| {
        let spec = CommandSpec { cwd: cwd.map(Path::to_owned), ..CommandSpec::new(argv) };
        let cancel = &cancel;
        async move { run(spec, cancel).await.unwrap_err() }
    };
    assert!(matches!(fail(vec![], None).await, ExecError::Empty));
    assert!(matches!(fail(vec![String::new()], None).await, ExecError::Empty));

    let missing = fail(vec!["no-such-program-1".into()], Some(dir.path())).await;
    assert!(matches!(missing, ExecError::NotFound { .. }), "{missing}");
    let text = missing.to_string();
    assert!(text.contains("no-such-program-1") && text.contains(&dir.path().display().to_string()), "{text}");

    let denied = fail(vec![file.display().to_string()], None).await;
    assert!(matches!(denied, ExecError::NotExecutable { .. }), "{denied}");

    for cwd in [dir.path().join("nowhere"), file] {
        let error = fail(vec!["true".into()], Some(&cwd)).await;
        assert!(matches!(&error, ExecError::Cwd { .. }), "{error}");
        assert!(error.to_string().contains(&cwd.display().to_string()), "{error}");
    }
    assert!(matches!(fail(vec!["a\0b".into()], None).await, ExecError::Spawn { .. }));
}
