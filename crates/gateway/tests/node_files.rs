//! Files of nodes: which may be read and written, and that the node does it with the file that the policy was asked about.
// A test may end where it stands; clippy knows that of the test functions alone, not of what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::ask::{Ask, Device};
use support::{Raw, gateway_of};
use testkit::gateway::TestGateway;

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
