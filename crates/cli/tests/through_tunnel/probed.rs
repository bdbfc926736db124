//! A probe of an ssh host that the configuration does not name.

use crate::far;
use serde_json::{Value, json};
use testkit::far::{Far, TOKEN};

fn probe(far: &Far, more: &[&str]) -> (Option<i32>, Value) {
    let ran = far.near_run(&[&["gateway", "probe", "--ssh", "other", "--json"], more].concat());
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    (ran.status.code(), report)
}

/// The names of those that have this standing, with the reason where there is one.
fn with<'a>(standing: &str, candidates: &'a Value) -> Vec<&'a str> {
    let all = candidates.as_array().unwrap().iter();
    all.filter(|one| one["standing"] == standing).map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn another_ssh_host_gets_the_command_lines_secret_alone_and_the_probe_says_what_it_passed_over() {
    let far = far();
    // The same host by another name: for all that is known here, another one.
    far.user.configure(&format!("Host other\n  HostName {}\n  User root", far.hosts.far.address));
    let (code, report) = probe(&far, &["--token", TOKEN]);
    let target = &report["targets"][0];
    assert_eq!(
        (code, &target["via"], &target["connect"]["rpcOk"]),
        (Some(0), &json!("--ssh"), &json!(true)),
        "{report}"
    );
    assert_eq!(
        (with("taken", &report["places"]), with("taken", &target["credentials"])),
        (vec!["--ssh"], vec!["--token"])
    );

    // Who names a certificate wants one to be shown: the gateway there has none, and gets no token.
    let pin = format!("sha256:{}", "ab".repeat(32));
    let (code, report) = probe(&far, &["--token", TOKEN, "--timeout", "3000", "--tls-fingerprint", &pin]);
    assert!(code != Some(0) && !report["ok"].as_bool().unwrap(), "{report}");

    let (code, report) = probe(&far, &[]);
    assert_eq!((code, &report["error"]["code"]), (Some(4), &json!("AUTH_TOKEN_MISSING")), "{report}");
    let report = &report["error"]["details"];
    let credentials = &report["targets"][0]["credentials"];
    assert_eq!(with("taken", credentials), Vec::<&str>::new(), "{report}");
    for (passed, name) in
        [(&report["places"], "gateway.remote.sshTarget"), (credentials, "gateway.remote.token")]
    {
        assert!(with("passed-over", passed).contains(&name), "{name}: {report}");
    }
    assert!(!report.to_string().contains(TOKEN), "{report}");
}
