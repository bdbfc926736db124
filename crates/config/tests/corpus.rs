//! Forty configs as people keep them, over every section of OpenClaw's reference. Each loads, and what is said about it is
//! exactly what this version lacks: `corpus/remarks.txt` has every remark of every file.
// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use config::{Change, Editor, Env, Level, Loaded, Paths, REDACTED, load};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json5"))
        .collect();
    files.sort();
    files
}

fn paths(file: &Path) -> Paths {
    let (state_dir, config_file) = (file.parent().unwrap().to_path_buf(), file.to_path_buf());
    Paths { state_dir, config_file, dev: false, profile: None }
}

fn env() -> Env {
    Env::from([("HOME", "/home/user")])
}

fn read(file: &Path) -> Loaded {
    load(&paths(file), &env()).unwrap_or_else(|error| panic!("{error}"))
}

/// The remarks about a file, one a line: how much it matters, where, and for a note which keys.
fn remarks(loaded: &Loaded) -> String {
    let mut lines = Vec::new();
    for remark in &loaded.warnings {
        let keys = remark.message.split_once("kept as it is: ").map_or("", |(_, keys)| keys);
        lines.push(match remark.level {
            Level::Note if keys.is_empty() => format!("  note {}", remark.path),
            Level::Note => format!("  note {}: {keys}", remark.path),
            _ => format!("  warning {}", remark.path),
        });
    }
    lines.join("\n")
}

#[test]
fn every_config_loads_and_what_is_said_is_what_this_version_lacks() {
    let files = files();
    assert!(files.len() >= 40, "{}", files.len());
    let mut said = String::new();
    for file in &files {
        let loaded = read(file);
        said.push_str(&format!("{}\n", file.file_name().unwrap().to_string_lossy()));
        let remarks = remarks(&loaded);
        if !remarks.is_empty() {
            said.push_str(&format!("{remarks}\n"));
        }
        let slips: Vec<String> = loaded
            .warnings
            .iter()
            .filter(|w| w.message.contains("unknown key"))
            .map(ToString::to_string)
            .collect();
        assert_eq!(slips, [""; 0], "a key of OpenClaw is taken for a slip");
    }
    let page = corpus().join("remarks.txt");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, &said).unwrap();
    }
    let known = std::fs::read_to_string(&page).unwrap();
    for (n, (said, known)) in said.lines().zip(known.lines()).enumerate() {
        assert_eq!(said, known, "line {}", n + 1);
    }
    assert_eq!(said.lines().count(), known.lines().count(), "{said}");
}

#[test]
fn every_section_of_the_reference_is_in_one_of_them() {
    let mut seen = BTreeSet::new();
    for file in files() {
        let Value::Object(map) = read(&file).source else { panic!("{}", file.display()) };
        seen.extend(map.keys().cloned());
    }
    let all = [
        "$schema",
        "accessGroups",
        "acp",
        "agents",
        "approvals",
        "attachments",
        "auth",
        "bindings",
        "broadcast",
        "browser",
        "channels",
        "cloudWorkers",
        "commands",
        "cron",
        "desktop",
        "diagnostics",
        "discovery",
        "env",
        "gateway",
        "hooks",
        "logging",
        "mcp",
        "memory",
        "messages",
        "meta",
        "models",
        "nodeHost",
        "plugins",
        "proxy",
        "secrets",
        "security",
        "session",
        "skills",
        "surfaces",
        "talk",
        "telemetry",
        "tools",
        "transcripts",
        "tts",
        "ui",
        "update",
        "wizard",
        "worktreeAcceleration",
        "worktreeRoot",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[test]
fn each_can_be_changed_and_says_the_same_but_for_that() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("parts")).unwrap();
    for part in std::fs::read_dir(corpus().join("parts")).unwrap() {
        let part = part.unwrap();
        std::fs::copy(part.path(), dir.path().join("parts").join(part.file_name())).unwrap();
    }
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let copy = dir.path().join(file.file_name().unwrap());
        std::fs::write(&copy, &text).unwrap();
        let before = read(&copy);
        let shown = before.redacted();
        let secret = format!("\"{REDACTED}\"");
        assert_eq!(before.redacted_raw().contains(&secret), shown_in(&before), "{}", file.display());
        // As a form sends it: all that was shown, with one value changed.
        let mut sent = shown.clone();
        sent["logging"]["level"] = "trace".into();
        let paths = paths(&copy);
        let editor = Editor { paths: &paths, env: &env(), base: None, dry_run: false };
        let edited = editor
            .apply(Change::Replace { text: sent.to_string() })
            .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert_eq!(edited.changed, ["logging.level"], "{}", file.display());
        let mut wanted = before.source.clone();
        wanted["logging"]["level"] = "trace".into();
        assert_eq!(read(&copy).source, wanted, "{}", file.display());
        let after = std::fs::read_to_string(&copy).unwrap();
        let comments = |text: &str| text.lines().filter(|line| line.trim().starts_with("//")).count();
        assert_eq!(comments(&text), comments(&after), "{}", file.display());
    }
}

/// Whether the file itself holds a secret.
fn shown_in(loaded: &Loaded) -> bool {
    loaded.redacted_written().to_string().contains(REDACTED)
}
