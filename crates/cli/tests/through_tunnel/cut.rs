//! A tunnel that ends in the middle of a call: what carries a key is asked again through the next one and done once; where there
//! is none, the reason and the way out are those of the tunnel.

use crate::{far, nobody_is_left};
use serde_json::{Value, json};
use std::process::Output;
use testkit::fake_model::{Pen, Step};
use testkit::far::{Far, PORT};
use testkit::process::{Descendant, PATIENCE};

/// Runs a turn on the near host, in which a process of the tunnel is killed while the model has not answered yet: `sshPid` or
/// `pid`, the supervisor. `meanwhile` comes before that, and `after` when ssh is gone.
fn cut_in_a_turn(far: &Far, killed: &str, meanwhile: impl FnOnce(), after: impl FnOnce(&Pen)) -> Output {
    let up = far.near_json(&["remote", "up"]);
    let process = |name: &str| Descendant::of(up[name].as_u64().unwrap().try_into().unwrap()).unwrap();
    let (ssh, killed) = (process("sshPid"), process(killed));
    let pen = Pen::default();
    far.model().script(vec![Step::Written(pen.clone())]);
    std::thread::scope(|scope| {
        let turn =
            scope.spawn(|| far.near_run(&["agent", "--agent", "main", "--message", "from afar", "--json"]));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(far.model().wait_for_requests(1));
        meanwhile();
        killed.kill();
        assert!(ssh.has_ended_within(PATIENCE));
        after(&pen);
        turn.join().unwrap()
    })
}

/// The turn was asked for twice and run once, and its answer came.
fn assert_run_once(far: &Far, ran: &Output) {
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && out.contains("an answer that took its time"), "{out}{err}");
    assert!(err.contains("asking again under the same key"), "{err}");
    assert_eq!(far.model().request_count(), 1, "one run");
}

#[test]
fn a_turn_whose_ssh_is_killed_is_run_once_and_its_answer_arrives() {
    let far = far();
    let ran = cut_in_a_turn(
        &far,
        "sshPid",
        || {},
        |pen| {
            // The answer is there when the next ssh is.
            far.near_json(&["remote", "up"]);
            pen.write("an answer that took its time");
            pen.end();
        },
    );
    assert_run_once(&far, &ran);
    assert!(far.tunnel()["starts"].as_u64() > Some(1), "{}", far.tunnel());
}

#[test]
fn a_turn_whose_supervisor_is_killed_starts_another_one_and_is_run_once() {
    let far = far();
    let ran = cut_in_a_turn(
        &far,
        "pid",
        || {},
        |pen| {
            // Nobody but the command itself could bring the tunnel back.
            pen.write("an answer that took its time");
            pen.end();
        },
    );
    assert_run_once(&far, &ran);
    // It was the command's own, and goes with it; the port stays.
    nobody_is_left(&far, &[]);
    assert_eq!(far.near_json(&["remote", "up"])["localPort"], PORT);
}

#[test]
fn a_turn_whose_tunnel_is_refused_then_ends_with_that_refusal_and_its_way_out() {
    let far = far();
    let ran = cut_in_a_turn(&far, "sshPid", || far.sshd.permit_nobody(), |_| {});
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let error = &report["error"];
    assert_eq!((ran.status.code(), &error["code"]), (Some(8), &json!("SSH_PERMISSION_DENIED")), "{report}");
    assert!(error["message"].as_str().unwrap().contains("while agent was under way"), "{report}");
    let details = &error["details"];
    assert_eq!((&details["retryable"], &details["method"]), (&json!(false), &json!("agent")), "{report}");
    let hints = report["hints"].to_string();
    // What was asked for goes on, there; and the key has to be put back.
    assert!(hints.contains("may have been done") && hints.contains("ssh-copy-id"), "{report}");
}
