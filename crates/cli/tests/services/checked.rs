//! What the doctor says of services, and of the Tailscale that a gateway is to be reached by.

use super::managed::{GATEWAY, Host};
use crate::live::PATH;
use crate::support::Home;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// The ids of what is found about one subject.
fn ids(report: &Value, subject: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{report}")).iter();
    let ids = findings.map(|f| f["checkId"].as_str().unwrap().to_owned());
    ids.filter(|id| id.starts_with(subject)).collect()
}

#[test]
fn a_services_definition_that_is_not_as_it_would_be_is_written_anew() {
    let host = Host::new();
    let found = || ids(&host.run(&["doctor", "--json"]).json(), "service.");
    let mend = || {
        let report = host.run(&["doctor", "--fix", "--json"]).json();
        assert_eq!(ids(&report, "service."), [""; 0], "{report}");
    };
    host.json(&["gateway", "install"]);
    assert_eq!(found(), [""; 0]);
    let file = host.unit(GATEWAY);
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("RestartSec=5", "RestartSec=50")).unwrap();
    assert_eq!(found(), ["service.outdated", "service.reload_pending"]);
    mend();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), good);
    assert_eq!(host.property(GATEWAY, "RestartUSec"), "5s");

    // The program has moved since.
    let program = env!("CARGO_BIN_EXE_openclaw");
    std::fs::write(&file, good.replace(program, "/gone/openclaw")).unwrap();
    assert_eq!(found()[0], "service.outdated");
    mend();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), good);

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
