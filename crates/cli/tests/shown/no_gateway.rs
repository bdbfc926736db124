//! What commands say that need a gateway and find none.

use crate::leaves;
use crate::support::{Home, free_port};

/// Commands that ask no gateway, or that have nothing to say without one.
const ASK_NONE: &[&str] = &[
    // Of this host alone.
    "agents bind",
    "agents bindings",
    "agents unbind",
    "approvals set",
    "approvals allowlist add",
    "approvals allowlist remove",
    "channels list",
    "channels add",
    "channels remove",
    "completion",
    "configure",
    "config get",
    "config set",
    "config unset",
    "config patch",
    "config validate",
    "config schema",
    "config file",
    "dns setup",
    "doctor",
    "exit-codes",
    "gateway tls fingerprint",
    "gateway tls rotate",
    "man",
    "mcp list",
    "mcp show",
    "mcp status",
    "mcp doctor",
    "mcp probe",
    "mcp add",
    "mcp set",
    "mcp configure",
    "mcp tools",
    "mcp unset",
    "mcp login",
    "mcp logout",
    "models set",
    "models fallbacks list",
    "models fallbacks add",
    "models fallbacks remove",
    "models fallbacks clear",
    "models aliases list",
    "models aliases add",
    "models aliases remove",
    "models auth list",
    "models auth add",
    "models auth paste-api-key",
    "models auth paste-token",
    "models auth setup-token",
    "models auth login",
    "models auth logout",
    "models auth order get",
    "models auth order set",
    "models auth order clear",
    "node identity",
    "onboard",
    "security audit",
    // Gateways and services themselves.
    "demo",
    "gateway install",
    "gateway restart",
    "gateway run",
    "gateway start",
    "gateway stop",
    "gateway uninstall",
    "node install",
    "node restart",
    "node start",
    "node status",
    "node stop",
    "node uninstall",
    "remote install",
    "remote uninstall",
    // They look for gateways, or wait for one: tests/discovery.rs, joining.rs, tls.rs, tunnel.rs, node_output.rs.
    "connect",
    "gateway discover",
    "node run",
    "remote down",
    "remote logs",
    "remote status",
    "remote trust",
    "remote up",
];

/// Commands that look into the files of this host, where no gateway runs on it; for one elsewhere they need it as all do.
const FILES_DO: &[&str] = &[
    "agents list",
    "channels dead-letters list",
    "models list",
    "models status",
    "pairing list",
    "sessions list",
    "sessions cleanup",
];

/// Where the example of a command asks something else first, or never ends.
const INSTEAD: &[(&str, &str)] = &[
    ("agents delete", "agents delete writer --force"),
    ("browser upload", "browser upload media://inbound/report.pdf"),
    ("gateway probe", "gateway probe"),
    ("logs", "logs"),
    ("sessions tail", "sessions tail"),
];

#[test]
fn every_command_that_finds_no_gateway_says_how_to_start_or_reach_one() {
    let port = free_port();
    let here = Home::with_config(&format!("{{ gateway: {{ port: {port} }} }}"));
    let there = Home::with_config(&format!(
        "{{ gateway: {{ mode: 'remote', remote: {{ url: 'ws://127.0.0.1:{port}', token: 'x' }} }} }}"
    ));
    let leaves = leaves::all();
    let mut wrong = Vec::new();
    for (name, example) in leaves.iter().filter(|(name, _)| !ASK_NONE.contains(&name.as_str())) {
        let instead = INSTEAD.iter().find(|(command, _)| command == name);
        let line = instead.map_or_else(|| example.clone(), |(_, line)| leaves::words(line));
        let line: Vec<&str> = line.iter().map(String::as_str).filter(|word| *word != "--json").collect();
        for (home, hints) in [
            (&here, &["start it: openclaw gateway run", "openclaw gateway install", "openclaw connect"][..]),
            (&there, &["openclaw gateway run", "tunnel"]),
        ] {
            let ran = home.run(&line);
            if FILES_DO.contains(&name.as_str()) && std::ptr::eq(home, &here) {
                if ran.code != 0 || !ran.err.contains("no gateway runs on this host") {
                    wrong.push(format!("{line:?}: {} {}{}", ran.code, ran.out, ran.err));
                }
                continue;
            }
            let missing = hints.iter().find(|hint| !ran.err.contains(*hint));
            if ran.code != 3 || missing.is_some() {
                wrong.push(format!("{line:?}: {} without {missing:?}: {}{}", ran.code, ran.out, ran.err));
            }
            let ran = home.run(&[&line[..], &["--json"]].concat());
            let error =
                ran.out.lines().last().and_then(|_| serde_json::from_str::<serde_json::Value>(&ran.out).ok());
            let told = error.is_some_and(|e| e["hints"].as_array().is_some_and(|all| !all.is_empty()));
            if ran.code != 3 || !told {
                wrong.push(format!("{line:?} --json: {} {}{}", ran.code, ran.out, ran.err));
            }
        }
    }
    let unknown = ASK_NONE.iter().filter(|none| !leaves.iter().any(|(name, _)| name == *none));
    wrong.extend(unknown.map(|none| format!("{none}: no such command")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_gateway_elsewhere_that_the_mode_leaves_aside_is_named_where_none_answers_here() {
    let port = free_port();
    for (remote, key) in [
        ("sshTarget: 'me@vps.example', token: 'x'", Some("gateway.remote.sshTarget")),
        ("url: 'wss://vps.example', token: 'x'", Some("gateway.remote.url")),
        ("token: 'x'", None),
    ] {
        let home = Home::with_config(&format!("{{ gateway: {{ port: {port}, remote: {{ {remote} }} }} }}"));
        let ran = home.run(&["health"]);
        assert_eq!(ran.code, 3, "{remote}: {}", ran.err);
        let told = ran.err.contains("openclaw config set gateway.mode remote");
        assert_eq!(told, key.is_some(), "{remote}: {}", ran.err);
        assert!(key.is_none_or(|key| ran.err.contains(key)), "{remote}: {}", ran.err);
    }
}
