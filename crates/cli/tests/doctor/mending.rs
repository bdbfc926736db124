//! `openclaw doctor --fix`, and what it keeps its hands off: files that only look like its own, what a link leads to, what
//! belongs to others, and the settings of a gateway that runs.

use super::{CLEAN, configure, doctor, everything, found, fs, lived_in, mode, set_mode, with_gateway};
use crate::live::Gateway;
use crate::support::{Home, Ran};
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

const ID: &str = "2f1c7a52-0d3e-4f7e-9d63-5f1c0a9f7c11";

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
    chown(&foreign, Some(12345), None).unwrap();
    let before = everything(&outside);
    let ran = doctor(&home, &["--fix"]);
    assert!(ran.out.contains("belongs to user 12345"), "{}", ran.out);
    assert_eq!((ran.code, mode(&foreign)), (9, 0o644));
    assert_eq!(everything(&outside), before);
    assert!(home.state().join("identity").join(stale).is_symlink());
}

#[test]
fn in_another_users_installation_it_is_told_once_whose_it_is() {
    let home = lived_in();
    short_token(&home);
    fn give(dir: &Path) {
        for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() && !entry.is_symlink() {
                give(&entry);
            }
            std::os::unix::fs::lchown(&entry, Some(12345), None).unwrap();
        }
        chown(dir, Some(12345), None).unwrap();
    }
    give(&home.state());
    let before = everything(home.path());
    let ran = doctor(&home, &["--fix"]);
    not_done(&ran, "openclaw.json belongs to user 12345");
    assert_eq!(ran.out.matches("run this as user 12345, whose installation it is").count(), 1, "{}", ran.out);
    assert_eq!(ran.out.matches("fs.foreign_owner").count(), 1, "{}", ran.out);
    assert_eq!(everything(home.path()), before);
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

/// An old file.
fn old(file: PathBuf) -> PathBuf {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "half").unwrap();
    set_mode(&file, 0o600);
    age(&file);
    file
}

#[test]
fn a_name_counts_only_in_the_one_directory_where_this_program_gives_it() {
    let home = lived_in();
    let (state, work) = (home.state(), home.path().join("work"));
    let config = home.path().join("mine.json");
    fs::rename(state.join("openclaw.json"), &config).unwrap();
    fs::create_dir(&work).unwrap();
    let text = fs::read_to_string(&config).unwrap();
    let agents = format!("agents: {{ entries: {{ main: {{ workspace: {work:?} }} }} }}, gateway: {{");
    fs::write(&config, text.replacen("gateway: {", &agents, 1)).unwrap();
    let tmp = |of: &str| format!("{of}.{ID}.tmp");
    let names = [
        "gateway.new".to_owned(),
        "exec-approvals.json.new".to_owned(),
        tmp("openclaw.json"),
        tmp("MEMORY.md"),
        tmp(".operator.json"),
        tmp("thesis"),
        format!(".gateway-token.{ID}"),
    ];
    let theirs: Vec<PathBuf> = [home.path(), &work, &state.join("workspace"), &state.join("logs")]
        .iter()
        .flat_map(|dir| names.iter().map(|name| old(dir.join(name))))
        .chain(["gateway.new", &tmp(".thesis"), &tmp(".operator.json")].map(|name| old(state.join(name))))
        .chain([
            old(state.join("identity/exec-approvals.json.new")),
            old(state.join("credentials/gateway.new")),
        ])
        .collect();
    let ours: Vec<PathBuf> = [
        state.join("exec-approvals.json.new"),
        state.join("identity/gateway.new"),
        state.join("identity").join(tmp(".operator.json")),
        state.join("credentials").join(format!(".gateway-token.{ID}")),
        state.join("gateway/tls").join(tmp(".gateway-key.pem.next")),
        home.path().join(tmp("mine.json")),
        home.path().join(tmp("mine.json.bak")),
        home.path().join(tmp("mine.json.broken")),
    ]
    .map(old)
    .into();
    set_mode(&state.join("credentials"), 0o700);
    let at = [("OPENCLAW_CONFIG_PATH", config.to_str().unwrap()), ("PATH", super::PATH)];
    let ran = home.run_with(&["doctor", "--fix"], &at);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for file in &theirs {
        assert!(file.exists(), "{} is gone: {}", file.display(), ran.out);
    }
    for file in &ours {
        assert!(!file.exists(), "{} stays: {}", file.display(), ran.out);
    }
}

/// A configuration that `doctor --fix` would give a new token.
fn short_token(home: &Home) -> PathBuf {
    configure(home, &with_gateway("auth: { token: \"short-one\" }"));
    home.state().join("openclaw.json")
}

fn not_done(ran: &Ran, why: &str) {
    let told = ran.out.lines().any(|line| line.starts_with("not done") && line.contains(why));
    assert!(ran.code == 9 && told, "{why}: {}{}", ran.out, ran.err);
}

