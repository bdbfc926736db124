//! `openclaw doctor` on real state directories: each fault is made, found, mended where it can be, and then gone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/live.rs"]
mod live;
mod support;

use live::{Gateway, PATH, TOKEN};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use support::{Home, Ran, free_port};

/// A state directory as a gateway leaves it, with a configuration as people write it.
fn lived_in() -> Home {
    let port = free_port();
    let home = Home::new();
    fs::create_dir(home.state()).unwrap();
    fs::set_permissions(home.state(), Permissions::from_mode(0o700)).unwrap();
    configure(
        &home,
        &format!("{{ gateway: {{ mode: \"local\", port: {port}, auth: {{ token: \"{TOKEN}\" }} }} }}\n"),
    );
    let gateway = Gateway::start_with(&home, &[]);
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
    home
}

fn configure(home: &Home, text: &str) {
    let file = home.state().join("openclaw.json");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn doctor(home: &Home, args: &[&str]) -> Ran {
    home.run_with(&[&["doctor"], args].concat(), &[("PATH", PATH)])
}

/// The ids of what is found, and the exit code.
fn found(home: &Home, args: &[&str]) -> (Vec<String>, i32) {
    let ran = doctor(home, &[&["--json"], args].concat());
    let report = ran.json();
    let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{report}"));
    let ids = findings.iter().map(|finding| finding["checkId"].as_str().unwrap().to_owned()).collect();
    (ids, ran.code)
}

/// The one finding of this kind.
fn finding(home: &Home, id: &str) -> Value {
    let report = doctor(home, &["--json"]).json();
    let findings = report["findings"].as_array().unwrap();
    let one = findings.iter().find(|finding| finding["checkId"] == id);
    one.unwrap_or_else(|| panic!("no {id} in {report:#}")).clone()
}

/// Everything below a directory, with what a look must not change.
fn everything(dir: &Path) -> Vec<(PathBuf, u32, i64, u64)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        let data = fs::symlink_metadata(&entry).unwrap();
        if data.is_dir() {
            all.extend(everything(&entry));
        }
        all.push((entry, data.mode(), data.mtime_nsec() + data.mtime(), data.len()));
    }
    all.sort();
    all
}

const CLEAN: (Vec<String>, i32) = (Vec::new(), 0);

#[test]
fn a_clean_host_has_nothing_to_be_done_and_looking_changes_nothing() {
    let empty = Home::new();
    assert_eq!(found(&empty, &[]), CLEAN, "nothing is installed yet");
    assert!(fs::read_dir(empty.path()).unwrap().next().is_none(), "looking makes nothing");
    let home = lived_in();
    let before = everything(home.path());
    assert_eq!(found(&home, &[]), CLEAN);
    assert_eq!(found(&home, &["--deep"]), CLEAN);
    assert_eq!(everything(home.path()), before);
    let ran = doctor(&home, &[]);
    assert!(ran.code == 0 && ran.out.contains("Nothing to do."), "{}{}", ran.out, ran.err);
    let fixed = doctor(&home, &["--fix", "--json"]).json();
    assert_eq!((&fixed["fixed"], &fixed["ok"]), (&serde_json::json!([]), &Value::Bool(true)), "{fixed}");
    assert_eq!(everything(home.path()), before, "there is nothing to mend");
}

