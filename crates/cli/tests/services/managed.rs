//! Installing, starting, stopping and taking away, under a real `systemd --user`.

use crate::live::{PATIENCE, TOKEN};
use crate::support::{Home, Ran, free_port};
use crate::systemd::Systemd;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Instant;

pub(crate) const GATEWAY: &str = "openclaw-gateway.service";

/// A home with a gateway's configuration, and a systemd for its user.
pub(crate) struct Host {
    pub(crate) home: Home,
    pub(crate) systemd: Systemd,
    port: String,
}

impl Host {
    pub(crate) fn new() -> Self {
        let port = free_port();
        let home = Home::with_config(&format!(
            r#"{{ gateway: {{ port: {port}, auth: {{ mode: "token", token: "{TOKEN}" }} }} }}"#
        ));
        Self::of(home, port)
    }

    /// A systemd for the user with this home.
    pub(crate) fn of(home: Home, port: String) -> Self {
        let systemd = Systemd::start(&home);
        Self { home, systemd, port }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.systemd.run(&self.home, args)
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.json()
    }

    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        self.systemd.property(&self.home, unit, name)
    }

    pub(crate) fn unit(&self, name: &str) -> PathBuf {
        self.home.path().join(".config/systemd/user").join(name)
    }

    /// Asks systemd until it says so.
    #[allow(clippy::disallowed_methods)] // A deadline of the test, in real time.
    pub(crate) fn until(&self, unit: &str, name: &str, good: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let value = self.property(unit, name);
            if good(&value) {
                return value;
            }
            assert!(begun.elapsed() < PATIENCE, "{unit}: {name} stays {value}");
        }
    }
}

#[test]
fn a_gateway_is_installed_answers_and_is_taken_away_again() {
    let host = Host::new();
    let report = host.json(&["gateway", "install"]);
    assert_eq!((&report["action"], &report["result"]), (&json!("install"), &json!("installed")));
    let service = &report["service"];
    assert_eq!(
        (&service["label"], &service["loaded"], &service["loadedText"], &service["unit"]),
        (&json!("systemd"), &json!(true), &json!("enabled"), &json!(GATEWAY))
    );
    assert_eq!((&service["definition"], &service["runtime"]["status"]), (&json!("ours"), &json!("running")));
    // It has told systemd that it works, and what it says of itself is there.
    assert_eq!(host.property(GATEWAY, "ActiveState"), "active");
    assert!(host.property(GATEWAY, "StatusText").starts_with("answers at ws://127.0.0.1:"));
    assert_eq!(host.json(&["health"])["ok"], true);
    let text = std::fs::read_to_string(host.unit(GATEWAY)).unwrap();
    assert!(!text.contains(TOKEN), "{text}");

    let pid = host.property(GATEWAY, "MainPID");
    assert_eq!(host.json(&["gateway", "install"])["result"], "already-installed");
    assert_eq!(host.json(&["daemon", "start"])["result"], "already-running");
    assert_eq!(host.property(GATEWAY, "MainPID"), pid, "it was left alone");
    let status = host.json(&["gateway", "status"]);
    assert_eq!(status["service"]["runtime"]["pid"].to_string(), pid);
    assert_eq!(status["rpc"]["ok"], true);

    for force in [&[][..], &["--force"], &["--wait", "30s"]] {
        let before = host.property(GATEWAY, "MainPID");
        assert_eq!(host.json(&[&["gateway", "restart"], force].concat())["result"], "restarted");
        assert_ne!(host.property(GATEWAY, "MainPID"), before);
        assert_eq!(host.json(&["health"])["ok"], true);
    }
    assert_eq!(host.json(&["gateway", "stop", "--force"])["result"], "stopped");
    assert_eq!(host.property(GATEWAY, "Result"), "success");
    assert_eq!(host.run(&["health"]).code, 3);
    assert_eq!(host.json(&["gateway", "stop"])["result"], "not-loaded");
    let down = host.run(&["gateway", "status", "--json"]);
    assert_eq!(
        (down.code, &down.json()["error"]["details"]["service"]["runtime"]["status"]),
        (3, &json!("stopped"))
    );
    assert_eq!(host.json(&["gateway", "start"])["result"], "started");
    assert_eq!(host.json(&["gateway", "uninstall"])["result"], "uninstalled");
    assert_eq!(host.json(&["gateway", "uninstall"])["result"], "not-loaded");
    assert!(!host.unit(GATEWAY).exists() && host.home.state().join("openclaw.json").exists());
    assert_eq!(host.property(GATEWAY, "LoadState"), "not-found");
    let ran = host.run(&["gateway", "start"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("install it: openclaw gateway install"), "{}", ran.err);
}

#[test]
fn a_gateway_that_dies_or_falls_silent_is_started_again() {
    let host = Host::new();
    host.json(&["gateway", "install"]);
    // As an administrator would shorten the times of a service.
    let more = host.unit("openclaw-gateway.service.d");
    std::fs::create_dir(&more).unwrap();
    std::fs::write(more.join("times.conf"), "[Service]\nWatchdogSec=2\nRestartSec=100ms\n").unwrap();
    assert_eq!(host.systemd.systemctl(&host.home, &["daemon-reload"]).code, 0);
    host.json(&["gateway", "restart"]);
    let first = host.property(GATEWAY, "MainPID");
    host.systemd.signal("-KILL", &first);
    let second = host.until(GATEWAY, "MainPID", |pid| pid != first && pid != "0");
    host.until(GATEWAY, "ActiveState", |state| state == "active");
    host.systemd.signal("-STOP", &second);
    host.until(GATEWAY, "MainPID", |pid| pid != second && pid != "0");
    host.until(GATEWAY, "ActiveState", |state| state == "active");
    assert_eq!(host.json(&["health"])["ok"], true);
}

#[test]
fn a_start_that_is_refused_says_where_to_look() {
    let host = Host::new();
    let taken = std::net::TcpListener::bind(("127.0.0.1", host.port.parse::<u16>().unwrap())).unwrap();
    let ran = host.run(&["gateway", "install", "--json"]);
    let report = ran.json();
    assert_eq!((ran.code, &report["error"]["code"]), (1, &json!("SERVICE")));
    assert!(report["hints"].to_string().contains("journalctl --user -u openclaw-gateway"), "{report}");
    drop(taken);
    assert_eq!(host.json(&["gateway", "restart"])["result"], "restarted");
}

#[test]
fn openclaws_own_service_of_the_same_name_is_left_alone_unless_it_is_forced() {
    let host = Host::new();
    let theirs = "[Unit]\nDescription=OpenClaw Gateway\n\n[Service]\nExecStart=/bin/sleep 1000\n\
        Environment=OPENCLAW_SERVICE_MARKER=openclaw\n\n[Install]\nWantedBy=default.target\n";
    let file = host.unit(GATEWAY);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, theirs).unwrap();
    for verb in ["install", "uninstall"] {
        let ran = host.run(&["gateway", verb, "--json"]);
        assert_eq!((ran.code, &ran.json()["error"]["code"]), (1, &json!("FOREIGN_SERVICE")));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), theirs);
    }
    assert_eq!(host.json(&["gateway", "install", "--force"])["service"]["definition"], "ours");
    assert_eq!(host.json(&["health"])["ok"], true);
}

