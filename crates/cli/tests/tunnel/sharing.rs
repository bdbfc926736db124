//! Commands go through the tunnel: by one of their own, or by the one that is there.

use crate::far::{Far, process};
use crate::live::PATIENCE;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

#[test]
fn with_an_ssh_target_and_a_token_commands_just_work_and_leave_nothing() {
    let far = Far::new();
    assert_eq!(far.json(&["health"])["ok"], true);
    let status = far.json(&["status", "--deep"]);
    assert!(status.to_string().contains("gateway.remote.sshTarget"), "{status}");
    assert_eq!(far.tunnel(), None, "it ended with the command that had it opened");
    assert!(far.log().contains("nobody holds it any more"), "{}", far.log());
}

#[test]
fn one_tunnel_is_there_for_all_and_ends_with_the_last_who_holds_it() {
    let far = Far::new();
    let up = far.json(&["remote", "up"]);
    assert_eq!((&up["state"], up["localPort"].to_string()), (&json!("up"), far.port.clone()));
    let (supervisor, ssh) = (process(&up, "pid"), process(&up, "sshPid"));
    let node = far.start("node", &["node", "run", "--json"]);
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    assert_eq!(far.json(&["health"])["ok"], true);
    let now = far.tunnel().unwrap();
    assert_eq!((now["pid"].clone(), now["sshPid"].clone()), (up["pid"].clone(), up["sshPid"].clone()));
    assert_eq!(now["holders"][0]["who"], "openclaw node run");
    assert_eq!(now["holders"][0]["pid"], node.pid());
    // Let go, it stays for the node.
    let down = far.json(&["remote", "down"]);
    assert_eq!(down["holders"][0]["pid"], node.pid());
    assert_eq!(far.tunnel().unwrap()["kept"], false);
    node.kill();
    assert!(supervisor.has_ended_within(PATIENCE) && ssh.has_ended_within(PATIENCE), "{}", far.log());
    assert_eq!(far.tunnel(), None);
}

#[test]
fn a_port_that_is_taken_is_named_with_its_holder_and_another_one_is_kept() {
    let far = Far::new();
    let taken = TcpListener::bind(format!("127.0.0.1:{}", far.port)).unwrap();
    let up = far.json(&["remote", "up"]);
    let note = up["note"].as_str().unwrap_or_else(|| panic!("{up}")).to_owned();
    assert!(note.contains(&format!("process {}", std::process::id())), "{note}");
    let other = up["localPort"].clone();
    assert_ne!(other.to_string(), far.port);
    assert_eq!(far.json(&["health"])["ok"], true);
    let url = format!("ws://127.0.0.1:{other}");
    every_command_shows_it_there(&far, &url);
    far.json(&["remote", "down"]);
    assert_eq!(far.json(&["gateway", "status", "--no-probe"])["local"]["url"], url);
    drop(taken);
    // It stays where it was: somebody may have written that port down.
    assert_eq!(far.json(&["remote", "up"])["localPort"], other);
}

fn every_command_shows_it_there(far: &Far, url: &str) {
    let probe = far.json(&["gateway", "probe"]);
    let target = |id: &str| {
        let all = probe["targets"].as_array().unwrap();
        all.iter().find(|target| target["id"] == id).unwrap_or_else(|| panic!("no {id}: {probe}"))
    };
    assert_eq!(
        (&target("configRemote")["url"], &target("configRemote")["connect"]["ok"]),
        (&json!(url), &json!(true))
    );
    assert_ne!(target("localLoopback")["url"], url);
    let status = far.json(&["gateway", "status"]);
    assert_eq!((&status["local"]["url"], &status["rpc"]["url"]), (&json!(url), &json!(url)));
    let status = far.json(&["status"]);
    assert_eq!((&status["local"]["url"], &status["gateway"]["url"]), (&json!(url), &json!(url)));
    let doctor = far.run(&["doctor", "--deep"]);
    assert!(doctor.out.contains(&format!("{url} answers")), "{}", doctor.out);
    // Also where the gateway there lets nobody in.
    for command in [&["gateway", "status"][..], &["status"]] {
        let ran = far.run(&[command, &["--token", "wrong", "--json"]].concat());
        let report = ran.json();
        assert_eq!((ran.code, &report["error"]["details"]["local"]["url"]), (4, &json!(url)), "{report}");
    }
    let ran = far.run(&["gateway", "probe", "--token", "wrong", "--json"]);
    assert_eq!(
        (ran.code, &ran.json()["error"]["details"]["targets"][0]["url"]),
        (4, &json!(url)),
        "{}",
        ran.out
    );
}

