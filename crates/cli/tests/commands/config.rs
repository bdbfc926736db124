//! `openclaw config`: changing the file from the command line.

use crate::support::Home;
use serde_json::json;

const CONFIG: &str = "{\n  // mine\n  gateway: { port: 5000, auth: { mode: 'token', token: 'hunter2' } },\n  tools: { deny: ['exec', 'read'] },\n}\n";

fn text(home: &Home) -> String {
    std::fs::read_to_string(home.state().join("openclaw.json")).unwrap()
}

#[test]
fn a_patch_is_merged_and_says_what_a_running_gateway_takes_up() {
    let home = Home::with_config(CONFIG);
    let patch = home.state().join("patch.json5");
    std::fs::write(&patch, "{ logging: { level: 'debug' }, gateway: { port: 6000 } } // two values").unwrap();
    let patch = patch.display().to_string();
    let dry = home.run(&["config", "patch", "--file", &patch, "--dry-run"]);
    assert!(
        dry.code == 0 && dry.out.contains("would change") && text(&home) == CONFIG,
        "{}{}",
        dry.out,
        dry.err
    );
    let done = home.run(&["config", "patch", "--file", &patch, "--json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let report = done.json();
    assert_eq!(report["changedPaths"], json!(["gateway.port", "logging.level"]));
    assert_eq!((&report["live"], &report["restart"]), (&json!(["logging.level"]), &json!(["gateway.port"])));
    assert!(text(&home).contains("// mine") && text(&home).contains("port: 6000"), "{}", text(&home));
    let again = home.run(&["config", "patch", "--file", &patch]);
    assert!(again.code == 0 && again.out.contains("no change"), "{}", again.out);

    std::fs::write(home.state().join("patch.json5"), "{ tools: { deny: ['read'] } }").unwrap();
    let shorter = home.run(&["config", "patch", "--file", &patch]);
    assert!(shorter.code == 2 && shorter.err.contains("--replace-path"), "{}{}", shorter.code, shorter.err);
    let meant = home.run(&["config", "patch", "--file", &patch, "--replace-path", "tools.deny"]);
    assert!(
        meant.code == 0 && meant.out.contains("takes it up by itself, unless"),
        "{}{}",
        meant.out,
        meant.err
    );
    let gone = home.run(&["config", "patch", "--file", "/nowhere/patch.json5"]);
    assert!(gone.code == 2 && gone.err.contains("/nowhere/patch.json5"), "{}", gone.err);
}

#[test]
fn what_a_change_says_of_a_running_gateway_is_what_happens() {
    let patched = |config: &str, patch: &str| {
        let home = Home::with_config(config);
        let file = home.state().join("patch.json5");
        std::fs::write(&file, patch).unwrap();
        let ran = home.run(&["config", "patch", "--file", &file.display().to_string()]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.lines().last().unwrap().to_owned()
    };
    let behind = "{ env: { vars: { T: 'one', U: 'two' } }, gateway: { auth: { token: '${T}' } } }";
    let off = "{ gateway: { reload: { mode: 'off' } } }";
    for (config, patch, want) in [
        (
            CONFIG,
            "{ logging: { level: 'debug' }, gateway: { port: 6000 } }",
            "a running gateway takes up logging.level by itself, unless its log says why not, and gateway.port when it is started again",
        ),
        (behind, "{ env: { vars: { T: 'new' } } }", "a running gateway takes it up when it is started again"),
        (
            behind,
            "{ env: { vars: { U: 'new' } } }",
            "a running gateway takes it up by itself, unless its log says why not",
        ),
        (off, "{ logging: { level: 'debug' } }", "a running gateway takes it up when it is started again"),
        (
            CONFIG,
            "{ gateway: { remote: { url: 'ws://127.0.0.1:1' } } }",
            "a running gateway does not go by it",
        ),
    ] {
        assert_eq!(patched(config, patch), want, "{patch}");
    }
}

#[test]
fn a_change_can_be_bound_to_the_file_that_it_was_made_for() {
    let home = Home::with_config(CONFIG);
    let hash = home.run(&["config", "file", "--json"]).json()["hash"].as_str().unwrap().to_owned();
    let set = |value: &str| home.run(&["config", "set", "gateway.port", value, "--base-hash", &hash]);
    assert_eq!(set("7000").code, 0);
    let stale = set("8000");
    assert!(
        stale.code == 1 && stale.err.contains(&hash) && stale.err.contains("nothing was changed"),
        "{}",
        stale.err
    );
    assert_eq!(home.run(&["config", "get", "gateway.port"]).out.trim(), "7000");
}

#[test]
fn values_can_be_merged_or_must_be_json() {
    let home = Home::with_config(CONFIG);
    let merged =
        home.run(&["config", "set", "gateway.auth", "{\"rateLimit\":{\"maxAttempts\":3}}", "--merge"]);
    assert_eq!(merged.code, 0, "{}", merged.err);
    assert!(text(&home).contains("hunter2"), "{}", text(&home));
    let loose = home.run(&["config", "set", "tools.exec.node", "mac", "--strict-json"]);
    assert!(loose.code == 2 && loose.err.contains("no JSON"), "{}", loose.err);
}

#[test]
fn the_schema_says_what_there_may_be() {
    let home = Home::new();
    let whole = home.run(&["config", "schema"]).json();
    assert_eq!(whole["properties"]["gateway"]["properties"]["port"]["maximum"], 65535);
    let one = home.run(&["config", "schema", "gateway.auth.mode", "--json"]).json();
    assert_eq!(
        (&one["schema"]["enum"], &one["reload"]),
        (&json!(["none", "token", "password", "trusted-proxy"]), &json!("restart"))
    );
    let none = home.run(&["config", "schema", "gateway.prot"]);
    assert!(none.code != 0 && none.err.contains("gateway.prot"), "{}", none.err);
}

#[test]
fn a_file_that_is_managed_elsewhere_is_left_alone() {
    let home = Home::with_config("{ gateway: { $include: './gw.json5' } }");
    std::fs::write(home.state().join("gw.json5"), "{ port: 5000 }").unwrap();
    let there = home.run(&["config", "unset", "gateway.port"]);
    assert!(there.code == 2 && there.err.contains("gw.json5"), "{}", there.err);
    assert_eq!(home.run(&["config", "set", "gateway.port", "6000"]).code, 0);
    assert_eq!(home.run(&["config", "get", "gateway.port"]).out.trim(), "6000");
    assert_eq!(std::fs::read_to_string(home.state().join("gw.json5")).unwrap(), "{ port: 5000 }");
}

#[test]
fn the_first_change_of_all_makes_a_state_directory_that_nobody_else_can_look_into() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    assert_eq!(home.run(&["config", "set", "gateway.port", "18790"]).code, 0);
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(home.state()), mode(home.state().join("openclaw.json"))], [0o700, 0o600]);
    let report = home.run_with(&["doctor", "--json"], &[("PATH", "/usr/bin:/bin")]).json();
    assert_eq!(report["findings"], serde_json::json!([]), "{report}");
}