#[test]
fn files_that_others_can_read_or_change_are_found_and_closed() {
    let home = lived_in();
    let state = home.state();
    fs::write(state.join("extra.json5"), "{}\n").unwrap();
    configure(
        &home,
        &format!("{{ $include: \"extra.json5\", gateway: {{ auth: {{ token: \"{TOKEN}\" }} }} }}\n"),
    );
    fs::write(state.join("openclaw.json.bak"), "{}").unwrap();
    fs::create_dir_all(state.join("credentials")).unwrap();
    fs::write(state.join("credentials/gateway-token"), "0123456789012345678901234567890123456789\n").unwrap();
    let open = [
        ("", 0o777, 0o700, "fs.state_dir.perms_world_writable"),
        ("openclaw.json", 0o644, 0o600, "fs.config.perms_world_readable"),
        ("extra.json5", 0o620, 0o600, "fs.config_include.perms_writable"),
        ("openclaw.json.bak", 0o640, 0o600, "fs.config_backup.perms_readable"),
        ("credentials", 0o750, 0o700, "fs.credentials_dir.perms_readable"),
        ("credentials/gateway-token", 0o666, 0o600, "fs.credentials_dir.perms_writable"),
        ("identity/gateway.key", 0o604, 0o600, "fs.identity.perms_readable"),
        ("state/gateway.sqlite", 0o644, 0o600, "fs.sessions_store.perms_readable"),
        ("logs", 0o755, 0o700, "fs.log_file.perms_readable"),
    ];
    for (name, bits, _, _) in open {
        set_mode(&state.join(name), bits);
    }
    let (ids, code) = found(&home, &[]);
    assert_eq!(code, 8);
    for (name, bits, _, id) in open {
        assert!(ids.iter().any(|found| found == id), "{name}: {id} in {ids:?}");
        assert_eq!(mode(&state.join(name)), bits, "looking changed {name}");
    }
    assert_eq!(finding(&home, "fs.config.perms_world_readable")["severity"], "error");
    let ran = doctor(&home, &["--fix"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("openclaw.json: mode 0644 is 0600 now"), "{}", ran.out);
    for (name, _, closed, _) in open {
        assert_eq!(mode(&state.join(name)), closed, "{name}");
    }
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn what_a_link_leads_to_and_what_is_anothers_is_never_touched() {
    let home = lived_in();
    let outside = home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let stale = ".operator.json.2f1c7a52-0d3e-4f7e-9d63-5f1c0a9f7c11.tmp";
    for name in ["key", stale] {
        fs::write(outside.join(name), "x").unwrap();
        set_mode(&outside.join(name), 0o666);
        age(&outside.join(name));
    }
    set_mode(&outside, 0o777);
    symlink(&outside, home.state().join("credentials")).unwrap();
    symlink(outside.join("key"), home.state().join("identity/other.key")).unwrap();
    symlink(outside.join(stale), home.state().join("identity").join(stale)).unwrap();
    let foreign = home.state().join("identity/foreign.key");
    fs::write(&foreign, "x").unwrap();
    set_mode(&foreign, 0o644);
    std::os::unix::fs::chown(&foreign, Some(12345), None).unwrap();
    let before = everything(&outside);
    let ran = doctor(&home, &["--fix"]);
    assert!(ran.out.contains("belongs to user 12345"), "{}", ran.out);
    assert_eq!((ran.code, mode(&foreign)), (8, 0o644));
    assert_eq!(everything(&outside), before);
    assert!(home.state().join("identity").join(stale).is_symlink());
}

/// Makes a file an hour old.
fn age(file: &Path) {
    let hour_ago = fs::metadata(file).unwrap().modified().unwrap() - std::time::Duration::from_secs(3600);
    fs::File::options().write(true).open(file).unwrap().set_modified(hour_ago).unwrap();
}

#[test]
fn what_a_crash_left_half_written_is_removed_and_what_is_being_written_stays() {
    let home = lived_in();
    let name = |of: &str| home.state().join(format!("{of}.2f1c7a52-0d3e-4f7e-9d63-5f1c0a9f7c11.tmp"));
    let (stale, fresh, mine) =
        (name("openclaw.json"), name("identity/.operator.json"), home.state().join("my.tmp"));
    for file in [&stale, &fresh, &mine] {
        fs::write(file, "half").unwrap();
        set_mode(file, 0o600);
    }
    age(&stale);
    age(&mine);
    assert_eq!(found(&home, &[]), (vec!["state.half_written".to_owned()], 0), "it is only worth knowing");
    let ran = doctor(&home, &["--fix"]);
    assert!(ran.code == 0 && ran.out.contains("removed"), "{}", ran.out);
    assert_eq!((stale.exists(), fresh.exists(), mine.exists()), (false, true, true));
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn a_broken_configuration_is_named_with_its_place_and_the_way_back() {
    let home = lived_in();
    let set = home.run(&["config", "set", "gateway.reload.mode", "off"]);
    assert_eq!(set.code, 0, "{}", set.err);
    configure(&home, "{ gateway: { port: 99999,\n  auth: { mode: \"tokn\" } } }\n");
    let report = doctor(&home, &["--json"]).json();
    let errors: Vec<&Value> =
        report["findings"].as_array().unwrap().iter().filter(|f| f["checkId"] == "config.invalid").collect();
    assert_eq!(errors.len(), 2, "{report:#}");
    assert!(errors[0]["path"].as_str().unwrap().ends_with("openclaw.json:1:20 gateway.port"), "{report:#}");
    assert!(errors[0]["fixHint"].as_str().unwrap().contains("openclaw.json.bak"), "{report:#}");
    configure(&home, "{ gateway: {\n");
    assert_eq!(finding(&home, "config.unreadable")["severity"], "error");
    assert_eq!(doctor(&home, &["--fix"]).code, 8, "nobody can guess what was meant");
    let back = home.state().join("openclaw.json.bak");
    fs::copy(&back, home.state().join("openclaw.json")).unwrap();
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn keys_of_the_past_are_written_as_they_are_now() {
    let home = lived_in();
    configure(
        &home,
        &format!(
            "{{ // mine\n  gateway: {{ auth: {{ token: \"{TOKEN}\" }}, reload: {{ mode: \"hot\" }} }},\n  tools: {{ exec: {{ timeoutSec: 60 }} }},\n  agents: {{ list: [ {{ id: \"main\", name: \"M\" }}, {{ id: \"b\", default: true }} ] }} }}\n"
        ),
    );
    let (ids, code) = found(&home, &[]);
    assert_eq!((ids.as_slice(), code), (&["config.legacy_key"; 3].map(String::from)[..], 8));
    let ran = doctor(&home, &["--fix"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(found(&home, &[]), CLEAN);
    let text = fs::read_to_string(home.state().join("openclaw.json")).unwrap();
    assert!(
        text.contains("// mine") && text.contains("timeoutSeconds") && !text.contains("timeoutSec:"),
        "{text}"
    );
    let get = |path: &str| home.run(&["config", "get", path, "--json"]).json();
    assert_eq!(get("agents.entries")["b"]["default"], true);
    assert_eq!(home.run(&["config", "get", "agents.list"]).code, 1);
}
