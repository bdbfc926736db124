//! `openclaw security audit`: what it finds in configurations, on disk, and at a running gateway.

use super::{Gateway, Home, PATH, TOKEN, Value, configure, everything, fs, lived_in, mode, set_mode};
use crate::support::{Ran, free_port};
use serde_json::json;

fn audit(home: &Home, args: &[&str]) -> Ran {
    home.run_with(&[&["security", "audit"], args].concat(), &[("PATH", PATH)])
}

/// Ids and severities of what is found but the summary of what there is, and the exit code.
fn found(home: &Home, args: &[&str]) -> (Vec<(String, String)>, i32) {
    let ran = audit(home, &[&["--json"], args].concat());
    let report = ran.json();
    (ids(&report), ran.code)
}

fn ids(report: &Value) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{report}")).iter();
    findings
        .map(|finding| (text(finding, "checkId"), text(finding, "severity")))
        .filter(|(id, _)| id != "summary.attack_surface" && id != "config.secrets.plain_in_config")
        .collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = wanted.iter().map(|(id, how)| ((*id).to_owned(), (*how).to_owned())).collect();
    pairs.sort();
    pairs
}

fn config(gateway: &str, more: &str) -> String {
    format!("{{ gateway: {{ port: {}, {gateway} }}, {more} }}\n", free_port())
}

const SECRET: &str = "auth: { token: \"long-random-token-of-a-test\" }";
const LIMIT: &str = "rateLimit: { lockoutMs: 0 }";

#[test]
fn a_private_gateway_has_nothing_but_its_summary_and_looking_changes_nothing() {
    let home = lived_in();
    let before = everything(home.path());
    let ran = audit(&home, &["--json"]);
    let report = ran.json();
    assert_eq!((ids(&report), ran.code), (vec![], 0), "{report:#}");
    assert_eq!((&report["summary"]["critical"], &report["summary"]["warn"]), (&json!(0), &json!(0)));
    assert!(!ran.out.contains(TOKEN), "{}", ran.out);
    assert_eq!(everything(home.path()), before);
    let page = audit(&home, &[]);
    assert!(page.code == 0 && page.out.contains("0 critical · 0 warn"), "{}{}", page.out, page.err);
}

