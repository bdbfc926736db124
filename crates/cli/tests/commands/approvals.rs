//! `openclaw approvals`: documents of this host, of the gateway's and of a node's, and the decision about a command on a node.

use crate::live::{self, Node, TOKEN};
use crate::support::Home;
use crate::world::World;
use client::{ClientDescription, ConnectOptions, Connection};
use serde_json::{Value, json};

impl World {
    /// An operator who stays connected and may decide; without one nobody is asked.
    async fn approver(&self) -> Connection {
        let url = format!("ws://127.0.0.1:{}", self.gateway.port);
        let mut options = ConnectOptions::new(url, ClientDescription::new("cli", "cli", "0"));
        options.token = Some(TOKEN.into());
        options.role = "operator".into();
        options.scopes = vec!["operator.approvals".into()];
        Connection::open(&options).await.unwrap()
    }
}

fn patterns(snapshot: &Value, agent: &str) -> Vec<String> {
    let list = snapshot["file"]["agents"][agent]["allowlist"].as_array().cloned().unwrap_or_default();
    list.iter().map(|e| e["pattern"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_document_of_this_host_is_changed_without_a_gateway() {
    let home = Home::new();
    let json = |args: &[&str]| home.run(args).json();
    assert_eq!(json(&["approvals", "get", "--json"])["exists"], false);
    let file = home.path().join("new.json5");
    std::fs::write(&file, "{ version: 1, defaults: { security: 'allowlist', ask: 'on-miss' }, /* mine */ }")
        .unwrap();
    let set = json(&["approvals", "set", "--file", file.to_str().unwrap(), "--json"]);
    assert_eq!(set["resolvedDefaults"]["security"], "allowlist");
    let add = ["approvals", "allowlist", "add", "~/bin/*", "--agent", "main", "--json"];
    let added = json(&add);
    assert_eq!(patterns(&added, "main"), ["~/bin/*"]);
    assert_eq!(json(&add)["hash"], added["hash"], "what is there is not written again");
    let every = json(&["exec-approvals", "allowlist", "add", "rg", "--json"]);
    assert_eq!(patterns(&every, "*"), ["rg"]);
    let shown = home.run(&["approvals", "get"]);
    assert!(shown.out.contains("~/bin/*") && shown.out.contains("security allowlist"), "{}", shown.out);
    let removed = json(&["approvals", "allowlist", "remove", "rg", "--json"]);
    assert!(patterns(&removed, "*").is_empty() && patterns(&removed, "main").len() == 1);

    for (text, says) in [
        ("{ version: 1, defaults: { ask: 'maybe' } }", "maybe"),
        ("{ version: 1, x: 1 }", "/x"),
        ("{", "no JSON5"),
    ] {
        std::fs::write(&file, text).unwrap();
        let ran = home.run(&["approvals", "set", "--file", file.to_str().unwrap()]);
        assert!(ran.code == 2 && ran.err.contains(says), "{text}: {} {}", ran.code, ran.err);
    }
    assert_eq!(home.run(&["approvals", "set"]).code, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_asks_and_the_operator_decides() {
    let world = World::start().await;
    let _approver = world.approver().await;
    let node = Node::start_approved(&world.gateway, &world.home, "box");
    let set = r#"{ version: 1, defaults: { security: "allowlist", ask: "on-miss" } }"#;
    let file = world.home.path().join("node.json5");
    std::fs::write(&file, set).unwrap();
    let path = file.to_str().unwrap();
    let after = world.json(&["approvals", "set", "--node", "box", "--file", path]);
    assert_eq!(after["resolvedDefaults"]["security"], "allowlist");
    assert!(after["path"].as_str().unwrap().starts_with(node.home.path().to_str().unwrap()), "{after}");
    assert_eq!(
        world.json(&["approvals", "get", "--gateway"])["exists"],
        false,
        "another host, another document"
    );

    let marker = world.home.path().join("ran");
    let call = json!({"command": format!("touch {}", marker.display()), "host": "node", "node": "box"});
    let message = format!("TOOL:exec {call}");
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| world.run(&["agent", "-m", &message, "--timeout", "120"]));
        let until = tokio::time::Instant::now() + live::PATIENCE;
        let id = loop {
            let pending = world.json(&["approvals", "pending"]);
            if let Some(id) = pending["approvals"][0]["id"].as_str() {
                break id.to_owned();
            }
            if asking.is_finished() || tokio::time::Instant::now() > until {
                // The command has a deadline of its own.
                let ran = asking.join().unwrap();
                panic!("nobody was asked: {}{}", ran.out, ran.err);
            }
        };
        assert!(!marker.exists());
        let shown = world.run(&["approvals", "pending"]);
        assert!(shown.out.contains("touch"), "{}{}", shown.out, shown.err);
        let resolved = world.run(&["approvals", "resolve", &id[..8], "allow-always"]);
        assert_eq!(resolved.code, 0, "{}", resolved.err);
        assert_eq!(asking.join().unwrap().code, 0);
        let late = world.run(&["approvals", "resolve", &id, "deny"]);
        assert!(late.code == 1 && late.err.contains("already resolved"), "{}", late.err);
    });
    assert!(marker.exists());
    let list = patterns(&world.json(&["approvals", "get", "--node", "box"]), "main");
    assert!(list.len() == 1 && list[0].ends_with("/touch"), "{list:?}");

    std::fs::remove_file(&marker).unwrap();
    assert_eq!(world.run(&["agent", "-m", &message]).code, 0);
    assert!(marker.exists(), "from now on without asking");

    // A claim that something was approved is worth nothing by itself.
    std::fs::remove_file(&marker).unwrap();
    let other = format!("touch {} {}", marker.display(), marker.display());
    let plan = json!({"argv": ["/bin/sh", "-c", other], "cwd": "/", "commandText": other});
    let params = json!({"command": ["/bin/sh", "-c", other], "systemRunPlan": plan, "approved": true,
        "approvalDecision": "allow-once", "runId": "made-up"});
    let params = params.to_string();
    let forged =
        world.run(&["nodes", "invoke", "--node", "box", "--command", "system.run", "--params", &params]);
    assert!(forged.code != 0 && forged.err.contains("approval"), "{}{}", forged.out, forged.err);
    assert!(!marker.exists());
    assert!(world.model.request_count() >= 4);
}
