//! `openclaw doctor` on real state directories: each fault is made, found, mended where it can be, and then gone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "doctor/audit.rs"]
mod audit;
#[path = "support/live.rs"]
mod live;
#[path = "doctor/mending.rs"]
mod mending;
#[path = "support/recorded.rs"]
mod recorded;
mod support;
#[path = "doctor/tls.rs"]
mod tls;

use live::{Gateway, PATH, TOKEN};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
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
fn accounts_of_telegram_with_one_bot_are_found() {
    let home = lived_in();
    let with = |other: &str| {
        let gateway = format!("gateway: {{ mode: \"local\", auth: {{ token: \"{TOKEN}\" }} }}");
        let twice = format!("accounts: {{ twin: {{ botToken: \"{other}\" }} }}");
        configure(
            &home,
            &format!("{{ {gateway}, channels: {{ telegram: {{ botToken: \"1:a\", {twice} }} }} }}\n"),
        );
    };
    with("1:a");
    let found_it = finding(&home, "channels.telegram.token_shared");
    assert_eq!(found_it["path"], "channels.telegram.accounts.twin", "{found_it}");
    let validated = home.run(&["config", "validate"]);
    let said = format!("{}{}", validated.out, validated.err);
    assert!(validated.code == 0 && said.contains("has the bot of the account \"default\""), "{said}");
    with("2:a");
    assert_eq!(found(&home, &[]), CLEAN);
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
    assert_eq!(code, 9);
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
    assert_eq!(doctor(&home, &["--fix"]).code, 9, "nobody can guess what was meant");
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
    assert_eq!((ids.as_slice(), code), (&["config.legacy_key"; 3].map(String::from)[..], 9));
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

/// The text of the configuration with its port, and more of `gateway`.
fn with_gateway(more: &str) -> String {
    format!("{{ gateway: {{ mode: \"local\", port: {}, {more} }} }}\n", free_port())
}

#[test]
fn an_open_gateway_asks_for_a_token_again() {
    let home = lived_in();
    configure(&home, &with_gateway("bind: \"lan\", auth: { mode: \"none\" } // for the TV\n"));
    let (ids, code) = found(&home, &[]);
    assert!(code == 9 && ids.contains(&"gateway.bind_no_auth".to_owned()), "{ids:?}");
    assert!(ids.contains(&"config.invalid".to_owned()), "it is refused as a whole: {ids:?}");
    let ran = doctor(&home, &["--fix"]);
    let told = ["gateway.auth.mode is \"token\" now", "gateway.bind is \"loopback\" now"];
    assert!(ran.code == 0 && told.iter().all(|told| ran.out.contains(told)), "{}{}", ran.out, ran.err);
    let text = fs::read_to_string(home.state().join("openclaw.json")).unwrap();
    assert!(
        text.contains("// for the TV") && !text.contains("token: "),
        "nobody has chosen a secret: {text}"
    );
    assert_eq!(found(&home, &[]), CLEAN);
    configure(&home, &with_gateway("auth: { mode: \"none\" }"));
    assert_eq!(found(&home, &[]), (vec!["gateway.loopback_no_auth".to_owned()], 9));
    assert_eq!(doctor(&home, &["--fix"]).code, 0);
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn secrets_that_can_be_guessed_or_are_not_there_are_found_and_ours_are_renewed() {
    let home = lived_in();
    for (auth, id) in [
        ("token: \"changeme\"", "gateway.token_placeholder_value"),
        ("token: \"short-one\"", "gateway.token_too_short"),
    ] {
        configure(&home, &with_gateway(&format!("auth: {{ {auth} }}")));
        assert_eq!(found(&home, &[]), (vec![id.to_owned()], 9), "{auth}");
        let ran = doctor(&home, &["--fix"]);
        assert!(
            ran.code == 0 && ran.out.contains("gateway.auth.token is a new random one"),
            "{}{}",
            ran.out,
            ran.err
        );
        let token = fs::read_to_string(home.state().join("openclaw.json")).unwrap();
        let token = token.split('"').find(|part| part.len() == 43).unwrap_or_else(|| panic!("{token}"));
        assert!(!ran.out.contains(token), "a secret is never shown");
        assert_eq!(found(&home, &[]), CLEAN);
    }
    for (auth, id) in [
        ("mode: \"password\", password: \"hunter2\"", "gateway.password_too_short"),
        ("mode: \"password\"", "gateway.auth_secret_missing"),
        ("token: \"${NO_SUCH_VARIABLE}\"", "gateway.auth_secret_missing"),
    ] {
        configure(&home, &with_gateway(&format!("auth: {{ {auth} }}")));
        assert_eq!(
            found(&home, &["--fix"]),
            (vec![id.to_owned()], 9),
            "{auth}: nobody can choose it for them"
        );
    }
    configure(&home, &with_gateway("auth: { mode: \"token\" }"));
    let kept = home.state().join("credentials/gateway-token");
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    set_mode(kept.parent().unwrap(), 0o700);
    fs::write(&kept, "half").unwrap();
    set_mode(&kept, 0o600);
    assert_eq!(found(&home, &[]), (vec!["gateway.generated_token_damaged".to_owned()], 9));
    assert_eq!(doctor(&home, &["--fix"]).code, 0);
    assert_eq!(fs::read_to_string(&kept).unwrap().trim().len(), 43);
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn a_port_that_another_program_has_is_named_with_that_program() {
    let home = lived_in();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    configure(&home, &format!("{{ gateway: {{ port: {port}, auth: {{ token: \"{TOKEN}\" }} }} }}\n"));
    let found_there = finding(&home, "gateway.port_taken");
    let message = found_there["message"].as_str().unwrap();
    assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    assert_eq!(doctor(&home, &["--fix"]).code, 9, "no program is ever stopped");
    drop(taken);
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn a_running_gateway_is_asked_and_one_that_hangs_is_named() {
    let home = lived_in();
    let gateway = Gateway::start_with(&home, &[]);
    assert_eq!(found(&home, &[]), CLEAN);
    let ran = doctor(&home, &[]);
    assert!(
        ran.out.contains(&format!("process {}", gateway.program.pid())) && ran.out.contains("answers"),
        "{}",
        ran.out
    );
    let pid = gateway.program.pid().to_string();
    let signal = |name: &str| {
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    let ran = doctor(&home, &["--json", "--timeout", "500"]);
    signal("-CONT");
    let report = ran.json();
    assert_eq!(
        (ran.code, &report["findings"][0]["checkId"]),
        (9, &Value::from("gateway.not_answering")),
        "{report:#}"
    );
    assert!(
        report["findings"][0]["fixHint"].as_str().unwrap().contains(&format!("kill {pid}")),
        "{report:#}"
    );
    assert_eq!(gateway.program.stop("-TERM"), Some(0));

    let elsewhere = Gateway::start_with(&home, &["--port", "0"]);
    assert_eq!(found(&home, &[]), (vec!["gateway.other_port".to_owned()], 0));
    assert_eq!(elsewhere.program.stop("-TERM"), Some(0));
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn a_lock_that_is_no_file_is_named_and_a_dead_gateways_lock_is_none() {
    let home = lived_in();
    let gateway = Gateway::start_with(&home, &[]);
    gateway.program.kill();
    assert_eq!(found(&home, &[]), CLEAN, "a lock goes with its process, however that ends");
    let lock = home.state().join("gateway.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    assert_eq!(found(&home, &["--fix"]), (vec!["gateway.lock_unusable".to_owned()], 9));
    fs::rename(&lock, home.state().join("gateway.lock.old")).unwrap();
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn a_damaged_state_file_is_set_aside_when_nobody_uses_it() {
    use std::os::unix::fs::FileExt;
    let home = lived_in();
    let path = home.state().join("state/gateway.sqlite");
    let file = fs::File::options().write(true).open(&path).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    for page in 1..pages {
        file.write_all_at(&[0xA5; 4096], page * 4096).unwrap();
    }
    assert_eq!(found(&home, &[]), (vec!["state.database_damaged".to_owned()], 9));
    let ran = doctor(&home, &["--fix"]);
    assert!(ran.code == 0 && ran.out.contains("set aside"), "{}{}", ran.out, ran.err);
    assert_eq!(
        found(&home, &[]),
        (vec!["state.set_aside".to_owned()], 0),
        "the damaged one is kept, and named"
    );
    assert_eq!(Gateway::start_with(&home, &[]).program.stop("-TERM"), Some(0));
}

#[test]
fn damaged_keys_are_named_and_left_alone() {
    let home = lived_in();
    let key = home.state().join("identity/gateway.key");
    let good = fs::read_to_string(&key).unwrap();
    fs::write(&key, "no key").unwrap();
    let device = home.state().join("identity/operator.json");
    fs::write(&device, "{}").unwrap();
    set_mode(&device, 0o600);
    let both = ["identity.gateway_key_damaged", "identity.device_key_damaged"].map(String::from);
    assert_eq!(found(&home, &["--fix"]), (both.to_vec(), 9));
    assert_eq!(fs::read_to_string(&key).unwrap(), "no key");
    fs::write(&key, good).unwrap();
    fs::remove_file(&device).unwrap();
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn a_clock_that_is_behind_the_files_it_dated_is_wrong() {
    let home = lived_in();
    let file = home.state().join("state/gateway.sqlite");
    let data = fs::metadata(&file).unwrap();
    let open = fs::File::options().write(true).open(&file).unwrap();
    let days = std::time::Duration::from_secs(3 * 24 * 3600);
    open.set_modified(data.modified().unwrap() + days).unwrap();
    let wrong = finding(&home, "host.clock_wrong");
    assert!(wrong["message"].as_str().unwrap().contains("from now"), "{wrong}");
    open.set_modified(data.modified().unwrap()).unwrap();
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn another_time_at_the_gateway_is_told() {
    use std::time::{SystemTime, UNIX_EPOCH};
    #[allow(
        clippy::disallowed_methods,
        reason = "the other gateway's clock is off by this much from the real one"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    for (off, id) in [(0, None), (60_000, Some("warning")), (-3_600_000, Some("error"))] {
        let health = serde_json::json!({"ok": true, "ts": now + off, "durationMs": 1, "channels": {}});
        let gateway = recorded::Recorded::start(&[("health", health)]);
        let home = Home::new();
        let ran = home.run(&["doctor", "--json", "--port", &gateway.port, "--token", recorded::TOKEN]);
        let report = ran.json();
        let skew = report["findings"].as_array().unwrap().iter().find(|f| f["checkId"] == "host.clock_skew");
        assert_eq!(skew.map(|f| f["severity"].as_str().unwrap()), id, "{off}: {report:#}");
    }
}

#[test]
fn a_gateway_elsewhere_that_cannot_be_reached_is_told_with_the_next_step() {
    let home = lived_in();
    let url = format!("ws://127.0.0.1:{}", free_port());
    let remote = |url: &str| {
        format!("{{ gateway: {{ mode: \"remote\", remote: {{ url: \"{url}\", token: \"{TOKEN}\" }} }} }}\n")
    };
    configure(&home, &remote(&url));
    let told = finding(&home, "gateway.unreachable");
    assert!(told["path"] == url.as_str() && !told["fixHint"].as_str().unwrap().is_empty(), "{told}");
    let there = lived_in();
    let gateway = Gateway::start_with(&there, &[]);
    configure(&home, &remote(&format!("ws://127.0.0.1:{}", gateway.port)));
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn an_ssh_server_that_refuses_tunnels_is_told() {
    let home = lived_in();
    let bin = home.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let config = home.path().join("sshd_config");
    // The real one, with a configuration and a key of its own.
    let key = home.path().join("host_key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    let real = ["/usr/sbin/sshd", "/usr/bin/sshd"].into_iter().find(|file| Path::new(file).exists()).unwrap();
    let wrapper = format!("#!/bin/sh\nexec {real} -f {} \"$@\"\n", config.display());
    fs::write(bin.join("sshd"), wrapper).unwrap();
    set_mode(&bin.join("sshd"), 0o755);
    let path = format!("{}:{PATH}", bin.display());
    let ask = |settings: &str| {
        fs::write(&config, format!("HostKey {}\n{settings}\n", key.display())).unwrap();
        home.run_with(&["doctor", "--json"], &[("PATH", &path)])
    };
    for (settings, ids) in [
        ("AllowTcpForwarding no", &["host.sshd_forwarding"][..]),
        ("AllowTcpForwarding yes\nPermitOpen 127.0.0.1:22", &["host.sshd_permit_open"]),
        ("AllowTcpForwarding local", &[]),
    ] {
        let ran = ask(settings);
        let report = ran.json();
        let found: Vec<_> =
            report["findings"].as_array().unwrap().iter().map(|f| f["checkId"].clone()).collect();
        assert_eq!(
            (found.as_slice(), ran.code),
            (ids.iter().map(|id| Value::from(*id)).collect::<Vec<_>>().as_slice(), 0),
            "{settings}: {report:#}"
        );
        assert!(report["skipped"].as_array().unwrap().iter().all(|s| s["check"] != "sshd"), "{report:#}");
    }
}

#[test]
fn one_check_is_run_alone_or_left_out() {
    let home = lived_in();
    set_mode(&home.state().join("openclaw.json"), 0o640);
    let counts = |args: &[&str]| {
        let report = doctor(&home, &[&["--json"], args].concat()).json();
        let of = |key: &str| report[key].as_u64().unwrap();
        (of("checksRun") + of("checksSkipped"), report["findings"].as_array().unwrap().len())
    };
    let (all, found) = counts(&[]);
    assert!(all > 5 && found > 0, "{all} {found}");
    assert_eq!(counts(&["--only", "disk"]).0, 1);
    assert_eq!(counts(&["--only", "disk,permissions"]).0, 2);
    assert_eq!(counts(&["--skip", "disk", "--skip", "permissions"]).0, all - 2);
    assert_eq!(doctor(&home, &["--only", "disk"]).code, 0);
    assert_eq!(doctor(&home, &["--only", "permissions", "--lint", "--yes"]).code, 9);
    let unknown = doctor(&home, &["--only", "nothing"]);
    assert!(unknown.code == 2 && unknown.err.contains("disk"), "{}{}", unknown.code, unknown.err);
    // What is found there is worth a warning.
    assert_eq!(
        counts(&["--only", "permissions", "--severity-min", "warning"]).1,
        counts(&["--only", "permissions"]).1
    );
    assert_eq!(counts(&["--only", "permissions", "--severity-min", "error"]).1, 0);
}
