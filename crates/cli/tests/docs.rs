//! The pages under `docs/` say what the program does: the commands, and links that lead somewhere.

// Helpers outside of test functions may end the test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(target_os = "linux")]
#[path = "support/live.rs"]
mod live;
#[cfg(target_os = "linux")]
#[path = "docs/machine.rs"]
mod machine;
#[path = "docs/page.rs"]
mod page;
#[cfg(target_os = "linux")]
#[path = "onboard/seat.rs"]
mod seat;
mod support;
#[cfg(target_os = "linux")]
#[path = "docs/town.rs"]
mod town;
#[cfg(target_os = "linux")]
#[path = "docs/walk.rs"]
mod walk;
#[cfg(target_os = "linux")]
#[path = "docs/walks.rs"]
mod walks;

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

#[test]
fn the_page_about_the_command_line_has_every_command_and_no_other() {
    let page = page("docs/cli.md");
    let table = page.lines().skip_while(|line| *line != "| command | |").take_while(|line| !line.is_empty());
    let first_cells = table.filter_map(|line| line.split('|').nth(1));
    let mut listed: Vec<String> = first_cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(|text| {
            text.split(' ').filter(|word| word.chars().any(char::is_lowercase)).collect::<Vec<_>>().join(" ")
        })
        .collect();
    let mut commands = Vec::new();
    collect(&[], &mut commands);
    listed.sort();
    commands.sort();
    // A command that does something by itself as well stands there twice: alone, and with what it stands for.
    listed.retain(|name| name != "sessions");
    assert_eq!(listed, commands);
}

/// The names of all commands below `path`, as the program's own help has them.
fn collect(path: &[&str], found: &mut Vec<String>) {
    let output = Command::new(env!("CARGO_BIN_EXE_openclaw")).args(path).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let list =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What is too long goes on below, further in.
    let list = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> =
        list.filter_map(|line| line.split_whitespace().next()).filter(|n| *n != "help").collect();
    if names.is_empty() {
        found.push(path.join(" "));
    }
    for name in names {
        collect(&[path, &[name]].concat(), found);
    }
}

#[test]
fn links_lead_somewhere() {
    let pages =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name));
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for file in pages.into_iter().chain(docs.filter(|path| path.extension().is_some_and(|e| e == "md"))) {
        let text = std::fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            let elsewhere = link.contains("://") || target.is_empty();
            assert!(elsewhere || file.with_file_name(target).exists(), "{}: {link}", file.display());
        }
    }
}
