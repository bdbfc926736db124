//! `devices` on the host itself: with a gateway, without one, and for the tokens of those that are paired.

use crate::live::{self, Gateway, Program, TOKEN};
use crate::support::{Home, free_port};
use serde_json::{Value, json};

/// A host whose devices all wait for an approval, and whose command line is meant for another gateway by default.
fn host(port: &str) -> Home {
    Home::with_config(&format!(
        r#"{{ gateway: {{ port: {port}, nodes: {{ pairing: {{ autoApproveLocal: false }} }}, auth: {{ mode: "token", token: "{TOKEN}" }} }} }}"#
    ))
}

/// A node that waits for its device's approval, and its request.
fn waiting_node(home: &Home, port: &str) -> (Program, String) {
    let mut command = home.command(&["node", "run", "--json", "--host", "127.0.0.1", "--port", port]);
    command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN).env("PATH", live::PATH);
    let node = Program::start("node", command);
    let request = node.wait_for_json("its request", |v| {
        (v["type"] == "pairing-required").then(|| v["requestId"].as_str().unwrap().to_owned())
    });
    (node, request)
}

fn connected(node: &Program) {
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
}

#[test]
fn a_device_is_let_in_while_no_gateway_runs() {
    let port = free_port();
    let home = host(&port);
    let nothing = home.run(&["devices", "list", "--local"]);
    assert!(nothing.code == 1 && nothing.err.contains("--profile"), "{}", nothing.err);
    assert!(!home.state().join("state").exists(), "looking makes no state");
    let gateway = Gateway::start(&home);
    let elsewhere = Home::new();
    let (node, request) = waiting_node(&elsewhere, &gateway.port);
    node.kill();
    let port = gateway.port.clone();
    assert_eq!(gateway.program.stop("-TERM"), Some(0));

    let listed = home.run(&["devices", "list", "--local", "--json"]);
    assert_eq!(listed.json()["pending"][0]["requestId"], request.as_str(), "{}", listed.err);
    let preview = home.run(&["devices", "approve", "--local"]);
    let command = format!("openclaw devices approve --local {request}");
    assert!(preview.code == 1 && preview.err.contains(&command), "{}", preview.err);
    let unknown = home.run(&["devices", "approve", "--local", "nope"]);
    assert!(unknown.code == 1 && unknown.err.contains("devices list --local"), "{}", unknown.err);
    let approved = home.run(&["devices", "approve", "--local", &request]);
    assert!(
        approved.code == 0 && approved.out.contains("is paired as node"),
        "{}{}",
        approved.out,
        approved.err
    );
    let none = home.run(&["devices", "approve", "--local", "--latest"]);
    assert!(none.code == 1 && none.err.contains("no device is waiting"), "{}", none.err);

    let _gateway = Gateway::start_with(&home, &["--port", &port]);
    let mut command = elsewhere.command(&["node", "run", "--json", "--host", "127.0.0.1", "--port", &port]);
    command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN).env("PATH", live::PATH);
    connected(&Program::start("node", command));
}

