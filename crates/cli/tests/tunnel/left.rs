//! Tunnels that the configuration does not name any more, and supervisors that do not answer: they are shown, and can be ended.

use crate::far::{Far, process};
use crate::live::PATIENCE;
use crate::support::free_port;
use rustix::process::Signal;
use serde_json::{Value, json};

/// Takes the target out of the near user's configuration.
fn unset(far: &Far) {
    let ran = far.run(&["config", "unset", "gateway.remote.sshTarget"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let ran = far.run(&["config", "set", "gateway.mode", "local"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

fn tunnels(far: &Far) -> Vec<Value> {
    far.json(&["remote", "status"])["tunnels"].as_array().unwrap().clone()
}

/// A second tunnel, kept, beside the first one: to a port there where nothing listens. It is the configured one then.
fn another(far: &Far) {
    far.configure(&free_port());
    let ran = far.run(&["remote", "up", "--json"]);
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (8, &json!("SSH_NOTHING_LISTENING")), "{}", ran.out);
}

#[test]
fn a_tunnel_whose_target_was_unset_is_marked_and_let_go_as_the_only_one() {
    let far = Far::new();
    let up = far.json(&["remote", "up"]);
    assert_eq!(tunnels(&far)[0]["configured"], true);
    unset(&far);
    let status = far.run(&["remote", "status"]);
    assert!(
        status.out.contains("(not configured)") && status.err.contains("openclaw remote down"),
        "{}{}",
        status.out,
        status.err
    );
    assert_eq!((&tunnels(&far)[0]["configured"], &tunnels(&far)[0]["pid"]), (&json!(false), &up["pid"]));
    let (supervisor, ssh) = (process(&up, "pid"), process(&up, "sshPid"));
    let down = far.json(&["remote", "down"]);
    assert_eq!(down["ended"].as_array().map(Vec::len), Some(1), "{down}");
    assert!(supervisor.has_ended_within(PATIENCE) && ssh.has_ended_within(PATIENCE));
    // Nothing is configured and nothing is there: there is nothing to do.
    assert_eq!(far.run(&["remote", "down"]).out.trim(), "no tunnel was up");
}

#[test]
fn letting_the_configured_tunnel_go_says_that_the_one_of_before_is_still_there() {
    let far = Far::new();
    let before = far.json(&["remote", "up"]);
    far.configure(&free_port());
    assert_eq!(tunnels(&far)[0]["configured"], false);
    let down = far.run(&["remote", "down"]);
    assert!(down.code == 0 && down.err.contains(&far.sshd.target()), "{}", down.err);
    assert!(down.err.contains("openclaw remote down --all"), "{}", down.err);
    assert_eq!(far.json(&["remote", "down"])["others"], json!([far.sshd.target()]));
    assert_eq!(tunnels(&far)[0]["pid"], before["pid"]);
    far.json(&["remote", "down", "--all"]);
    assert_eq!(tunnels(&far), Vec::<Value>::new());
}

#[test]
fn where_several_are_there_and_none_is_configured_nobody_guesses() {
    let far = Far::new();
    far.json(&["remote", "up"]);
    another(&far);
    unset(&far);
    assert_eq!(tunnels(&far).len(), 2);
    let down = far.run(&["remote", "down", "--json"]);
    let report = down.json();
    assert_eq!((down.code, &report["error"]["code"]), (6, &json!("NO_TUNNEL")), "{report}");
    let hints = report["hints"].to_string();
    assert!(hints.contains("remote down --all") && !hints.contains("config set"), "{report}");
    assert_eq!(far.json(&["remote", "down", "--all"])["ended"].as_array().map(Vec::len), Some(2));
    assert_eq!(tunnels(&far), Vec::<Value>::new());
}

#[test]
fn a_supervisor_that_stands_still_hides_no_other_and_keeps_no_other_from_ending() {
    let far = Far::new();
    let first = far.json(&["remote", "up"]);
    another(&far);
    let still = process(&first, "pid");
    still.signal(Signal::STOP);
    let all = tunnels(&far);
    let of = |state: &str| {
        all.iter().find(|one| one["state"] == state).unwrap_or_else(|| panic!("no {state}: {all:?}"))
    };
    let silent = of("silent");
    assert_eq!((&silent["pid"], &silent["target"]), (&first["pid"], &json!(far.sshd.target())));
    assert!(silent["fix"].as_str().unwrap().contains(&format!("kill -9 {}", still.id)), "{silent}");
    let other = all.iter().find(|one| one["state"] != "silent").unwrap();
    let other = process(other, "pid");
    let shown = far.run(&["remote", "status"]).out;
    assert!(shown.contains("silent") && shown.contains(&format!("process  {}", other.id)), "{shown}");
    let down = far.run(&["remote", "down", "--all", "--force", "--json"]);
    let error = down.json()["error"].clone();
    assert_eq!((down.code, &error["code"]), (1, &json!("TUNNEL")), "{error}");
    assert_eq!(error["details"]["ended"].as_array().map(Vec::len), Some(1), "{error}");
    assert!(other.has_ended_within(PATIENCE));
    still.signal(Signal::CONT);
}
