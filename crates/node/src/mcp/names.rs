//! Under which names tools of servers are offered: as OpenClaw has it, and safe for providers of models. Those of a node are
//! `SERVER_TOOL`, the gateway's own `SERVER__TOOL`; lists of tools name them so.

use std::collections::HashSet;

/// Characters of a tool's name.
const MAX_NAME: usize = 64;
/// Characters of the server's name in it, for a tool of a node and for one of the gateway.
const MAX_NODE_SERVER: usize = 31;
const MAX_SERVER: usize = 30;

/// The name of a tool of a node's server.
pub(super) fn of_node(server: &str, tool: &str, taken: &mut HashSet<String>) -> String {
    let server: String = underscored(server, "mcp").chars().take(MAX_NODE_SERVER).collect();
    let tool = underscored(tool, "tool");
    unique(taken, '_', MAX_NAME, &format!("{server}_{tool}"))
}

/// The beginning of the names of a server of the gateway.
pub(super) fn server(name: &str, taken: &mut HashSet<String>) -> String {
    unique(taken, '-', MAX_SERVER, &hyphened(name, "mcp"))
}

/// The name of a tool of a server of the gateway, whose name begins so.
pub(super) fn of_gateway(prefix: &str, tool: &str, taken: &mut HashSet<String>) -> String {
    unique(taken, '-', MAX_NAME, &format!("{prefix}__{}", hyphened(tool, "tool")))
}

/// ASCII letters, digits, `_` and `-`, beginning with a letter; others are `_`, once for several.
fn underscored(text: &str, otherwise: &str) -> String {
    let mut out = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
            out.push(c);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    let out = out.trim_matches(['_', '-']);
    match out.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => out.to_owned(),
        Some(_) => format!("{otherwise}_{out}"),
        None => otherwise.to_owned(),
    }
}

/// The same with `-`, for each character.
fn hyphened(text: &str, otherwise: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '-' };
    let text: String = text.trim().chars().map(plain).collect();
    match text.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => text,
        Some(_) => format!("{otherwise}-{text}"),
        None => otherwise.to_owned(),
    }
}

/// The name, of at most so many characters, or the first with `_2`, `_3` … (or `-2` …) at its end that is free.
fn unique(taken: &mut HashSet<String>, mark: char, most: usize, name: &str) -> String {
    let mut number = 1;
    loop {
        let suffix = if number == 1 { String::new() } else { format!("{mark}{number}") };
        let kept: String = name.chars().take(most - suffix.len()).collect();
        let candidate = format!("{kept}{suffix}");
        if taken.insert(candidate.to_lowercase()) {
            return candidate;
        }
        number += 1;
    }
}