#[test]
fn profiles_ports_wrappers_and_tokens_go_where_they_belong() {
    let host = Host::new();
    let port = free_port();
    let wrapper = host.home.path().join("through me");
    let program = env!("CARGO_BIN_EXE_openclaw");
    std::fs::write(
        &wrapper,
        format!("#!/bin/sh\necho \"$@\" > '{0}/args'\nexec {program} \"$@\"\n", host.home.path().display()),
    )
    .unwrap();
    let refused = host.run(&["gateway", "install", "--wrapper", wrapper.to_str().unwrap()]);
    assert_eq!(refused.code, 2, "it may not be executed yet: {}", refused.err);
    std::process::Command::new("chmod").arg("755").arg(&wrapper).status().unwrap();
    let args = [
        "--profile",
        "work",
        "gateway",
        "install",
        "--port",
        &port,
        "--token",
        "a-token-from-the-command-line",
    ];
    let report =
        host.json(&[&args[..], &["--wrapper", wrapper.to_str().unwrap(), "--runtime", "node"]].concat());
    assert_eq!(report["service"]["unit"], "openclaw-gateway-work.service");
    assert!(report["warnings"][0].as_str().unwrap().contains("--runtime"), "{report}");
    let told = std::fs::read_to_string(host.home.path().join("args")).unwrap();
    assert_eq!(told.trim(), format!("--profile work gateway run --port {port}"));
    let text = std::fs::read_to_string(host.unit("openclaw-gateway-work.service")).unwrap();
    assert!(!text.contains("a-token-from-the-command-line"));
    let kept = std::fs::read_to_string(host.home.path().join(".openclaw-work/openclaw.json")).unwrap();
    assert!(kept.contains("a-token-from-the-command-line"));
    assert_eq!(host.json(&["--profile", "work", "health", "--port", &port])["ok"], true);
    host.json(&["--profile", "work", "gateway", "uninstall"]);
}