#[test]
fn a_configuration_behind_a_link_or_of_another_user_is_not_written() {
    let home = lived_in();
    let file = short_token(&home);
    let elsewhere = home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let real = elsewhere.join("real.json");
    fs::rename(&file, &real).unwrap();
    set_mode(&real, 0o644);
    symlink(&real, &file).unwrap();
    let before = everything(&elsewhere);
    not_done(&doctor(&home, &["--fix"]), "is a symbolic link");
    assert!(file.is_symlink() && everything(&elsewhere) == before);
    fs::remove_file(&file).unwrap();
    fs::rename(&real, &file).unwrap();
    chown(&file, Some(12345), None).unwrap();
    let before = everything(&home.state());
    not_done(&doctor(&home, &["--fix"]), "belongs to user 12345");
    assert_eq!(everything(&home.state()), before);
    chown(&file, Some(0), None).unwrap();
    // What the old one would be kept under is somebody's, too.
    symlink(elsewhere.join("other"), home.state().join("openclaw.json.bak")).unwrap();
    not_done(&doctor(&home, &["--fix"]), "openclaw.json.bak is a symbolic link");
    assert!(fs::read_to_string(&file).unwrap().contains("short-one"));
    fs::remove_file(home.state().join("openclaw.json.bak")).unwrap();
    set_mode(&file, 0o644);
    assert_eq!(doctor(&home, &["--fix"]).code, 0, "it is closed first, and gets the secret then");
    assert_eq!((mode(&file), mode(&home.state().join("openclaw.json.bak"))), (0o600, 0o600));
    assert_eq!(found(&home, &[]), CLEAN);
}

#[test]
fn behind_a_state_directory_that_is_a_link_nothing_is_changed() {
    let home = lived_in();
    short_token(&home);
    old(home.state().join("exec-approvals.json.new"));
    old(home.state().join("identity/gateway.new"));
    set_mode(&home.state().join("identity/gateway.key"), 0o644);
    let real = home.path().join("real");
    fs::rename(home.state(), &real).unwrap();
    symlink(&real, home.state()).unwrap();
    let before = everything(&real);
    for args in [&["doctor", "--fix"][..], &["security", "audit", "--fix"]] {
        let ran = home.run_with(args, &[("PATH", super::PATH)]);
        not_done(&ran, &format!("{} is a symbolic link", home.state().display()));
        assert_eq!(everything(&real), before, "{}", ran.out);
    }
    // A way to write it that leads through the link at once.
    let slash = format!("{}/", home.state().display());
    let ran = home.run_with(&["doctor", "--fix"], &[("OPENCLAW_STATE_DIR", &slash), ("PATH", super::PATH)]);
    not_done(&ran, "is a symbolic link");
    assert_eq!(everything(&real), before, "{}", ran.out);
}

#[test]
fn the_directories_below_are_not_left_by_a_link_either() {
    let home = lived_in();
    configure(&home, &with_gateway("auth: { mode: \"token\" }"));
    let outside = home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    old(outside.join("gateway-token"));
    symlink(&outside, home.state().join("credentials")).unwrap();
    let before = everything(&outside);
    not_done(&doctor(&home, &["--fix"]), "credentials is a symbolic link");
    assert_eq!(everything(&outside), before);
}

#[test]
fn what_the_gateway_refused_to_open_is_closed_and_not_opened() {
    let home = lived_in();
    configure(&home, &with_gateway("bind: \"lan\" /* TV */"));
    assert_eq!(found(&home, &[]), (vec!["gateway.bind_no_secret".to_owned()], 9));
    let ran = doctor(&home, &["--fix"]);
    assert!(ran.code == 0 && ran.out.contains("gateway.bind is \"loopback\" now"), "{}{}", ran.out, ran.err);
    let text = fs::read_to_string(home.state().join("openclaw.json")).unwrap();
    assert!(text.contains("/* TV */") && !text.contains("token"), "nobody was let in: {text}");
    assert_eq!(found(&home, &[]), CLEAN);
    let gateway = Gateway::start_with(&home, &[]);
    assert!(gateway.said["url"].as_str().unwrap().contains("127.0.0.1"), "{}", gateway.said);
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
}

#[test]
fn who_may_come_in_stays_as_it_is_while_a_gateway_runs() {
    let home = lived_in();
    for auth in ["token: \"short-one\"", "mode: \"none\""] {
        configure(&home, &with_gateway(&format!("auth: {{ {auth} }}")));
        let gateway = Gateway::start_with(&home, &[]);
        let before = fs::read(home.state().join("openclaw.json")).unwrap();
        let ran = doctor(&home, &["--fix"]);
        let stop = format!("stop the gateway (process {}) first", gateway.program.pid());
        assert!(ran.code == 9 && ran.out.contains(&stop), "{auth}: {}{}", ran.out, ran.err);
        assert_eq!(fs::read(home.state().join("openclaw.json")).unwrap(), before, "{auth}");
        assert_eq!(gateway.program.stop("-TERM"), Some(0));
        assert_eq!(doctor(&home, &["--fix"]).code, 0, "{auth}");
        assert_eq!(found(&home, &[]), CLEAN, "{auth}");
    }
}