#[test]
fn each_way_in_is_found_and_the_same_gateway_without_it_has_nothing() {
    let home = lived_in();
    let telegram = |settings: &str| format!("channels: {{ telegram: {{ botToken: \"1:a\", {settings} }} }}");
    for (gateway, more, wanted) in [
        (&format!("bind: \"lan\", {SECRET}"), String::new(), &[("gateway.bind_no_tls", "warn")][..]),
        (
            &format!("bind: \"lan\", auth: {{ token: \"long-random-token-of-a-test\", {LIMIT} }}"),
            String::new(),
            &[("gateway.auth_rate_limit_weak", "warn"), ("gateway.bind_no_tls", "warn")],
        ),
        (
            &"bind: \"lan\", auth: { token: \"short\" }".to_owned(),
            String::new(),
            &[("gateway.bind_no_tls", "warn"), ("gateway.token_too_short", "critical")],
        ),
        (
            &format!("trustedProxies: [\"0.0.0.0/0\"], {SECRET}"),
            String::new(),
            &[("gateway.trusted_proxies_wide", "critical")],
        ),
        (
            &format!("controlUi: {{ allowedOrigins: [\"*\"] }}, {SECRET}"),
            String::new(),
            &[("gateway.control_ui.allowed_origins_wildcard", "warn")],
        ),
        // A tailnet encrypts what goes over it.
        (
            &format!("bind: \"tailnet\", auth: {{ token: \"long-random-token-of-a-test\", {LIMIT} }}"),
            String::new(),
            &[("gateway.auth_rate_limit_weak", "warn")],
        ),
        (
            &"auth: { mode: \"password\", password: \"correct horse battery staple\" }".to_owned(),
            String::new(),
            &[("config.secrets.gateway_password_in_config", "warn")],
        ),
        (
            &SECRET.to_owned(),
            telegram("dmPolicy: \"open\", allowFrom: [\"*\"]"),
            &[
                ("channels.telegram.dm.open", "critical"),
                ("channels.telegram.dm.scope_main_multiuser", "warn"),
                ("security.exposure.open_channels_with_exec", "critical"),
            ],
        ),
        (
            &SECRET.to_owned(),
            telegram("dmPolicy: \"open\", allowFrom: [\"*\"]")
                + ", tools: { exec: { mode: \"ask\" } }, session: { dmScope: \"per-channel-peer\" }",
            &[("channels.telegram.dm.open", "critical")],
        ),
        (
            &SECRET.to_owned(),
            telegram("allowFrom: [1]") + ", tools: { exec: { mode: \"full\" } }",
            &[("tools.exec.security_full_configured", "warn")],
        ),
        (
            &format!("nodes: {{ commands: {{ allow: [\"camera.snap\"], deny: [\"rm *\"] }} }}, {SECRET}"),
            String::new(),
            &[
                ("gateway.nodes.allow_commands_dangerous", "warn"),
                ("gateway.nodes.deny_commands_ineffective", "warn"),
            ],
        ),
        (
            &SECRET.to_owned(),
            "tools: { web: { fetch: { ssrfPolicy: { dangerouslyAllowPrivateNetwork: true } } } }".to_owned(),
            &[("config.insecure_or_dangerous_flags", "warn")],
        ),
        (
            &SECRET.to_owned(),
            telegram("allowFrom: [1]") + ", session: { groupScope: \"main\" }",
            &[("security.trust_model.group_scope_main", "warn")],
        ),
    ] {
        configure(&home, &config(gateway, &more));
        let (mut ids, code) = found(&home, &[]);
        ids.sort();
        assert_eq!((ids, code), (pairs(wanted), 9), "{gateway} {more}");
    }
    configure(&home, &config(SECRET, &telegram("allowFrom: [1]")));
    assert_eq!(found(&home, &[]), (vec![], 0));
}

#[test]
fn fixing_closes_files_and_groups_and_leaves_secrets_and_addresses_alone() {
    let home = lived_in();
    let groups = "groupPolicy: \"open\", groups: { \"-100\": { groupPolicy: \"open\" } }";
    let telegram = format!("channels: {{ telegram: {{ botToken: \"1:a\", {groups} /* mine */ }} }}");
    configure(&home, &config("bind: \"lan\", auth: { token: \"short\" }", &telegram));
    let file = home.state().join("openclaw.json");
    set_mode(&file, 0o644);
    let ran = audit(&home, &["--fix", "--json"]);
    let told = ran.json();
    assert_eq!((ran.code, &told["fix"]["ok"]), (9, &json!(true)), "{told:#}");
    assert_eq!(told["fix"]["changes"].as_array().unwrap().len(), 3, "{told:#}");
    let left = pairs(&[("gateway.bind_no_tls", "warn"), ("gateway.token_too_short", "critical")]);
    let mut ids = ids(&told["report"]);
    ids.sort();
    assert_eq!(ids, left, "{told:#}");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!((mode(&file), text.matches("\"allowlist\"").count()), (0o600, 2), "{text}");
    assert!(text.contains("/* mine */") && text.contains("\"short\"") && text.contains("\"lan\""), "{text}");
}

#[test]
fn an_interpreter_on_the_list_and_a_synced_directory_are_found() {
    let home = Home::new();
    let state = home.path().join("Dropbox/openclaw");
    fs::create_dir_all(&state).unwrap();
    set_mode(&state, 0o700);
    let approvals = json!({"version": 1, "agents": {"main": {"allowlist": [
        {"pattern": "/usr/bin/python3"}, {"pattern": "/usr/bin/git"}, {"pattern": "bash", "argPattern": "^x$"},
    ]}}});
    fs::write(state.join("exec-approvals.json"), approvals.to_string()).unwrap();
    set_mode(&state.join("exec-approvals.json"), 0o600);
    let ran = home.run_with(
        &["security", "audit", "--json"],
        &[("OPENCLAW_STATE_DIR", state.to_str().unwrap()), ("PATH", PATH)],
    );
    let mut ids = ids(&ran.json());
    ids.sort();
    let interpreter = "tools.exec.allowlist_interpreter_without_strict_inline_eval";
    assert_eq!(ids, pairs(&[("fs.synced_dir", "warn"), (interpreter, "warn")]), "{}", ran.out);
}

