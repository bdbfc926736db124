//! What the doctor says of services, and of what a gateway is to be reached by: sshd, Tailscale.

use super::managed::{GATEWAY, Host};
use crate::live::PATH;
use crate::support::{Home, Ran, free_port};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// The ids of what is found about one subject.
fn ids(report: &Value, subject: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{report}")).iter();
    let ids = findings.map(|f| f["checkId"].as_str().unwrap().to_owned());
    ids.filter(|id| id.starts_with(subject)).collect()
}

#[test]
fn a_services_definition_that_is_not_as_it_would_be_is_named_and_left_to_its_owner() {
    let host = Host::new();
    let port = free_port();
    let found = || ids(&host.run(&["doctor", "--json"]).json(), "service.");
    let fix = || ids(&host.run(&["doctor", "--fix", "--json"]).json(), "service.");
    host.json(&["gateway", "install", "--port", &port]);
    assert_eq!(found(), [""; 0]);
    let file = host.unit(GATEWAY);
    let good = std::fs::read_to_string(&file).unwrap();
    let own = good.replace("RestartSec=5", "RestartSec=50");
    std::fs::write(&file, &own).unwrap();
    assert_eq!(found(), ["service.outdated", "service.reload_pending"]);
    let report = host.run(&["doctor", "--json"]).json();
    assert!(report.to_string().contains(&format!("openclaw gateway install --port {port}")), "{report}");
    assert_eq!(fix(), ["service.outdated"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), own);
    assert_eq!(host.property(GATEWAY, "RestartUSec"), "50s");
    host.json(&["gateway", "install", "--port", &port]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), good);

    // The program, or a wrapper around it, is not there.
    let program = env!("CARGO_BIN_EXE_openclaw");
    let gone = good.replace(program, "/gone/wrapper");
    std::fs::write(&file, &gone).unwrap();
    assert_eq!(found()[0], "service.program_gone");
    assert_eq!(fix(), ["service.program_gone"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), gone);
    host.json(&["gateway", "install"]);

    host.systemd.systemctl(&host.home, &["disable", GATEWAY]);
    assert_eq!(found(), ["service.not_enabled"]);
    host.json(&["gateway", "install"]);
    assert_eq!(found(), [""; 0]);

    std::fs::write(host.home.state().join("openclaw.json"), "{ gateway: ").unwrap();
    assert_eq!(host.systemd.systemctl(&host.home, &["restart", GATEWAY]).code, 1);
    host.until(GATEWAY, "ActiveState", |state| state == "failed");
    assert_eq!(found(), ["service.failed"]);
}

#[test]
fn where_another_program_starts_and_stops_the_gateway_services_are_not_looked_at() {
    let home = Home::with_config("{}");
    let ran = home.run_with(&["doctor", "--json"], &[("OPENCLAW_SUPERVISOR_MODE", "external")]);
    let report = ran.json();
    let skipped = report["skipped"].as_array().unwrap_or_else(|| panic!("{report}")).iter();
    let why: Vec<&Value> = skipped.filter(|skipped| skipped["check"] == "service").collect();
    assert!(why.len() == 1 && why[0]["reason"].to_string().contains("external"), "{report}");
}

#[test]
fn a_tailnet_that_is_not_there_is_named_where_it_is_wanted() {
    let serve = r#"{ gateway: { tailscale: { mode: "serve" } } }"#;
    for (config, script, wrong) in [
        ("{}", "exit 1", None),
        (serve, r#"echo '{"BackendState":"Running"}'"#, None),
        (serve, r#"echo '{"BackendState":"NeedsLogin"}'"#, Some("logged in")),
        (serve, r#"echo '{"BackendState":"Stopped"}'"#, Some("switched off")),
        (serve, "echo 'failed to connect to local tailscaled' >&2; exit 1", Some("failed to connect")),
    ] {
        let home = Home::with_config(config);
        let program = home.path().join("tailscale");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{PATH}", home.path().display());
        let report = home.run_with(&["doctor", "--json"], &[("PATH", &path)]).json();
        let found = ids(&report, "host.tailscale");
        assert_eq!(found.is_empty(), wrong.is_none(), "{config} {script}: {report}");
        assert!(wrong.is_none_or(|text| report.to_string().contains(text)), "{report}");
    }
}

/// In a mount namespace of its own: sshd's configuration is this one, and an ordinary user can get at the program.
const AS_NOBODY: &str = r#"
set -eu
mount --bind "$HOME/sshd_config" /etc/ssh/sshd_config
mount --bind "$PROGRAM" "$HOME/openclaw"
exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$HOME/openclaw" doctor --deep --json
"#;

#[test]
fn an_ordinary_user_hears_whether_sshd_lets_that_user_through() {
    let home = Home::with_config("{}");
    let own = "Match User nobody\n  AllowTcpForwarding no\n";
    for (config, wrong) in [(own, true), ("AllowTcpForwarding yes\n", false)] {
        std::fs::write(home.path().join("sshd_config"), config).unwrap();
        std::fs::write(home.path().join("openclaw"), "").unwrap();
        let chown = Command::new("chown").args(["-R", "nobody"]).arg(home.path()).status().unwrap();
        assert!(chown.success());
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", AS_NOBODY]).env_clear().current_dir(home.path());
        command.env("PATH", PATH).env("HOME", home.path()).env("PROGRAM", env!("CARGO_BIN_EXE_openclaw"));
        // As after `su` without a dash.
        let ran: Ran = command.env("USER", "root").output().unwrap().into();
        let report = ran.json();
        assert!(!report["skipped"].to_string().contains("sshd"), "{report}");
        assert_eq!(!ids(&report, "host.sshd_forwarding").is_empty(), wrong, "{config}: {report}");
    }
}
