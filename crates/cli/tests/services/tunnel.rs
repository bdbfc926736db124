//! The tunnel as a service of a user, under a real systemd and against a real sshd.

use super::managed::Host;
use crate::live::{Gateway, PATIENCE, TOKEN};
use crate::support::{Home, free_port};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::Instant;
use testkit::sshd::{SshUser, Sshd};

const TUNNEL: &str = "openclaw-tunnel.service";

/// A gateway behind an sshd, and a host from which it is reached.
struct Far {
    host: Host,
    user: SshUser,
    port: String,
    // What runs elsewhere: the gateway with its home, and sshd.
    _gateway: Gateway,
    _home: Home,
    _sshd: Sshd,
}

impl Far {
    fn new() -> Self {
        let home = Home::with_config(&format!(r#"{{ gateway: {{ auth: {{ token: "{TOKEN}" }} }} }}"#));
        let gateway = Gateway::start(&home);
        let sshd = Sshd::start();
        let user = SshUser::of(&sshd);
        let port = free_port();
        let config = json!({"gateway": {"mode": "remote", "remote": {
            "sshTarget": sshd.target(), "token": TOKEN,
            "remotePort": gateway.port.parse::<u16>().unwrap(), "url": format!("ws://127.0.0.1:{port}"),
        }}});
        let near = Home::with_config(&config.to_string());
        // Services look for programs here first, whatever the shell of whoever installs them has.
        let bin = near.path().join(".local/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(user.file("bin/ssh"), bin.join("ssh")).unwrap();
        Self { host: Host::of(near, port.clone()), user, port, _gateway: gateway, _home: home, _sshd: sshd }
    }

    fn tunnel(&self) -> Option<Value> {
        self.host.json(&["remote", "status"])["tunnels"].get(0).cloned()
    }

    /// Waits until a tunnel is up that another process than this looks after.
    #[allow(clippy::disallowed_methods)] // A deadline of the test, in real time.
    fn up(&self, before: &str) -> Value {
        let begun = Instant::now();
        loop {
            let tunnel = self.tunnel();
            if let Some(tunnel) = tunnel.as_ref().filter(|t| t["state"] == "up" && text(t, "pid") != before) {
                return tunnel.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "it never came: {tunnel:?}");
        }
    }

    /// Waits until a process of the host has ended.
    #[allow(clippy::disallowed_methods)] // A deadline of the test, in real time.
    fn has_ended(&self, pid: &str) {
        let begun = Instant::now();
        while self.host.systemd.tool(&self.host.home, &["test", "-e", &format!("/proc/{pid}")]).code == 0 {
            assert!(begun.elapsed() < PATIENCE, "process {pid} stays");
        }
    }
}

fn text(tunnel: &Value, name: &str) -> String {
    tunnel[name].to_string()
}

#[test]
fn a_tunnel_is_installed_carries_commands_outlives_its_supervisor_and_leaves_nothing() {
    let far = Far::new();
    let host = &far.host;
    let report = host.json(&["remote", "install"]);
    assert_eq!((&report["result"], &report["service"]["unit"]), (&json!("installed"), &json!(TUNNEL)));
    let first = far.up("");
    assert_eq!((text(&first, "localPort"), &first["kept"]), (far.port.clone(), &json!(true)));
    assert_eq!(text(&first, "pid"), host.property(TUNNEL, "MainPID"));
    assert_eq!(host.json(&["health"])["ok"], true);
    assert!(!std::fs::read_to_string(host.unit(TUNNEL)).unwrap().contains(TOKEN));
    assert_eq!(host.json(&["remote", "install"])["result"], "already-installed");
    let file = host.unit(TUNNEL).display().to_string();
    let verify = host.systemd.tool(&host.home, &["systemd-analyze", "--user", "verify", &file]);
    assert!(verify.code == 0 && !verify.err.contains(TUNNEL), "{}", verify.err);

    // As an administrator would shorten the pause before it is started again.
    let more = host.unit("openclaw-tunnel.service.d");
    std::fs::create_dir(&more).unwrap();
    std::fs::write(more.join("times.conf"), "[Service]\nRestartSec=100ms\n").unwrap();
    assert_eq!(host.systemd.systemctl(&host.home, &["daemon-reload"]).code, 0);
    host.systemd.signal("-KILL", &text(&first, "pid"));
    let second = far.up(&text(&first, "pid"));
    far.has_ended(&text(&first, "sshPid"));
    assert_eq!(text(&second, "localPort"), far.port);
    assert_eq!(text(&second, "pid"), host.property(TUNNEL, "MainPID"));
    assert_eq!(host.json(&["health"])["ok"], true);

    assert_eq!(host.json(&["remote", "uninstall"])["result"], "uninstalled");
    assert_eq!(host.property(TUNNEL, "LoadState"), "not-found");
    assert!(!host.unit(TUNNEL).exists() && !host.unit("default.target.wants").join(TUNNEL).is_symlink());
    assert_eq!(far.tunnel(), None);
    for process in ["pid", "sshPid"] {
        far.has_ended(&text(&second, process));
    }
    TcpListener::bind(("127.0.0.1", far.port.parse().unwrap())).unwrap();
    assert_eq!(host.json(&["remote", "uninstall"])["result"], "not-loaded");
}

#[test]
fn a_tunnel_that_was_up_makes_way_for_its_service_at_the_same_port() {
    let far = Far::new();
    let mut command = far.host.systemd.command(&far.host.home, &["remote", "up"]);
    assert!(command.env("PATH", far.user.path()).output().unwrap().status.success());
    let before = far.up("");
    far.host.json(&["remote", "install"]);
    far.has_ended(&text(&before, "pid"));
    let after = far.up(&text(&before, "pid"));
    assert_eq!(after["localPort"], before["localPort"]);
    assert_eq!(text(&after, "pid"), far.host.property(TUNNEL, "MainPID"));
    // Let go by hand, it is opened again, and that is said.
    let more = far.host.unit("openclaw-tunnel.service.d");
    std::fs::create_dir(&more).unwrap();
    std::fs::write(more.join("times.conf"), "[Service]\nRestartSec=100ms\n").unwrap();
    assert_eq!(far.host.systemd.systemctl(&far.host.home, &["daemon-reload"]).code, 0);
    let down = far.host.run(&["remote", "down"]);
    assert!(down.code == 0 && down.err.contains("remote uninstall"), "{}{}", down.out, down.err);
    far.up(&text(&after, "pid"));
    far.host.json(&["remote", "uninstall"]);
    assert_eq!(far.tunnel(), None);
}

#[test]
fn without_systemd_the_tunnel_is_left_as_it_is_and_the_way_without_a_service_is_named() {
    let home = Home::with_config(r#"{ gateway: { mode: "remote", remote: { sshTarget: "me@127.0.0.1" } } }"#);
    let vars = [("PATH", "/nowhere"), ("XDG_RUNTIME_DIR", "/nowhere")];
    let ran = home.run_with(&["remote", "install", "--json"], &vars);
    let report = ran.json();
    assert_eq!((ran.code, &report["error"]["code"]), (1, &json!("NO_SERVICE_MANAGER")), "{report}");
    assert!(report["hints"].to_string().contains("openclaw remote up --foreground"), "{report}");
}
