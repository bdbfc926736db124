//! What may depend on what, and how large things may get. `ARCHITECTURE.md` says why; this holds it.

// Helpers outside of test functions may end the test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every crate of ours and the crates of ours that it may use outside its tests.
const MAY_USE: &[(&str, &[&str])] = &[
    // Know nobody.
    ("model", &[]),
    ("protocol", &[]),
    // Know the nouns, and never each other.
    ("config", &["model"]),
    ("store", &["model"]),
    ("llm", &["model"]),
    ("exec", &["model"]),
    ("channels", &["model"]),
    // The agent and its tools. `tools` names `llm` for the description of a tool that a model gets.
    ("agent", &["model", "llm"]),
    ("tools", &["model", "agent", "exec", "llm"]),
    // The other side of the socket.
    ("client", &["model", "protocol"]),
    ("node", &["model", "protocol", "client", "exec"]),
    ("remote", &["model", "protocol", "config", "client"]),
    // Where all the server's parts meet.
    ("gateway", &["model", "protocol", "config", "store", "llm", "exec", "channels", "agent", "tools"]),
    // Where all the programs meet.
    ("cli", &["model", "protocol", "config", "llm", "client", "exec", "node", "remote", "gateway"]),
];

/// Not part of any program that is shipped: free in what they use, and used by no crate outside its tests, but for
/// `bench`, which measures against the fakes.
const FOR_TESTS: &[&str] = &["testkit", "bench"];

/// Libraries that stand behind one door each.
const DOORS: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("clap", &["cli", "bench"]),
    ("axum", &["gateway", "testkit"]),
    ("reqwest", &["llm", "channels", "tools", "remote", "node"]),
    ("pulldown-cmark", &["channels"]),
];

const MAX_CRATES: usize = 16;
const MAX_LOCKED_PACKAGES: usize = 450;
const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 120;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Name → names of what it depends on outside its tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let args = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let output = Command::new(cargo).args(args).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let used = |package: &Value| {
        let all = list(&package["dependencies"]).into_iter();
        all.filter(|d| d["kind"] != "dev").map(|d| text(&d["name"])).collect()
    };
    list(&metadata["packages"]).iter().map(|p| (text(&p["name"]), used(p))).collect()
}

#[test]
fn crates_depend_on_each_other_in_one_direction_only() {
    let all = dependencies();
    let ours: BTreeSet<&str> = all.keys().map(String::as_str).collect();
    let known = MAY_USE.iter().map(|(name, _)| *name).chain(FOR_TESTS.iter().copied());
    assert_eq!(ours, known.collect(), "a crate is new or gone: say in the table what it may use");
    for (name, may_use) in MAY_USE {
        for used in all[*name].iter().filter(|used| ours.contains(used.as_str())) {
            assert!(
                may_use.contains(&used.as_str()),
                "{name} must not depend on {used}; see ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn what_is_only_for_tests_is_in_no_program() {
    for (name, used) in dependencies() {
        let in_a_program = !FOR_TESTS.contains(&name.as_str());
        let wrong: Vec<_> = FOR_TESTS.iter().filter(|test| used.contains(**test)).collect();
        assert!(!in_a_program || wrong.is_empty(), "{name} depends on {wrong:?} outside its tests");
    }
}

#[test]
fn some_libraries_are_used_in_one_place_alone() {
    for (name, used) in dependencies() {
        for (library, users) in DOORS.iter().filter(|(library, _)| used.contains(*library)) {
            assert!(users.contains(&name.as_str()), "{library} is for {users:?} only, and {name} uses it");
        }
    }
    let wire: BTreeSet<String> = ["serde", "serde_json"].map(String::from).into();
    assert!(dependencies()["protocol"].is_subset(&wire), "protocol knows serde and nothing else");
}

#[test]
fn the_tree_stays_small() {
    assert!(dependencies().len() <= MAX_CRATES);
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(packages < MAX_LOCKED_PACKAGES, "{packages} packages in Cargo.lock");
}

#[test]
fn files_and_functions_stay_readable() {
    let mut files = Vec::new();
    rust_files(&root().join("crates"), &mut files);
    assert!(files.len() > 100, "the search finds the sources");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let file = file.strip_prefix(root()).unwrap().display();
        assert!(lines.len() <= MAX_FILE_LINES, "{file} has {} lines", lines.len());
        for (start, length) in functions(&lines) {
            assert!(length <= MAX_FUNCTION_LINES, "{file}:{start}: a function of {length} lines");
        }
    }
}

/// All sources but tests.
fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("tests"));
        if is_test {
            continue;
        }
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// First line (from 1) and length of each function. Formatted code closes a function at the indentation of its head.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, head) in lines.iter().enumerate().filter(|(_, line)| is_function(line)) {
        let indent = indentation(head);
        let in_one_line = head.ends_with('}') || head.ends_with(';');
        let closes = |line: &str| {
            indentation(line) == indent
                && (line.trim() == "}" || line.trim_start().starts_with([')', '-']) && line.ends_with(';'))
        };
        let length =
            if in_one_line { 1 } else { lines[at..].iter().take_while(|line| !closes(line)).count() + 1 };
        found.push((at + 1, length));
    }
    found
}

fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub")
            || matches!(*word, "const" | "async" | "unsafe" | "extern" | "\"C\"" | "super)")
    });
    words.next() == Some("fn")
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[test]
fn the_search_for_functions_finds_their_ends() {
    let text = "fn a() {}\npub(crate) async fn b(\n    x: u8,\n) {\n    if x {\n    }\n}\ntrait T {\n    fn c(\n        &self,\n    );\n    fn d(&self);\n    fn e(&self)\n    -> u8;\n}\n";
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(functions(&lines), [(1, 1), (2, 6), (9, 3), (12, 1), (13, 2)]);
}
