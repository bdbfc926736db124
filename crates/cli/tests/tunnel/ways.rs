//! What works with `ssh HOST` works here: aliases and jump hosts of the user's configuration, keys of an agent, and a passphrase
//! that is typed at a terminal.

use crate::far::Far;
use crate::live::TOKEN;
use crate::seat::Seat;
use crate::support::Ran;
use serde_json::json;
use std::os::unix::net::UnixStream;
use std::process::Command;
use testkit::process::Process;
use testkit::sshd::Sshd;

/// Writes the user's ssh configuration: the far host is called `work`, and is reached as `more` says.
fn call_it_work(far: &Far, more: &str) {
    let destination = far.sshd.destination();
    let (user, host) = destination.split_once('@').unwrap();
    let port = far.sshd.port();
    far.user.configure(&format!("Host work\n  HostName {host}\n  Port {port}\n  User {user}\n  {more}"));
    set(far, "sshTarget", "work");
}

fn set(far: &Far, key: &str, value: &str) {
    let ran = far.run(&["config", "set", &format!("gateway.remote.{key}"), value]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

/// Takes away the key that ssh finds by itself.
fn without_own_key(far: &Far) {
    std::fs::remove_file(far.user.file("id")).unwrap();
}

#[test]
fn an_alias_of_the_users_ssh_configuration_is_a_target() {
    let far = Far::new();
    call_it_work(&far, "");
    assert_eq!(far.json(&["health"])["ok"], true);
    let up = far.json(&["remote", "up"]);
    assert_eq!((&up["target"], &up["state"]), (&json!("work"), &json!("up")), "{up}");
}

#[test]
fn a_jump_host_of_the_users_ssh_configuration_is_gone_through() {
    let far = Far::new();
    let mut hop = Sshd::start();
    far.user.knows(&hop);
    hop.permit("", &far.user.public_key());
    call_it_work(&far, &format!("ProxyJump {}", hop.target()));
    assert_eq!(far.json(&["health"])["ok"], true);
    hop.process().wait_for_text("Accepted publickey", 0);
    far.sshd.process().wait_for_text("Accepted publickey", 0);
    // The hop is what is named when it is the hop that is away.
    hop.stop();
    let ran = far.run(&["health", "--json"]);
    let error = &ran.json()["error"];
    assert_eq!((ran.code, &error["code"]), (8, &json!("SSH_CONNECTION_REFUSED")), "{error}");
    assert!(error["message"].as_str().unwrap().contains(&hop.port().to_string()), "{error}");
}

#[test]
fn a_key_that_an_agent_alone_has_is_enough() {
    let far = Far::new();
    let socket = far.user.file("agent");
    let mut agent = Command::new("ssh-agent");
    agent.arg("-D").arg("-a").arg(&socket);
    let _agent = Process::start("ssh-agent", agent);
    far.patiently("the agent", || UnixStream::connect(&socket).ok());
    let added =
        Command::new("ssh-add").arg(far.user.file("id")).env("SSH_AUTH_SOCK", &socket).output().unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    without_own_key(&far);
    far.user.configure("IdentityAgent SSH_AUTH_SOCK");
    let (path, socket) = (far.user.path(), socket.display().to_string());
    let health = ["health", "--json"];
    let with_agent: Ran = far.near.run_with(&health, &[("PATH", &path), ("SSH_AUTH_SOCK", &socket)]);
    assert_eq!(with_agent.code, 0, "{}{}\n{}", with_agent.out, with_agent.err, far.log());
    // The key is known, and nobody has its private half.
    let without = far.run(&health);
    let report = without.json();
    assert_eq!((without.code, &report["error"]["code"]), (8, &json!("SSH_IDENTITY_UNUSABLE")), "{report}");
    assert!(report["error"]["message"].as_str().unwrap().contains("it is not there"), "{report}");
    assert!(report["hints"].to_string().contains("ssh-add -l"), "{report}");
}

#[test]
fn a_key_that_is_configured_goes_before_those_of_the_users_ssh_configuration() {
    let far = Far::new();
    let other = far.user.make_key("other", "");
    set(&far, "sshIdentity", other.to_str().unwrap());
    // Nobody lets it in, and the one that the user's configuration names is offered after it.
    assert_eq!(far.json(&["health"])["ok"], true);
    far.sshd.permit("", &std::fs::read_to_string(far.user.file("other.pub")).unwrap());
    assert_eq!(far.json(&["health"])["ok"], true);
    let print = far.user.fingerprint("other");
    let is_it = |line: &str| line.contains("Accepted publickey") && line.contains(&print);
    far.sshd.process().wait_for("the configured key", 0, |line| is_it(line).then_some(()));
}

/// Configures the near user for this URL, `transport: "ssh"`, and no ssh target: as with a tunnel that is kept by hand.
fn by_hand(far: &Far, port: &str) {
    let remote = json!({"url": format!("ws://127.0.0.1:{port}"), "transport": "ssh", "token": TOKEN});
    let config = json!({"gateway": {"mode": "remote", "remote": remote}});
    std::fs::write(far.near.state().join("openclaw.json"), config.to_string()).unwrap();
}

#[test]
fn ssh_without_a_target_goes_to_the_url_as_it_is_and_says_so() {
    let far = Far::new();
    by_hand(&far, &far.gateway.port);
    assert_eq!(far.json(&["health"])["ok"], true);
    let no_tunnel = "no tunnel is looked after";
    for command in [&["gateway", "probe"][..], &["status", "--all"], &["doctor", "--deep"]] {
        let ran = far.run(command);
        assert!(ran.out.contains(no_tunnel), "{command:?}: {}{}", ran.out, ran.err);
    }
    assert_eq!(far.tunnel(), None);
    by_hand(&far, &far.port);
    let ran = far.run(&["health", "--json"]);
    let hints = ran.json()["hints"].to_string();
    assert!(ran.code == 3 && hints.contains("config set gateway.remote.sshTarget"), "{}{}", ran.out, ran.err);
    let ran = far.run(&["doctor"]);
    assert!(ran.out.contains("config set gateway.remote.sshTarget"), "{}", ran.out);
}

#[test]
fn in_the_foreground_of_a_terminal_ssh_asks_for_a_passphrase_and_the_tunnel_comes_up() {
    let far = Far::new();
    let locked = far.user.make_key("locked", "correct horse");
    far.sshd.permit_nobody();
    far.sshd.permit("", &std::fs::read_to_string(far.user.file("locked.pub")).unwrap());
    without_own_key(&far);
    std::fs::remove_file(far.user.file("id.pub")).unwrap();
    set(&far, "sshIdentity", locked.to_str().unwrap());
    // Nobody can be asked without one.
    let ran = far.run(&["health", "--json"]);
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (8, &json!("SSH_IDENTITY_UNUSABLE")), "{}", ran.out);
    let mut up = far.near.command(&["remote", "up", "--foreground"]);
    let mut seat = Seat::run(up.env("PATH", far.user.path()));
    seat.answers("Enter passphrase for key", "correct horse");
    far.patiently("the tunnel", || far.tunnel().filter(|now| now["state"] == "up"));
    assert_eq!(far.json(&["health"])["ok"], true);
    seat.types("\x03");
    assert_eq!(seat.end(), Some(0), "{}", seat.screen);
    assert!(!seat.screen.contains("correct horse"), "{}", seat.screen);
    assert_eq!(far.tunnel(), None);
}
