//! Files of nodes: which may be read and written, and that the node does it with the file that the policy was asked about.
use crate::flow;
use crate::support;
use crate::support::ask::{Ask, Device};
use crate::support::{PATIENCE, Raw, gateway_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, config_with_model};

const COMMANDS: [&str; 5] = ["dir.fetch", "dir.list", "file.fetch", "file.stat", "file.write"];

/// A gateway that allows the commands, with this policy for nodes.
async fn gateway(nodes: &str) -> TestGateway {
    let (token, allow) = (testkit::gateway::TOKEN, json!(COMMANDS));
    gateway_of(format!(
        r#"{{ gateway: {{ auth: {{ mode: "token", token: "{token}" }}, nodes: {{ commands: {{ allow: {allow} }} }} }},
           plugins: {{ entries: {{ "file-transfer": {{ config: {{ policyVersion: 2, nodes: {nodes} }} }} }} }} }}"#
    ))
    .await
}

async fn node(gateway: &TestGateway, operator: &mut Raw, commands: &[&str]) -> Raw {
    let node = Raw::connected(gateway.port(), &Ask::node(Device::new(1), commands)).await;
    let (_, event) = operator.event(0, |e| e["event"] == "node.pair.requested").await;
    operator.call("node.pair.approve", json!({"requestId": event["payload"]["requestId"]})).await;
    node
}

fn invoke(command: &str, params: Value) -> Value {
    json!({"nodeId": Device::new(1).id(), "command": command, "params": params, "idempotencyKey": model::new_id()})
}

/// What the node is asked now.
async fn asked(node: &mut Raw) -> (Value, Value) {
    let invoked = node.invoked().await;
    let params = serde_json::from_str(invoked["paramsJSON"].as_str().unwrap()).unwrap();
    (invoked, params)
}

fn existing() -> Value {
    json!({"kind": "existing", "device": "1", "inode": "2"})
}

#[tokio::test]
async fn a_path_that_may_not_be_touched_is_refused_with_the_rule_before_the_node_hears_of_it() {
    let policy = r#"{ "sample-node": { allowReadPaths: ["/srv/**"], denyPaths: ["/srv/private/**"] } }"#;
    let gateway = gateway(policy).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = node(&gateway, &mut operator, &COMMANDS).await;
    let key = "plugins.entries.file-transfer.config.nodes.sample-node";
    for (command, path, code, says) in [
        (
            "file.fetch",
            "/etc/shadow",
            "POLICY_DENIED",
            format!("no pattern of {key}.allowReadPaths matches \"/etc/shadow\""),
        ),
        (
            "file.fetch",
            "/srv/private/key",
            "POLICY_DENIED",
            format!("{key}.denyPaths has \"/srv/private/**\""),
        ),
        ("dir.list", "/srv/private", "POLICY_DENIED", format!("{key}.denyPaths has \"/srv/private/**\"")),
        ("file.stat", "/srv/../etc/shadow", "POLICY_DENIED", "has \"..\" in it".to_owned()),
        ("dir.fetch", "/", "POLICY_DENIED", format!("{key}.allowReadPaths")),
        ("file.write", "/srv/new", "POLICY_DENIED", format!("{key}.allowWritePaths names nothing")),
        ("file.fetch", "", "INVALID_PARAMS", "path required".to_owned()),
    ] {
        let error = operator.fails("node.invoke", invoke(command, json!({"path": path}))).await;
        let details = &error["details"];
        assert_eq!(
            (&details["code"], &details["nodeCommandDispatched"]),
            (&json!(code), &json!(false)),
            "{error}"
        );
        assert!(error["message"].as_str().unwrap().contains(&says), "{says}: {error}");
    }
    let bytes = json!({"path": "/srv/a", "maxBytes": -1});
    let error = operator.fails("node.invoke", invoke("file.fetch", bytes)).await;
    assert_eq!(error["details"]["code"], "INVALID_PARAMS");
    let binary = json!({"path": "/srv/a", "transport": "binary", "maxBytes": 1});
    let error = operator.fails("node.invoke", invoke("file.fetch", binary)).await;
    assert!(error["message"].as_str().unwrap().contains("it takes a stream"), "{error}");
    node.assert_open().await;
    assert!(!node.events.iter().any(|e| e["event"] == "node.invoke.request"), "{:?}", node.events);
}

