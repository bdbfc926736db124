//! What is done to a tunnel, and that it is back afterwards, at the same port, with nothing left over.

use crate::far::{Far, process};
use crate::live::{Gateway, PATIENCE};
use rustix::process::Signal;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use testkit::process::Descendant;

#[test]
fn a_killed_ssh_is_replaced_at_the_same_port() {
    let far = Far::new();
    let up = far.json(&["remote", "up"]);
    let ssh = process(&up, "sshPid");
    ssh.kill();
    let back = far.back(&ssh);
    assert_eq!((&back["localPort"], &back["pid"]), (&up["localPort"], &up["pid"]));
    assert_eq!(far.json(&["health"])["ok"], true);
}

#[test]
fn no_ssh_outlives_its_supervisor_and_the_next_one_has_the_same_port() {
    let far = Far::new();
    let up = far.json(&["remote", "up"]);
    for stopped in [false, true] {
        let up = far.json(&["remote", "up"]);
        let (supervisor, ssh) = (process(&up, "pid"), process(&up, "sshPid"));
        if stopped {
            // One that could not end itself in good order.
            ssh.signal(Signal::STOP);
        }
        supervisor.kill();
        assert!(supervisor.has_ended_within(PATIENCE));
        assert!(ssh.has_ended_within(PATIENCE), "an ssh was left over");
    }
    assert_eq!(far.tunnel(), None);
    assert_eq!(far.json(&["remote", "up"])["localPort"], up["localPort"]);
}

#[test]
fn it_is_back_after_sshd_and_after_the_gateway_were_started_again() {
    let mut far = Far::new();
    let up = far.json(&["remote", "up"]);
    let ssh = process(&up, "sshPid");
    far.sshd.restart();
    let back = far.back(&ssh);
    assert_eq!(back["localPort"], up["localPort"]);
    // A gateway that is away is told apart from an ssh that is: the same ssh goes on.
    let ssh = back["sshPid"].clone();
    let port = far.gateway.port.clone();
    let Gateway { program, .. } = std::mem::replace(
        &mut far.gateway,
        Gateway::start_with(&crate::support::Home::new(), &["--port", "0"]),
    );
    program.kill();
    far.patiently("the gateway missed", || {
        far.json(&["remote", "status"])["tunnels"][0]["refusal"].is_string().then_some(())
    });
    far.gateway = Gateway::start_with(&far.home, &["--port", &port]);
    assert_eq!(far.json(&["health"])["ok"], true);
    assert_eq!(far.tunnel().unwrap()["sshPid"], ssh);
}

#[test]
fn a_command_that_stays_up_has_its_tunnel_again_when_the_supervisor_was_killed() {
    let far = Far::new();
    let node = far.start("node", &["node", "run", "--json"]);
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    let before = far.tunnel().unwrap();
    process(&before, "pid").kill();
    let after = far.patiently("another supervisor", || {
        far.tunnel().filter(|now| now["pid"] != before["pid"] && now["state"] == "up")
    });
    assert_eq!(after["localPort"], before["localPort"]);
    assert_eq!(after["holders"][0]["pid"], node.pid());
}

#[test]
fn a_supervisor_that_stood_still_goes_on() {
    let far = Far::new();
    let up = far.json(&["remote", "up"]);
    let (supervisor, ssh) = (process(&up, "pid"), process(&up, "sshPid"));
    supervisor.signal(Signal::STOP);
    // The tunnel itself does not need it.
    let url = format!("ws://127.0.0.1:{}", up["localPort"]);
    let direct = ["health", "--json", "--url", &url, "--token", crate::live::TOKEN];
    assert_eq!(far.run(&direct).json()["ok"], true);
    ssh.kill();
    supervisor.signal(Signal::CONT);
    assert_eq!(far.back(&ssh)["localPort"], up["localPort"]);
}

#[test]
fn a_supervisor_that_stands_still_keeps_no_command_waiting_for_ever() {
    let far = Far::new();
    let up = far.json(&["remote", "up"]);
    let supervisor = process(&up, "pid");
    supervisor.signal(Signal::STOP);
    for args in [&["health", "--timeout", "1000"][..], &["remote", "down", "--force"]] {
        let ran = far.run(&[args, &["--json"]].concat());
        assert_eq!((ran.code, &ran.json()["error"]["code"]), (1, &json!("TUNNEL")), "{args:?}: {}", ran.out);
    }
    assert_eq!(far.tunnel().unwrap()["state"], "silent");
    supervisor.signal(Signal::CONT);
    assert_eq!(far.json(&["health"])["ok"], true);
}

#[test]
fn following_the_log_goes_on_over_a_start_of_the_gateway() {
    let mut far = Far::new();
    far.json(&["remote", "up"]);
    let logs = far.start("logs", &["logs", "--follow", "--interval", "50"]);
    logs.wait_for("a line", |_| Some(()));
    let port = far.gateway.port.clone();
    let other = Gateway::start_with(&crate::support::Home::new(), &["--port", "0"]);
    let Gateway { program, .. } = std::mem::replace(&mut far.gateway, other);
    program.kill();
    logs.wait_for("the end noticed", |line| line.contains("trying again in").then_some(()));
    far.gateway = Gateway::start_with(&far.home, &["--port", &port]);
    logs.wait_for("the way on", |line| line.contains("connected again").then_some(()));
}

#[test]
fn a_leash_that_stays_takes_ssh_with_it_when_its_input_ends() {
    let home = crate::support::Home::new();
    let own = std::process::id().to_string();
    // Instead of an ssh: something that says who it is, and stays.
    let line = ["remote", "ssh-leash", "stay", &own, "/bin/sh", "-c", "echo $$; exec sleep 1000"];
    let mut command = home.command(&line);
    let mut leash = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(leash.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let held = Descendant::of(said.trim().parse().unwrap()).unwrap();
    drop(leash.stdin.take());
    assert!(held.has_ended_within(PATIENCE));
    assert!(!leash.wait().unwrap().success());
}