#[test]
fn several_values_are_set_at_once_or_none() {
    let home = Home::with_config(CONFIG);
    let batch = r#"[{"path": "gateway.port", "value": 6000}, {"path": "logging.level", "value": "debug"},
        {"path": "gateway.auth.token", "ref": {"source": "env", "provider": "default", "id": "TOKEN"}},
        {"path": "gateway.port", "value": 6001}]"#;
    for (wrong, what) in [
        ("{}", "no list"),
        ("[]", "empty"),
        (r#"[{"path": "gateway.port", "value": 6000}, {"path": "gateway.port"}]"#, "item 2"),
        (r#"[{"value": 1}]"#, "item 1"),
        (
            r#"[{"path": "gateway.port", "value": 6000}, {"path": "gateway.port", "value": "many"}]"#,
            "gateway.port",
        ),
    ] {
        let ran = home.run(&["config", "set", "--batch-json", wrong]);
        assert!(ran.code != 0 && ran.err.contains(what), "{wrong}: {}{}", ran.code, ran.err);
        assert_eq!(text(&home), CONFIG, "{wrong}");
    }
    std::fs::write(home.path().join("batch.json"), batch).unwrap();
    let dry = home.run(&["config", "set", "--batch-file", "batch.json", "--dry-run"]);
    assert!(dry.code == 0 && text(&home) == CONFIG, "{}{}", dry.out, dry.err);
    let done = home.run(&["config", "set", "--batch-file", "batch.json", "--json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let changed = done.json()["changedPaths"].as_array().unwrap().len();
    assert!(changed >= 3, "{}", done.out);
    let now = text(&home);
    assert!(now.contains("// mine") && now.contains("6001") && !now.contains("hunter2"), "{now}");
    assert_eq!(home.run(&["config", "set", "gateway.port", "1", "--batch-json", "[]"]).code, 2);
}

#[test]
fn a_value_is_changed_only_where_the_expected_one_stands() {
    let home = Home::with_config(CONFIG);
    let set = |expected: &[&str]| home.run(&[&["config", "set", "gateway.port", "6000"], expected].concat());
    for expected in [&["--expect-current-absent"][..], &["--expect-current-json", "4999"]] {
        let ran = set(expected);
        assert!(ran.code == 1 && text(&home) == CONFIG, "{expected:?}: {}{}", ran.code, ran.err);
    }
    assert_eq!(set(&["--expect-current-json", "many"]).code, 2);
    assert_eq!(set(&["--expect-current-json", "5000"]).code, 0);
    let absent = home.run(&["config", "set", "logging.level", "debug", "--expect-current-absent"]);
    assert_eq!(absent.code, 0, "{}", absent.err);
}