#[tokio::test]
async fn without_commands_allow_or_a_policy_there_are_no_files() {
    let plain = support::gateway_with("").await;
    let mut operator = Raw::connected(plain.port(), &Ask::operator()).await;
    let _node = node(&plain, &mut operator, &["file.fetch", "system.which"]).await;
    let error = operator.fails("node.invoke", invoke("file.fetch", json!({"path": "/a"}))).await;
    assert!(error["message"].as_str().unwrap().contains("gateway.nodes.commands.allow"), "{error}");

    let gateway = gateway("{}").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let _node = node(&gateway, &mut operator, &COMMANDS).await;
    let error = operator.fails("node.invoke", invoke("file.fetch", json!({"path": "/a"}))).await;
    assert_eq!(error["details"]["code"], "NO_POLICY", "{error}");
}

#[tokio::test]
async fn the_node_looks_first_and_then_does_it_with_what_it_saw() {
    let gateway =
        gateway(r#"{ "*": { allowWritePaths: ["/srv/**"], allowReadPaths: ["/srv/**"], maxBytes: 1000 } }"#)
            .await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = node(&gateway, &mut operator, &COMMANDS).await;
    // What a caller says in the gateway's stead counts for nothing.
    let params = json!({"path": "/srv/new", "contentBase64": "aGk=", "expectedSha256": "ab", "followSymlinks": true,
        "expectedBinding": {"kind": "write"}, "expectedCanonicalPath": "/etc/x", "preflightOnly": true});
    let waiting = operator.request("node.invoke", invoke("file.write", params)).await;
    let (invoked, look) = asked(&mut node).await;
    assert_eq!(
        look,
        json!({"path": "/srv/new", "followSymlinks": false, "contentBase64": "", "preflightOnly": true})
    );
    let binding = json!({"kind": "write", "anchorPath": "/srv", "anchorDevice": "1", "anchorInode": "2"});
    node.result(&invoked, &json!({"ok": true, "path": "/srv/new", "binding": binding})).await;
    let (invoked, write) = asked(&mut node).await;
    assert_eq!(
        write,
        json!({"path": "/srv/new", "contentBase64": "aGk=", "expectedSha256": "ab", "followSymlinks": false,
        "expectedCanonicalPath": "/srv/new", "expectedBinding": binding})
    );
    let written = json!({"ok": true, "path": "/srv/new", "size": 2, "binding": existing()});
    node.result(&invoked, &written).await;
    assert_eq!(operator.response(&waiting).await["payload"]["payload"], written);

    // What the node refuses is its answer, and ends it.
    let params = json!({"path": "/srv/x", "maxBytes": 5000});
    let waiting = operator.request("node.invoke", invoke("file.fetch", params)).await;
    let (invoked, look) = asked(&mut node).await;
    assert_eq!((&look["maxBytes"], &look["preflightOnly"]), (&json!(1000), &json!(true)));
    let refused = json!({"ok": false, "code": "NOT_FOUND", "message": "no such file"});
    node.result(&invoked, &refused).await;
    assert_eq!(operator.response(&waiting).await["payload"]["payload"], refused);
    node.assert_open().await;
    assert!(!node.events.iter().any(|e| e["event"] == "node.invoke.request"));
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_refused_whatever_the_node_says() {
    let gateway = gateway(r#"{ "*": { allowReadPaths: ["/srv/**"], followSymlinks: true } }"#).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = node(&gateway, &mut operator, &COMMANDS).await;
    let fetch = || invoke("file.fetch", json!({"path": "/srv/link"}));
    let seen = |path: &str| json!({"ok": true, "path": path, "binding": existing()});

    let waiting = operator.request("node.invoke", fetch()).await;
    let (invoked, look) = asked(&mut node).await;
    assert_eq!(look["followSymlinks"], true);
    node.result(&invoked, &seen("/etc/shadow")).await;
    let error = operator.response(&waiting).await["error"].clone();
    assert_eq!(error["details"]["code"], "SYMLINK_TARGET_DENIED", "{error}");
    assert!(error["message"].as_str().unwrap().contains("/etc/shadow"), "{error}");

    // A node that changes its mind: nothing of what it sends goes on.
    let waiting = operator.request("node.invoke", fetch()).await;
    let (invoked, _) = asked(&mut node).await;
    node.result(&invoked, &seen("/srv/real")).await;
    let (invoked, _) = asked(&mut node).await;
    let mut other = seen("/etc/shadow");
    other["base64"] = json!("c2VjcmV0");
    node.result(&invoked, &other).await;
    let answer = operator.response(&waiting).await;
    assert_eq!(answer["error"]["details"]["code"], "CANONICAL_PATH_CHANGED", "{answer}");
    assert!(!answer.to_string().contains("c2VjcmV0"));

    // A node that does not say which file it saw.
    let waiting = operator.request("node.invoke", fetch()).await;
    let (invoked, _) = asked(&mut node).await;
    node.result(&invoked, &json!({"ok": true, "path": "/srv/real"})).await;
    let answer = operator.response(&waiting).await;
    assert_eq!(answer["error"]["details"]["code"], "FILESYSTEM_IDENTITY_MISSING", "{answer}");
}

fn archive(files: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        archive.append_data(&mut header, file, &b"hi"[..]).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn a_directory_comes_only_if_all_of_it_may_by_the_list_and_by_the_archive() {
    let gateway =
        gateway(r#"{ "*": { allowReadPaths: ["/srv", "/srv/**"], denyPaths: ["**/.git/**"] } }"#).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = node(&gateway, &mut operator, &COMMANDS).await;
    let fetch = || invoke("dir.fetch", json!({"path": "/srv"}));
    for (listed, code) in [
        (json!(["a", ".git/config"]), "PATH_POLICY_DENIED"),
        (json!(["../etc/shadow"]), "ARCHIVE_ENTRY_INVALID"),
        (Value::Null, "ARCHIVE_ENTRIES_MISSING"),
    ] {
        let waiting = operator.request("node.invoke", fetch()).await;
        let (invoked, _) = asked(&mut node).await;
        node.result(&invoked, &json!({"ok": true, "path": "/srv", "entries": listed, "binding": existing()}))
            .await;
        let answer = operator.response(&waiting).await;
        assert_eq!(answer["error"]["details"]["code"], code, "{answer}");
    }
    for (files, sha256, code) in [
        (&["a", "sub/b"][..], None, None),
        (&["a", ".git/config"][..], None, Some("PATH_POLICY_DENIED")),
        (&["a"][..], Some("00"), Some("ARCHIVE_INTEGRITY_FAILURE")),
    ] {
        let waiting = operator.request("node.invoke", fetch()).await;
        let (invoked, _) = asked(&mut node).await;
        node.result(&invoked, &json!({"ok": true, "path": "/srv", "entries": ["a"], "binding": existing()}))
            .await;
        let (invoked, _) = asked(&mut node).await;
        let packed = archive(files);
        let sha256 = sha256.map_or_else(|| hex::encode(Sha256::digest(&packed)), str::to_owned);
        node.result(
            &invoked,
            &json!({"ok": true, "path": "/srv", "tarBase64": STANDARD.encode(&packed), "sha256": sha256,
            "tarBytes": packed.len(), "entries": ["a"], "binding": existing()}),
        )
        .await;
        let answer = operator.response(&waiting).await;
        match code {
            None => assert_eq!(answer["payload"]["payload"]["tarBytes"], packed.len(), "{answer}"),
            Some(code) => assert_eq!(answer["error"]["details"]["code"], code, "{answer}"),
        }
    }
}

#[tokio::test]
async fn a_phone_that_offers_to_run_programs_is_not_asked_about() {
    let gateway = support::gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let phone = Ask::node(Device::new(1), &["system.run", "fs.listDir", "device.status"])
        .with("/client/platform", json!("Android 16"))
        .with("/client/deviceFamily", json!("Android"));
    let _phone = Raw::connected(gateway.port(), &phone).await;
    let (_, event) = operator.event(0, |e| e["event"] == "node.pair.requested").await;
    assert_eq!(event["payload"]["commands"], json!(["device.status"]));
}

#[tokio::test]
async fn browsing_and_uploading_take_an_administrator() {
    let gateway = support::gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = node(&gateway, &mut operator, &["fs.listDir", "terminal.upload"]).await;
    let ask = Ask::operator().with("/scopes", json!(["operator.read", "operator.write"]));
    let mut writer = Raw::connected(gateway.port(), &ask).await;
    for command in ["fs.listDir", "terminal.upload"] {
        let error = writer.fails("node.invoke", invoke(command, json!({}))).await;
        assert_eq!(error["details"]["missingScope"], "operator.admin", "{error}");
    }
    let waiting =
        operator.request("fs.listDir", json!({"nodeId": Device::new(1).id(), "path": "/srv"})).await;
    let (invoked, params) = asked(&mut node).await;
    assert_eq!((&invoked["command"], &params), (&json!("fs.listDir"), &json!({"path": "/srv"})));
    let listing =
        json!({"path": "/srv", "parent": "/", "home": "/root", "entries": [{"name": "a", "path": "/srv/a"}]});
    node.result(&invoked, &listing).await;
    assert_eq!(operator.response(&waiting).await["payload"], listing);
}

/// Two operators, a node, and a policy that has people asked.
async fn asking(policy: &str) -> (TestGateway, Raw, Raw, Raw) {
    let gateway = gateway(policy).await;
    let mut decider = Raw::connected(gateway.port(), &Ask::operator()).await;
    let node = node(&gateway, &mut decider, &COMMANDS).await;
    let caller = Raw::connected(gateway.port(), &Ask::operator()).await;
    (gateway, decider, caller, node)
}

async fn question(decider: &mut Raw, from: usize) -> (usize, Value) {
    let (at, event) = decider.event(from, |e| e["event"] == "plugin.approval.requested").await;
    (at + 1, event["payload"].clone())
}

async fn decide(decider: &mut Raw, question: &Value, decision: &str) {
    let answer =
        decider.call("plugin.approval.resolve", json!({"id": question["id"], "decision": decision})).await;
    assert_eq!(answer, json!({"ok": true}));
}

/// The node sees the file at this path and gives it.
async fn give(node: &mut Raw, path: &str) {
    let (invoked, look) = asked(node).await;
    assert_eq!(look["preflightOnly"], true, "{look}");
    node.result(&invoked, &json!({"ok": true, "path": path, "binding": existing()})).await;
    let (invoked, _) = asked(node).await;
    node.result(&invoked, &json!({"ok": true, "path": path, "base64": "aGk=", "binding": existing()})).await;
}

#[tokio::test]
async fn people_are_asked_about_a_path_that_no_list_names_and_what_they_always_allow_is_remembered() {
    let policy = r#"{ "*": { ask: "on-miss", allowReadPaths: ["/srv/**"], denyPaths: ["/etc/**"] } }"#;
    let (gateway, mut decider, mut caller, mut node) = asking(policy).await;
    let fetch = |path: &str| invoke("file.fetch", json!({"path": path}));

    let waiting = caller.request("node.invoke", fetch("/home/x")).await;
    let (mut at, asked_about) = question(&mut decider, 0).await;
    let request = &asked_about["request"];
    assert_eq!(
        (&request["pluginId"], &request["title"], &request["toolName"], &asked_about["approvalKind"]),
        (&json!("file-transfer"), &json!("Read file: /home/x"), &json!("file.fetch"), &json!("plugin"))
    );
    assert!(request["description"].as_str().unwrap().contains("Path: \"/home/x\""), "{request}");
    assert!(!node.events.iter().any(|e| e["event"] == "node.invoke.request"), "it waits");
    assert_eq!(decider.call("plugin.approval.list", json!({})).await[0]["id"], asked_about["id"]);
    assert_eq!(decider.call("exec.approval.list", json!({})).await, json!([]));
    let shown = decider.call("approval.get", json!({"id": asked_about["id"]})).await;
    let presentation = &shown["approval"]["presentation"];
    assert_eq!(presentation["allowedDecisions"], json!(["allow-once", "allow-always", "deny"]));
    let wrong = json!({"id": asked_about["id"], "decision": "deny"});
    let error = decider.fails("exec.approval.resolve", wrong).await;
    assert_eq!(error["details"]["reason"], "APPROVAL_NOT_FOUND", "it is no command");
    decide(&mut decider, &asked_about, "allow-always").await;
    give(&mut node, "/home/x").await;
    assert_eq!(caller.response(&waiting).await["payload"]["payload"]["base64"], "aGk=");

    // Remembered for this command, path and node, and where it leads.
    let config = decider.call("config.get", json!({})).await;
    let grants = &config["config"]["plugins"]["entries"]["file-transfer"]["config"]["literalGrants"];
    assert_eq!(
        grants,
        &json!([{"nodeId": Device::new(1).id(), "command": "file.fetch", "requestedPath": "/home/x",
            "canonicalPath": "/home/x"}])
    );
    let waiting = caller.request("node.invoke", fetch("/home/x")).await;
    give(&mut node, "/home/x").await;
    assert_eq!(caller.response(&waiting).await["ok"], true);

    // Another place behind the same path is another question.
    let waiting = caller.request("node.invoke", fetch("/home/x")).await;
    let (invoked, _) = asked(&mut node).await;
    node.result(&invoked, &json!({"ok": true, "path": "/home/y", "binding": existing()})).await;
    let (next, asked_about) = question(&mut decider, at).await;
    at = next;
    let description = asked_about["request"]["description"].as_str().unwrap().to_owned();
    assert!(description.contains("It leads to: \"/home/y\""), "{description}");
    decide(&mut decider, &asked_about, "deny").await;
    let answer = caller.response(&waiting).await;
    let details = &answer["error"]["details"];
    assert_eq!(
        (&details["code"], &details["nodeCommandDispatched"]),
        (&json!("APPROVAL_DENIED"), &json!(false)),
        "{answer}"
    );

    // What is denied is not asked about, and what was allowed leads nowhere else.
    let error = caller.fails("node.invoke", fetch("/etc/passwd")).await;
    assert_eq!(error["details"]["code"], "POLICY_DENIED");
    let waiting = caller.request("node.invoke", fetch("/home/link")).await;
    let (next, asked_about) = question(&mut decider, at).await;
    at = next;
    decide(&mut decider, &asked_about, "allow-once").await;
    let (invoked, _) = asked(&mut node).await;
    node.result(&invoked, &json!({"ok": true, "path": "/etc/passwd", "binding": existing()})).await;
    assert_eq!(caller.response(&waiting).await["error"]["details"]["code"], "SYMLINK_TARGET_DENIED");
    node.assert_open().await;
    assert!(!node.events.iter().any(|e| e["event"] == "node.invoke.request"), "{:?}", node.events);
    let again = decider.event(at, |e| e["event"] == "plugin.approval.resolved").await.1;
    assert_eq!(again["payload"]["decision"], "allow-once");
    drop(gateway);
}

#[tokio::test]
async fn a_path_of_a_list_that_leads_elsewhere_is_a_question_once() {
    let policy = r#"{ "*": { ask: "on-miss", allowReadPaths: ["/srv/**"], followSymlinks: true } }"#;
    let (_gateway, mut decider, mut caller, mut node) = asking(policy).await;
    let fetch = || invoke("file.fetch", json!({"path": "/srv/link"}));
    for is_asked in [true, false] {
        let waiting = caller.request("node.invoke", fetch()).await;
        let (invoked, _) = asked(&mut node).await;
        node.result(&invoked, &json!({"ok": true, "path": "/data/x", "binding": existing()})).await;
        if is_asked {
            let (_, asked_about) = question(&mut decider, 0).await;
            decide(&mut decider, &asked_about, "allow-always").await;
        }
        let (invoked, call) = asked(&mut node).await;
        assert_eq!(call["expectedCanonicalPath"], "/data/x");
        let file = json!({"ok": true, "path": "/data/x", "base64": "aGk=", "binding": existing()});
        node.result(&invoked, &file).await;
        assert_eq!(caller.response(&waiting).await["payload"]["payload"], file);
    }
}

#[tokio::test]
async fn with_always_every_call_is_a_question_and_for_good_is_not_offered() {
    let policy = r#"{ "*": { ask: "always", allowWritePaths: ["/srv/**"] } }"#;
    let (_gateway, mut decider, mut caller, mut node) = asking(policy).await;
    let write = json!({"path": "/srv/new", "contentBase64": "aGk=", "overwrite": true});
    let waiting = caller.request("node.invoke", invoke("file.write", write)).await;
    let (_, asked_about) = question(&mut decider, 0).await;
    let description = asked_about["request"]["description"].as_str().unwrap();
    assert!(description.contains("2 bytes, in the place of a file that is there"), "{description}");
    let always = json!({"id": asked_about["id"], "decision": "allow-always"});
    let error = decider.fails("plugin.approval.resolve", always).await;
    assert_eq!(error["details"]["reason"], "APPROVAL_ALLOW_ALWAYS_UNAVAILABLE");
    decide(&mut decider, &asked_about, "allow-once").await;
    let (invoked, look) = asked(&mut node).await;
    assert_eq!(look["contentBase64"], "");
    let binding = json!({"kind": "write", "anchorPath": "/srv", "anchorDevice": "1", "anchorInode": "2"});
    node.result(&invoked, &json!({"ok": true, "path": "/srv/new", "binding": binding})).await;
    let (invoked, write) = asked(&mut node).await;
    assert_eq!(write["contentBase64"], "aGk=");
    node.result(&invoked, &json!({"ok": true, "path": "/srv/new", "binding": existing()})).await;
    assert_eq!(caller.response(&waiting).await["ok"], true);
}

#[tokio::test]
async fn a_question_whose_asker_goes_is_taken_back() {
    let (_gateway, mut decider, mut caller, mut node) = asking(r#"{ "*": { ask: "on-miss" } }"#).await;
    caller.request("node.invoke", invoke("dir.fetch", json!({"path": "/srv"}))).await;
    let (at, asked_about) = question(&mut decider, 0).await;
    caller.leave().await;
    let (_, over) = decider.event(at, |e| e["event"] == "plugin.approval.resolved").await;
    assert_eq!((&over["payload"]["id"], &over["payload"]["decision"]), (&asked_about["id"], &json!("deny")));
    node.assert_open().await;
    assert!(!node.events.iter().any(|e| e["event"] == "node.invoke.request"));
}

#[tokio::test]
async fn where_nobody_else_can_be_asked_it_is_refused_at_once() {
    let gateway = gateway(r#"{ "*": { ask: "on-miss" } }"#).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = node(&gateway, &mut operator, &COMMANDS).await;
    let error = operator.fails("node.invoke", invoke("file.fetch", json!({"path": "/srv/a"}))).await;
    assert_eq!(error["details"]["code"], "APPROVAL_UNAVAILABLE", "{error}");
    node.assert_open().await;
    assert!(!node.events.iter().any(|e| e["event"] == "node.invoke.request"));
}

/// A policy that has people asked about every path.
const ASKING: &str = r#"plugins: { entries: { "file-transfer": { config: { policyVersion: 2, nodes: { "*": { ask: "on-miss" } } } } } },"#;

/// The configuration, with files of nodes allowed.
fn with_files(config: &str) -> String {
    let nodes = r#"gateway: { nodes: { commands: { allow: ["file.fetch"] } },"#;
    config.replacen("gateway: {", nodes, 1)
}

/// The node sees the file at this path and gives it, for an agent.
async fn give_text(node: &mut Raw, path: &str) {
    let (invoked, _) = asked(node).await;
    node.result(&invoked, &json!({"ok": true, "path": path, "binding": existing()})).await;
    let (invoked, _) = asked(node).await;
    let file = json!({"ok": true, "path": path, "size": 2, "mimeType": "text/plain", "base64": "aGk=",
        "sha256": hex::encode(Sha256::digest("hi")), "binding": existing()});
    node.result(&invoked, &file).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_waits_for_the_decision_about_a_file_and_then_has_it() {
    let model = FakeModel::start().await;
    let gateway = gateway_of(with_files(&config_with_model(&model.url(), ASKING))).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = node(&gateway, &mut operator, &["file.fetch"]).await;
    let call = json!({"node": "sample-node", "path": "/home/x"});
    let turn =
        json!({"message": format!("TOOL:file_fetch {call}"), "agentId": "main", "idempotencyKey": "k"});
    operator.call("agent", turn).await;
    let (_, asked_about) = question(&mut operator, 0).await;
    assert_eq!(asked_about["request"]["agentId"], "main");
    assert_eq!(asked_about["request"]["sessionKey"], "agent:main:main");
    decide(&mut operator, &asked_about, "allow-once").await;
    give_text(&mut node, "/home/x").await;
    let (_, end) = operator.event(0, |e| e["event"] == "chat" && e["payload"]["state"] == "final").await;
    assert!(end.to_string().contains("Fetched /home/x"), "{end}");
}

/// Somebody whom the configuration lets in on Telegram.
const FRIEND: i64 = 777;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chat_that_wants_a_file_is_asked_with_buttons_and_told_what_became_of_it() {
    let fake = FakeTelegram::start(flow::BOT_TOKEN).await;
    let model = FakeModel::start().await;
    let more = format!("{} {ASKING}", flow::telegram(&fake, &format!("allowFrom: [{FRIEND}],")));
    let gateway = gateway_of(with_files(&config_with_model(&model.url(), &more))).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = node(&gateway, &mut operator, &["file.fetch"]).await;
    let call = json!({"node": "sample-node", "path": "/home/x"});
    fake.push_text(FRIEND, FRIEND, &format!("TOOL:file_fetch {call}"));
    let shown =
        || fake.sent().into_iter().find_map(|s| Some((s.message_id, fake.shown(FRIEND, s.message_id)?)));
    let asked_there = || shown().filter(|(_, shown)| !shown.buttons.is_empty());
    assert!(fake.wait_until(|| asked_there().is_some(), PATIENCE).await, "{:?}", fake.chat(FRIEND));
    let (message, question) = asked_there().unwrap();
    assert!(question.text.contains("Path: \"/home/x\""), "{}", question.text);
    fake.press(FRIEND, FRIEND, message, &question.buttons[0][1]);
    give_text(&mut node, "/home/x").await;
    let told = || fake.shown(FRIEND, message).is_some_and(|s| s.text.contains("from now on for this path"));
    assert!(fake.wait_until(told, PATIENCE).await, "{:?}", fake.shown(FRIEND, message));
    let answered = || fake.chat(FRIEND).iter().any(|text| text.contains("Fetched /home/x"));
    assert!(fake.wait_until(answered, PATIENCE).await, "{:?}", fake.chat(FRIEND));

    // It is remembered: nobody is asked again.
    fake.push_text(FRIEND, FRIEND, &format!("TOOL:file_fetch {call} again"));
    give_text(&mut node, "/home/x").await;
    assert_eq!(operator.call("plugin.approval.list", json!({})).await, json!([]));
}

/// Changes the configuration as it stands.
async fn patch(operator: &mut Raw, patch: Value) {
    let hash = operator.call("config.get", json!({})).await["hash"].clone();
    operator.call("config.patch", json!({"raw": patch.to_string(), "baseHash": hash})).await;
}

#[tokio::test]
async fn a_command_that_is_allowed_meanwhile_is_asked_about_at_once_and_one_that_is_denied_ends() {
    let gateway = support::gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut caller = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = node(&gateway, &mut operator, &["system.which", "lamp.on"]).await;
    let commands = |commands: Value| json!({"gateway": {"nodes": {"commands": commands}}});
    let seen = operator.events.len();
    patch(&mut operator, commands(json!({"allow": ["lamp.on"]}))).await;
    let (_, event) = operator.event(seen, |e| e["event"] == "node.pair.requested").await;
    assert_eq!(event["payload"]["commands"], json!(["system.which", "lamp.on"]));
    operator.call("node.pair.approve", json!({"requestId": event["payload"]["requestId"]})).await;
    let waiting = caller.request("node.invoke", invoke("lamp.on", json!({}))).await;
    let invoked = node.invoked().await;

    patch(&mut operator, commands(json!({"deny": ["lamp.on"]}))).await;
    let error = caller.response(&waiting).await["error"].clone();
    assert_eq!(error["details"], json!({"code": "POLICY_CHANGED", "nodeCommandDispatched": true}), "{error}");
    let (_, cancel) = node.event(0, |e| e["event"] == "node.invoke.cancel").await;
    assert_eq!(cancel["payload"]["id"], invoked["id"]);
    let error = caller.fails("node.invoke", invoke("lamp.on", json!({}))).await;
    assert!(error["message"].as_str().unwrap().contains("not allowed"), "{error}");
    // What else it may goes on.
    let waiting = caller.request("node.invoke", invoke("system.which", json!({"bins": []}))).await;
    let invoked = node.invoked().await;
    node.result(&invoked, &json!({"bins": {}})).await;
    assert_eq!(caller.response(&waiting).await["ok"], true);
}