#[test]
fn a_gateway_of_this_host_keeps_its_port() {
    let mut far = Far::new();
    // The far gateway is on this host, too, as it happens.
    far.port = far.gateway.port.clone();
    far.configure(&far.gateway.port);
    let up = far.json(&["remote", "up"]);
    let note = up["note"].as_str().unwrap_or_else(|| panic!("{up}"));
    assert!(note.contains("a gateway on this host"), "{note}");
    assert_eq!(far.json(&["health"])["ok"], true);
}

#[test]
fn what_ssh_refuses_ends_a_command_with_its_name_and_the_way_out() {
    let far = Far::new();
    far.sshd.permit_nobody();
    let ran = far.run(&["health", "--json"]);
    let report = ran.json();
    assert_eq!((ran.code, &report["error"]["code"]), (8, &json!("SSH_PERMISSION_DENIED")), "{report}");
    assert!(!report["hints"].as_array().unwrap().is_empty(), "{report}");
    assert_eq!(far.tunnel(), None);
    // Kept, it waits for somebody to do something about it, and tries at once when asked.
    let ran = far.run(&["remote", "up"]);
    assert_eq!(ran.code, 8, "{}", ran.err);
    assert_eq!(far.tunnel().unwrap()["state"], "refused");
    far.sshd.permit("", &far.user.public_key());
    assert_eq!(far.json(&["remote", "up"])["state"], "up");
}

#[test]
fn a_probe_reaches_the_gateway_behind_an_ssh_host() {
    let far = Far::new();
    let target = far.sshd.target();
    let report = far.json(&["gateway", "probe", "--ssh", &target]);
    assert_eq!(report["targets"][0]["id"], "sshTunnel", "{report}");
    assert_eq!(report["targets"][0]["connect"]["rpcOk"], true, "{report}");
    assert_eq!(report["targets"][0]["via"], "gateway.remote.sshTarget", "{report}");
    assert_eq!(taken(&report["places"]), ["gateway.remote.sshTarget"], "{report}");
    assert_eq!(taken(&report["targets"][0]["credentials"]), ["gateway.remote.token"], "{report}");
    // With another key it is another tunnel, and the one that all use stays as it is.
    let up = far.json(&["remote", "up"]);
    let ran = far.run(&["gateway", "probe", "--json", "--ssh", &target, "--ssh-identity", "no-such-key"]);
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (8, &json!("SSH_IDENTITY_UNUSABLE")), "{}", ran.out);
    assert_eq!(far.tunnel().unwrap()["sshPid"], up["sshPid"]);
    far.json(&["remote", "down"]);
    assert_eq!(far.tunnel(), None);
    for bad in ["-oProxyCommand=id", "me@host;id", ""] {
        assert_eq!(far.run(&["gateway", "probe", "--ssh", bad]).code, 2, "{bad:?}");
    }
}

#[test]
fn a_probe_of_the_configured_host_has_what_is_kept_for_it_also_where_commands_stay_on_this_host() {
    let far = Far::new();
    assert_eq!(far.run(&["config", "set", "gateway.mode", "local"]).code, 0);
    // It is for the gateway of this host, and goes nowhere else.
    assert_eq!(far.run(&["config", "set", "gateway.auth.token", "hush-of-this-host"]).code, 0);
    let up = far.json(&["remote", "up"]);
    let report = far.json(&["gateway", "probe", "--ssh", &far.sshd.target()]);
    let target = &report["targets"][0];
    assert_eq!((&target["id"], &target["connect"]["rpcOk"]), (&json!("sshTunnel"), &json!(true)), "{report}");
    assert_eq!(taken(&report["places"]), ["gateway.remote.sshTarget"], "{report}");
    assert_eq!(taken(&target["credentials"]), ["gateway.remote.token"], "{report}");
    assert_eq!(far.tunnel().unwrap()["sshPid"], up["sshPid"], "the one that is there");
    // What the command line names comes first.
    let ran = far.run(&["gateway", "probe", "--json", "--ssh", &far.sshd.target(), "--token", "wrong"]);
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (4, &json!("AUTH_TOKEN_MISMATCH")), "{}", ran.out);
}