#[test]
fn with_a_gateway_the_same_command_goes_through_it() {
    let port = free_port();
    let home = host(&port);
    let gateway = Gateway::start_with(&home, &["--port", "0"]);
    assert_ne!(gateway.port, port, "it is found by the state that it holds, not by the configured port");
    let (elsewhere, other) = (Home::new(), Home::new());
    let (first, request) = waiting_node(&elsewhere, &gateway.port);
    let ran = home.run(&["devices", "approve", "--local", &request]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    connected(&first);
    let (second, _) = waiting_node(&other, &gateway.port);
    let ran = home.run(&["devices", "approve", "--local", "--latest", "--json"]);
    assert_eq!(ran.json()["device"]["role"], "node", "{}", ran.err);
    connected(&second);
    let listed = home.run(&["devices", "list", "--local", "--json"]).json();
    assert_eq!((&listed["pending"], listed["paired"].as_array().unwrap().len()), (&json!([]), 2));
    let refused = home.run(&["devices", "list", "--local", "--port", &port]);
    assert_eq!(refused.code, 2, "{}", refused.err);
}

#[test]
fn a_nodes_token_is_rotated_and_revoked_and_it_gets_a_name() {
    let home = host(&free_port());
    let gateway = Gateway::start(&home);
    let elsewhere = Home::new();
    let (node, request) = waiting_node(&elsewhere, &gateway.port);
    gateway.run(&home, &["devices", "approve", &request]);
    connected(&node);
    let listed = gateway.json(&home, &["devices", "list"]);
    let id = listed["paired"][0]["deviceId"].as_str().unwrap().to_owned();

    let renamed = gateway.run(&home, &["devices", "rename", "--device", &id, "--name", "Kitchen"]);
    assert_eq!(renamed.code, 0, "{}", renamed.err);
    assert!(gateway.run(&home, &["devices", "list"]).out.contains("Kitchen"));
    let renamed = gateway.run(&home, &["nodes", "rename", "--node", "Kitchen", "--name", "Cellar"]);
    assert_eq!(renamed.code, 0, "{}", renamed.err);
    assert!(gateway.run(&home, &["nodes", "status"]).out.contains("Cellar"));
    let removed = gateway.run(&home, &["nodes", "remove", "--node", "Cellar"]);
    assert!(
        removed.code == 0 && removed.out.contains("its device stays paired"),
        "{}{}",
        removed.out,
        removed.err
    );
    let paired = &gateway.json(&home, &["devices", "list"])["paired"][0];
    assert_eq!((&paired["deviceId"], &paired["connected"]), (&json!(id), &json!(true)), "as it says");

    let of = ["--device", &id, "--role", "node"];
    let rotated = gateway.json(&home, &[&["devices", "rotate"], &of[..]].concat());
    assert_eq!(rotated["tokenDelivery"], "withheld-cross-device", "{rotated}");
    // The token that it holds is enough to come back with, and to be given the new one.
    node.wait_for("a second connection", {
        // Every look begins with the first line.
        let seen = std::cell::Cell::new(0);
        move |line: &str| {
            let is = |name: &str| serde_json::from_str::<Value>(line).is_ok_and(|v| v["type"] == name);
            if is("pairing-required") {
                seen.set(0);
            }
            seen.set(seen.get() + usize::from(is("connected")));
            (seen.get() == 2).then_some(())
        }
    });
    let revoked = gateway.json(&home, &[&["devices", "revoke"], &of[..]].concat());
    assert!(revoked["revokedAtMs"].is_i64(), "{revoked}");
    let listed = gateway.json(&home, &["devices", "list"]);
    assert!(listed["paired"][0]["tokens"][0]["revokedAtMs"].is_i64(), "{listed}");
    // It has the shared secret, and is out until somebody lets it in again.
    let again = node.wait_for_json("another request", |v| {
        let id = v["requestId"].as_str().filter(|id| *id != request)?;
        (v["type"] == "pairing-required").then(|| id.to_owned())
    });
    assert_eq!(gateway.json(&home, &["nodes", "status"])["nodes"][0]["connected"], false);
    let approved = gateway.run(&home, &["devices", "approve", &again]);
    assert_eq!(approved.code, 0, "{}{}", approved.out, approved.err);
    node.wait_for("a third connection", {
        let is_new = std::cell::Cell::new(false);
        move |line: &str| {
            let value = serde_json::from_str::<Value>(line).unwrap_or_default();
            if value["type"] == "pairing-required" {
                is_new.set(value["requestId"] == again.as_str());
            }
            (is_new.get() && value["type"] == "connected").then_some(())
        }
    });
    let said = gateway.run(&home, &[&["devices", "revoke"], &of[..]].concat()).out;
    let back = format!("devices rotate --device {id} --role node");
    for words in ["it is out", &back, "shared secret", "openclaw qr"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = gateway.run(&home, &[&["devices", "rotate"], &of[..]].concat()).out;
    assert!(said.contains("the revoked one stays worthless") && said.contains("openclaw qr"), "{said}");
    let said = gateway.run(&home, &[&["devices", "rotate"], &of[..]].concat()).out;
    assert!(said.contains("the old one ends when the new one is used"), "{said}");
    let unknown = gateway.run(&home, &["devices", "revoke", "--device", "nobody", "--role", "node"]);
    assert!(unknown.code == 1 && unknown.err.contains("no such device or role"), "{}", unknown.err);
}

#[test]
fn a_node_without_any_credential_comes_in_by_a_setup_code_and_stays() {
    let home = host(&free_port());
    let gateway = Gateway::start(&home);
    let address = format!("ws://127.0.0.1:{}", gateway.port);
    let refused = gateway.run(&home, &["qr", "--node"]);
    assert!(refused.code == 1 && refused.err.contains("only bound to loopback"), "{}", refused.err);
    let make = ["qr", "--node", "--public-url", &address];
    let shown = gateway.run(&home, &make);
    assert!(shown.out.contains('█') && shown.out.contains("access   node"), "{}", shown.out);
    let code = gateway.run(&home, &[&make[..], &["--setup-code-only"]].concat()).out;
    let elsewhere = Home::new();
    let start = |flags: &[&str]| {
        let mut command = elsewhere.command(&[&["node", "run", "--json"], flags].concat());
        command.env("PATH", live::PATH);
        Program::start("node", command)
    };
    let node = start(&["--pair", code.trim()]);
    connected(&node);
    node.kill();
    // Again with the code, which is over for everybody else: it has a token now.
    let node = start(&["--pair", code.trim()]);
    connected(&node);
    node.kill();
    // And without the code, which no longer lets even this one in.
    let node = start(&["--host", "127.0.0.1", "--port", &gateway.port]);
    connected(&node);
    let refused = Home::new().run(&["node", "run", "--json", "--pair", code.trim()]);
    assert_eq!(refused.json()["error"]["code"], "AUTH_BOOTSTRAP_TOKEN_INVALID", "{}", refused.err);
    assert_eq!(refused.code, 4, "{}", refused.err);
    let wrong = home.run(&["node", "run", "--pair", "nonsense"]);
    assert!(wrong.code == 2 && wrong.err.contains("openclaw qr --node"), "{}", wrong.err);
}