#[test]
fn what_is_meant_can_be_left_out_and_that_is_said() {
    let home = lived_in();
    let known = "security: { audit: { suppressions: [ { checkId: \"gateway.bind_no_tls\", detailIncludes: \"LAN\", reason: \"behind nginx\" } ] } }";
    configure(&home, &config(&format!("bind: \"lan\", {SECRET}"), known));
    let ran = audit(&home, &["--json"]);
    let report = ran.json();
    let active = pairs(&[("security.audit.suppressions.active", "info")]);
    assert_eq!((ids(&report), ran.code), (active, 0), "{report:#}");
    assert_eq!(report["suppressedFindings"][0]["checkId"], "gateway.bind_no_tls");
    let page = audit(&home, &[]);
    assert!(page.out.contains("1 left out by security.audit.suppressions"), "{}", page.out);
}

#[test]
fn what_is_meant_is_not_mended_either() {
    let home = lived_in();
    let known = "security: { audit: { suppressions: [ { checkId: \"channels.telegram.groups.open\", reason: \"a club\" } ] } }";
    let telegram = "channels: { telegram: { botToken: \"1:a\", groupPolicy: \"open\" } }";
    configure(&home, &config(SECRET, &format!("{known}, {telegram}")));
    let before = everything(home.path());
    let told = audit(&home, &["--fix", "--json"]).json();
    assert_eq!(told["fix"]["changes"], json!([]), "{told:#}");
    assert_eq!(told["report"]["suppressedFindings"][0]["checkId"], "channels.telegram.groups.open");
    assert_eq!(everything(home.path()), before);
}

#[test]
fn a_configuration_that_cannot_be_judged_is_not_called_good() {
    let home = lived_in();
    configure(&home, "{ gateway: { \n");
    let (ids, code) = found(&home, &[]);
    assert_eq!((ids, code), (pairs(&[("config.unreadable", "critical")]), 9));
    let page = audit(&home, &[]).out;
    assert!(page.contains("Who can connect, Network: the configuration cannot be read"), "{page}");
    configure(&home, &config("bind: \"mars\"", "channels: { telegram: { dmPolicy: \"open\" } }"));
    let (ids, code) = found(&home, &[]);
    assert!(code == 9 && ids.contains(&("config.invalid".into(), "critical".into())), "{ids:?}");
    let page = audit(&home, &[]).out;
    let unjudged =
        "Secrets, Who can write to the agent, What the agent can run: the configuration cannot be used";
    assert!(page.contains(unjudged), "{page}");
}

#[test]
fn a_deep_audit_asks_the_running_gateway() {
    let home = lived_in();
    let gateway = Gateway::start_with(&home, &[]);
    assert_eq!(found(&home, &["--deep"]), (vec![], 0));
    let page = audit(&home, &["--deep"]).out;
    assert!(page.contains("answers, and lets nobody in who proves nothing"), "{page}");
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
    let page = audit(&home, &["--deep"]).out;
    assert!(page.contains("The running gateway: none runs here"), "{page}");
    configure(&home, &config("auth: { mode: \"none\" }", ""));
    let gateway = Gateway::start_with(&home, &[]);
    configure(&home, &config(SECRET, ""));
    let (ids, code) = found(&home, &["--deep"]);
    assert!(ids.contains(&("gateway.probe_no_auth".into(), "critical".into())) && code == 9, "{ids:?}");
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
    let gateway = Gateway::start_with(&home, &["--bind", "lan"]);
    let (ids, code) = found(&home, &["--deep"]);
    assert_eq!((ids, code), (pairs(&[("gateway.listens_wider", "critical")]), 9));
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
    assert_eq!(found(&home, &["--deep"]), (vec![], 0));
}