/// The names of those that were taken.
fn taken(candidates: &Value) -> Vec<&str> {
    let all = candidates.as_array().unwrap().iter();
    all.filter(|one| one["standing"] == "taken").map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn a_service_beside_a_command_with_a_tunnel_waits_and_takes_over() {
    let far = Far::new();
    let node = far.start("node", &["node", "run", "--json"]);
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    let before = far.tunnel().unwrap();
    let service = far.start("service", &["remote", "up", "--foreground"]);
    service.wait_for("the other one named", |line| line.contains("this one does when").then_some(()));
    // What the service wants stays, whoever looks after it.
    node.kill();
    assert_eq!(
        (&far.tunnel().unwrap()["pid"], far.tunnel().unwrap()["kept"].as_bool()),
        (&before["pid"], Some(true))
    );
    far.json(&["remote", "down"]);
    service.wait_for("its turn", |line| line.contains("looking after the tunnel").then_some(()));
    let after = far.patiently("its tunnel", || far.tunnel().filter(|now| now["state"] == "up"));
    assert_eq!((&after["pid"], &after["localPort"]), (&json!(service.pid()), &before["localPort"]));
    assert_eq!(service.stop("-TERM"), Some(0));
    assert_eq!(far.tunnel(), None);
}

#[test]
fn an_ssh_of_before_the_option_to_stay_is_good_enough() {
    let far = Far::new();
    let program = far.user.file("bin/ssh");
    let script = std::fs::read_to_string(&program).unwrap();
    let refuses = "for word; do case $word in ForkAfter*)
        echo 'command-line: line 0: Bad configuration option: forkafterauthentication' >&2; exit 255;;
    esac; done";
    std::fs::write(&program, script.replacen('\n', &format!("\n{refuses}\n"), 1)).unwrap();
    assert_eq!(far.json(&["health"])["ok"], true);
    assert!(far.log().contains("older than OpenSSH 8.7"), "{}", far.log());
}

#[test]
fn a_tunnel_that_commands_do_not_go_through_says_what_is_missing() {
    let far = Far::new();
    let hint = |ran: &crate::support::Ran| ran.err.contains("openclaw config set gateway.mode remote");
    let up = far.run(&["remote", "up"]);
    assert!(up.code == 0 && !hint(&up), "{}", up.err);
    assert_eq!(far.run(&["config", "set", "gateway.mode", "local"]).code, 0);
    for command in ["up", "status"] {
        let ran = far.run(&["remote", command]);
        assert!(ran.code == 0 && hint(&ran), "{command}: {}", ran.err);
    }
    assert!(far.json(&["remote", "status"])["hint"].as_str().unwrap().contains("gateway.mode"));
}

/// The file that a process runs.
fn program_of(process: &Value) -> PathBuf {
    std::fs::read_link(format!("/proc/{process}/exe")).unwrap()
}

#[test]
fn the_small_program_looks_after_a_tunnel_where_it_lies_beside_and_the_same_program_does_where_it_does_not() {
    let far = Far::new();
    let up = far.json(&["remote", "up"]);
    assert_eq!(program_of(&up["pid"]), Path::new(env!("CARGO_BIN_EXE_openclaw-tunnel")));
    far.json(&["remote", "down"]);
    let service = far.start("service", &["remote", "up", "--foreground"]);
    service.wait_for("its turn", |line| line.contains("looking after the tunnel").then_some(()));
    assert_eq!(program_of(&json!(service.pid())), Path::new(env!("CARGO_BIN_EXE_openclaw-tunnel")));
    assert_eq!(service.stop("-TERM"), Some(0));
    // A copy of the program, with nothing beside it.
    let alone = far.near.path().join("openclaw");
    std::fs::copy(env!("CARGO_BIN_EXE_openclaw"), &alone).unwrap();
    let mut command = std::process::Command::new(&alone);
    command.args(["remote", "up", "--json"]).env_clear().env("HOME", far.near.path());
    let ran: crate::support::Ran = command.env("PATH", far.user.path()).output().unwrap().into();
    let again = ran.json();
    assert_eq!((program_of(&again["pid"]), &again["localPort"]), (alone, &up["localPort"]), "{}", ran.err);
    assert_eq!(far.json(&["health"])["ok"], true);
}