#[test]
fn variables_of_the_state_directory_are_the_services_and_the_commands_and_stand_in_no_definition() {
    let port = free_port();
    let home = Home::with_config(&format!(
        r#"{{ gateway: {{ port: {port}, auth: {{ mode: "token", token: "${{MY_TOKEN}}" }} }} }}"#
    ));
    let file = home.state().join(".env");
    std::fs::write(&file, format!("# mine\nexport MY_TOKEN='{TOKEN}'\nOPENCLAW_GATEWAY_PASSWORD=unused\n"))
        .unwrap();
    let host = Host::of(home, port);
    let report = host.json(&["gateway", "install"]);
    assert_eq!((&report["result"], &report["warnings"]), (&json!("installed"), &json!([])), "{report}");
    assert!(!std::fs::read_to_string(host.unit(GATEWAY)).unwrap().contains(TOKEN));
    assert_eq!(host.json(&["health"])["ok"], true);
    let found = host.run(&["doctor", "--json"]).json();
    assert!(found["findings"].to_string().contains("fs.credentials_dir.perms_readable"), "{found}");
    host.run(&["doctor", "--fix"]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&file, format!("MY_TOKEN={TOKEN}\nnothing\n")).unwrap();
    let ran = host.run(&["health"]);
    assert!(ran.code == 0 && ran.err.contains(".env:2 is no NAME=value"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_node_is_a_service_too() {
    let host = Host::new();
    host.json(&["gateway", "install"]);
    let args =
        ["node", "install", "--host", "127.0.0.1", "--port", &host.port, "--display-name", "a 100% \"box\""];
    assert_eq!(host.json(&args)["result"], "installed");
    let named = |nodes: &Value| nodes.to_string().contains(r#"a 100% \"box\""#);
    #[allow(clippy::disallowed_methods)] // A deadline of the test, in real time.
    let begun = Instant::now();
    while !named(&host.json(&["nodes", "list"])) {
        assert!(begun.elapsed() < PATIENCE, "the node never came");
    }
    let status = host.json(&["node", "status"]);
    assert_eq!(
        (&status["service"]["unit"], &status["service"]["runtime"]["status"]),
        (&json!("openclaw-node.service"), &json!("running"))
    );
    assert_eq!(host.json(&["node", "restart"])["result"], "restarted");
    assert_eq!(host.json(&["node", "stop"])["result"], "stopped");
    assert_eq!(host.json(&["node", "start"])["result"], "started");
    assert_eq!(host.json(&["node", "uninstall"])["result"], "uninstalled");
}

#[test]
fn a_computer_that_joins_as_a_service_is_a_node_from_then_on() {
    let host = Host::new();
    host.json(&["gateway", "install"]);
    let public = format!("ws://127.0.0.1:{}", host.port);
    let join_url = || {
        let made = host.json(&["devices", "join-code", "--public-url", &public]);
        made["joinUrl"].as_str().unwrap().to_owned()
    };
    let laptop = Home::new();
    let systemd = Systemd::start(&laptop);
    let connect = |url: &str| {
        let args = ["connect", url, "--service", "--display-name", "Laptop", "--json"];
        systemd.run(&laptop, &args)
    };
    let unit = laptop.path().join(".config/systemd/user/openclaw-node.service");
    std::fs::create_dir_all(unit.parent().unwrap()).unwrap();
    std::fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
    let url = join_url();
    let refused = connect(&url);
    assert!(refused.code == 1 && refused.out.contains("FOREIGN_SERVICE"), "{}{}", refused.out, refused.err);
    std::fs::remove_file(&unit).unwrap();
    // The URL was not used up by that.
    let joined = connect(&url);
    assert!(joined.code == 0 && joined.out.contains("\"paired\""), "{}{}", joined.out, joined.err);
    let text = std::fs::read_to_string(&unit).unwrap();
    assert!(!text.contains(url.rsplit('/').next().unwrap()) && text.contains("Laptop"), "{text}");
    #[allow(clippy::disallowed_methods)] // A deadline of the test, in real time.
    let begun = Instant::now();
    while host.json(&["nodes", "status"])["nodes"][0]["connected"] != true {
        assert!(begun.elapsed() < PATIENCE, "the node never came");
    }
    assert_eq!(systemd.run(&laptop, &["node", "uninstall"]).code, 0);
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let host = Host::new();
    host.json(&["gateway", "install"]);
    host.json(&["node", "install", "--host", "127.0.0.1", "--display-name", "a 100% \"box\" $HOME"]);
    for unit in [GATEWAY, "openclaw-node.service"] {
        let file = host.unit(unit).display().to_string();
        let verify = host.systemd.tool(&host.home, &["systemd-analyze", "--user", "verify", &file]);
        assert!(verify.code == 0 && !verify.err.contains(unit), "{unit}: {}", verify.err);
    }
}

#[test]
fn a_host_without_systemd_is_left_as_it_is_and_told_what_to_do_instead() {
    let home = Home::with_config("{}");
    for path in ["/nowhere", "/usr/bin:/bin"] {
        let ran = home
            .run_with(&["gateway", "install", "--json"], &[("PATH", path), ("XDG_RUNTIME_DIR", "/nowhere")]);
        let report = ran.json();
        assert_eq!((ran.code, &report["error"]["code"]), (1, &json!("NO_SERVICE_MANAGER")), "{report}");
        assert!(report["hints"].to_string().contains("openclaw gateway run"), "{report}");
    }
    assert!(!home.path().join(".config").exists());
    let ran = home.run_with(&["gateway", "install", "--json"], &[("OPENCLAW_SUPERVISOR_MODE", "external")]);
    assert_eq!(ran.json()["error"]["code"], "EXTERNAL_SUPERVISOR");
}
