//! What every command prints, for people and with `--json`, held against the pages in `tests/snapshots/`: one for each
//! first word, written anew by `UPDATE_SNAPSHOTS=1`. What commands say where no gateway is stands in a table of its own.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "shown/book.rs"]
mod book;
#[path = "shown/browser.rs"]
mod browser;
#[path = "shown/gateway.rs"]
mod gateway;
#[path = "shown/host.rs"]
mod host;
#[path = "shown/leaves.rs"]
mod leaves;
#[path = "support/live.rs"]
mod live;
#[path = "shown/mask.rs"]
mod mask;
#[path = "shown/no_gateway.rs"]
mod no_gateway;
#[path = "support/recorded.rs"]
mod recorded;
mod support;
#[path = "shown/table.rs"]
mod table;

use book::{Book, Pages};

/// Commands without a page, and who holds them instead.
const WITHOUT_PAGE: &[(&str, &str)] = &[
    ("channels logs", "shows what a log has; tests/commands/one_look.rs"),
    ("completion", "prints what clap makes of the command line; tests/command_line.rs"),
    ("configure", "asks at a terminal; tests/onboard/terminal.rs"),
    ("demo", "stays up, and shows times; tests/demo.rs"),
    ("doctor", "finds what there is on the host; tests/doctor.rs makes each finding"),
    ("gateway agent", "is agent by another name, with the page of that"),
    ("gateway discover", "hears whoever is in the network; tests/discovery.rs"),
    ("gateway install", "a service; tests/services"),
    ("gateway restart", "a service; tests/services"),
    ("gateway run", "stays up; tests/gateway_run.rs"),
    ("gateway send", "is message send by another name, with the page of that"),
    ("gateway start", "a service; tests/services"),
    ("gateway stop", "a service; tests/services"),
    ("gateway uninstall", "a service; tests/services"),
    ("mcp login", "waits for somebody at a page; tests/commands/mcp_login.rs"),
    ("mcp logout", "takes a server; tests/commands/mcp_login.rs"),
    ("models auth add", "asks at a terminal; tests/onboard/keys.rs"),
    ("models auth login", "waits for somebody at a page; tests/onboard/login.rs"),
    ("node install", "a service; tests/services"),
    ("node restart", "a service; tests/services"),
    ("node run", "stays up; tests/node_output.rs"),
    ("node start", "a service; tests/services"),
    ("node status", "a service; tests/services"),
    ("node stop", "a service; tests/services"),
    ("node uninstall", "a service; tests/services"),
    ("remote install", "a service; tests/services/tunnel.rs"),
    ("remote trust", "takes a gateway with a certificate; tests/tls.rs"),
    ("remote uninstall", "a service; tests/services/tunnel.rs"),
    ("security audit", "finds what there is on the host; tests/doctor.rs makes each finding"),
];

#[test]
fn every_command_prints_what_its_page_shows() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let leaves = leaves::all();
    let mut modes = Vec::new();
    for json in [false, true] {
        let book = Book::new(&leaves, json);
        host::run(&book);
        runtime.block_on(gateway::run(&book));
        gateway::logs(&book);
        modes.push(book);
    }
    let [plain, json] = <[Book; 2]>::try_from(modes).ok().unwrap();
    Pages::merged(plain, json).hold();
}

#[test]
fn every_command_has_a_page_or_a_reason_to_have_none() {
    let shown = Pages::commands();
    let mut wrong = Vec::new();
    for (leaf, _) in leaves::all() {
        let reason = WITHOUT_PAGE.iter().any(|(name, _)| *name == leaf);
        let text = format!("openclaw {leaf}");
        let page = shown.iter().any(|line| *line == text || line.starts_with(&format!("{text} ")));
        if reason == page {
            wrong.push(format!("{leaf}: page {page}, reason {reason}"));
        }
    }
    let leaves = leaves::all();
    let unknown = WITHOUT_PAGE.iter().filter(|(name, _)| !leaves.iter().any(|(leaf, _)| leaf == name));
    wrong.extend(unknown.map(|(name, _)| format!("{name}: no such command")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
