//! The pages about letting devices in, and about what they lend.

use crate::machine::Machine;
use crate::town::{OPEN, TOKEN, Town};
use crate::walk::Walk;
use serde_json::Value;
use std::cell::RefCell;

/// The request of the node with this name for its commands.
fn request_of(gateway: &Machine, node: &str) -> String {
    let named = |request: &&Value| request["displayName"] == node;
    let request = |pending: &Value| {
        let found = pending.as_array()?.iter().find(named)?;
        Some(found["requestId"].as_str()?.to_owned())
    };
    gateway.shows("openclaw nodes pending", request).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

pub(super) fn nodes(page: &'static str) {
    let files = r#"plugins: { entries: { "file-transfer": { config: { policyVersion: 2, nodes: {
        laptop: { allowReadPaths: ["/home/me/notes", "/home/me/notes/**"] } } } } } },"#;
    let allow = r#"nodes: { commands: { allow: ["file.fetch", "file.stat", "dir.list"] } }"#;
    let town = Town::with_gateway(&format!("{OPEN}, {allow}"), files);
    let (server, laptop) = (&town.server, &town.laptop);
    server.runs("ip address add 192.168.1.10/24 dev eth0");
    laptop
        .runs("ip address add 192.168.1.20/24 dev eth0; mkdir -p /home/me/notes; touch /home/me/notes/today");
    laptop.has("OPENCLAW_GATEWAY_TOKEN", TOKEN);
    let mut walk = Walk::through(page, server);
    walk.line("openclaw node run --display-name laptop").stays("connected to");
    walk.line("openclaw node run --host 192.168.1.10").on(laptop).instead().stays("approve");
    walk.line("openclaw node run --pair CODE")
        .on(laptop)
        .instead()
        .stays("connected to")
        .finds("CODE", || text(&server.json("openclaw qr --node")["setupCode"]));
    // Another one than that of the laptop.
    walk.line("openclaw node run --commands").stays("connected to").after(|| {
        server.runs("rm .openclaw/identity/node-name");
    });
    walk.line("openclaw devices approve REQUEST").after(|| town.a_stranger_knocks());
    walk.line("openclaw nodes approve REQUEST").finds("REQUEST", || request_of(server, "laptop"));
    walk.line("openclaw nodes invoke --node laptop --command dir.list").says("today");
    walk.names(&["openclaw nodes remove", "openclaw devices remove"]);
    for line in ["openclaw mcp login linear", "openclaw mcp logout linear"] {
        walk.line(line).cannot("takes a server that wants a sign-in; tests/commands/mcp_login.rs");
    }
    walk.line("openclaw node run").instead().stays("connected to");
    walk.go();
}

pub(super) fn pairing(page: &'static str) {
    let town = Town::with_gateway(&format!("{OPEN}, tls: {{ enabled: true }}"), "");
    let (server, laptop) = (&town.server, &town.laptop);
    let device = || {
        let list = server.json("openclaw devices list");
        let is_node = |device: &&Value| device["role"] == "node";
        text(&list["paired"].as_array().unwrap().iter().find(is_node).unwrap()["deviceId"])
    };
    let node = RefCell::new(Some(server.stays("openclaw node run", "connected to")));
    let mut walk = Walk::through(page, server);
    walk.line("openclaw devices rotate").finds("ID", device).means("ROLE", "node");
    // A revoked node that runs asks to be let in at once, and would be among those who wait.
    walk.line("openclaw devices revoke")
        .finds("ID", device)
        .means("ROLE", "node")
        .after(|| drop(node.take()));
    for line in ["openclaw devices approve REQUEST", "openclaw devices approve --local REQUEST"] {
        walk.line(line).after(|| town.a_stranger_knocks());
    }
    let code = || text(&server.json("openclaw qr --node")["setupCode"]);
    walk.line("openclaw node run --pair CODE").on(laptop).stays("connected to").finds("CODE", code);
    walk.names(&["openclaw connect"]);
    walk.line("openclaw connect CODE")
        .on(laptop)
        .instead()
        .finds("CODE", || text(&server.json("openclaw qr")["setupCode"]));
    walk.line("openclaw connect URL")
        .on(laptop)
        .stays("connected to")
        .after(|| {
            laptop.runs("rm -r .openclaw");
        })
        .finds("URL", || text(&server.json("openclaw devices join-code")["joinUrl"]));
    walk.line("openclaw node run").stays("openclaw devices approve");
    walk.go();
}

pub(super) fn browser(page: &'static str) {
    let town = Town::with_gateway(
        "",
        r#"browser: { noSandbox: true, ssrfPolicy: { allowedHostnames: ["example.com"] }, extraArgs: ["--ignore-certificate-errors"] },"#,
    );
    let server = &town.server;
    server.runs("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=example.com -keyout k -out c");
    let _page = server.stays("openssl s_server -accept 443 -key k -cert c -www", "ACCEPT");
    let mut walk = Walk::through(page, server);
    walk.line("openclaw node run").stays("waiting for approval");
    walk.go();
}
