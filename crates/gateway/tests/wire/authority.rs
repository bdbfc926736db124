//! Who may see and do what once connected: no more than was granted, and nothing after it was taken back.

use crate::support::ask::{Ask, Device};
use crate::support::{Raw, gateway_with, pass};
use serde_json::{Value, json};
use std::time::Duration;

/// No silent approval: every device has to be approved.
const ASKED_ABOUT: &str = "nodes: { pairing: { autoApproveLocal: false } },";

/// The request that a node made on connecting.
async fn requested(operator: &mut Raw, number: u8) -> Value {
    let id = Device::new(number).id();
    let meant = |e: &Value| e["event"] == "node.pair.requested" && e["payload"]["nodeId"] == id.as_str();
    operator.event(0, meant).await.1["payload"]["requestId"].clone()
}

/// A node with these commands, all approved.
async fn approved_node(port: u16, operator: &mut Raw, commands: &[&str]) -> Raw {
    let node = Raw::connected(port, &Ask::node(Device::new(1), commands)).await;
    let request = requested(operator, 1).await;
    operator.call("node.pair.approve", json!({"requestId": request})).await;
    node
}

fn invoke(command: &str, key: &str) -> Value {
    json!({
        "nodeId": Device::new(1).id(), "command": command, "params": {}, "timeoutMs": 600_000, "idempotencyKey": key,
    })
}

#[tokio::test]
async fn deciding_what_a_node_runs_takes_more_than_calling_it() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let commands = ["system.execApprovals.get", "system.execApprovals.set", "system.which"];
    let mut node = approved_node(port, &mut owner, &commands).await;
    let mut writer = Raw::connected(port, &Ask::operator().scopes(&["operator.write"])).await;
    for command in &commands[..2] {
        let error = writer.fails("node.invoke", invoke(command, command)).await;
        assert_eq!(error["details"]["missingScope"], "operator.admin", "{error}");
    }
    let waiting = owner.request("node.invoke", invoke("system.execApprovals.get", "k")).await;
    let invoked = node.invoked().await;
    assert_eq!(invoked["command"], "system.execApprovals.get", "nothing came before it");
    node.result(&invoked, &json!({"n": 1})).await;
    assert_eq!(owner.response(&waiting).await["ok"], true);
    // The same key for another command is another call.
    let waiting = owner.request("node.invoke", invoke("system.which", "k")).await;
    let invoked = node.invoked().await;
    node.result(&invoked, &json!({"n": 2})).await;
    assert_eq!(owner.response(&waiting).await["payload"]["payload"], json!({"n": 2}));
}

#[tokio::test]
async fn taking_an_approval_back_fails_what_is_under_way_and_withdraws_what_waits() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let mut node = approved_node(port, &mut owner, &["system.which"]).await;
    let node_id = json!({"nodeId": Device::new(1).id()});
    let waiting = owner.request("node.invoke", invoke("system.which", "k")).await;
    let invoked = node.invoked().await;
    let mut other = Raw::connected(port, &Ask::operator()).await;
    other.call("node.pair.remove", node_id.clone()).await;
    let answer = owner.response(&waiting).await;
    assert_eq!(answer["error"]["details"]["code"], "PAIRING_CHANGED", "{answer}");
    assert_eq!(answer["error"]["details"]["nodeCommandDispatched"], true, "{answer}");
    let (_, cancel) = node.event(0, |e| e["event"] == "node.invoke.cancel").await;
    assert_eq!(cancel["payload"]["id"], invoked["id"]);
    let error = owner.fails("node.invoke", invoke("system.which", "k2")).await;
    assert_eq!(error["details"]["reason"], "command not approved", "{error}");
    let stats = json!({"event": "node.host.stats", "payload": {"cpuCount": 1}});
    assert_eq!(node.fails("node.event", stats).await["code"], "UNAVAILABLE");
    node.leave().await;

    // With nothing but a request there is something to take back as well.
    let from = owner.events.len();
    let _node = Raw::connected(port, &Ask::node(Device::new(1), &["system.which"])).await;
    let (_, event) = owner.event(from, |e| e["event"] == "node.pair.requested").await;
    owner.call("node.pair.remove", node_id.clone()).await;
    let resolved = owner.event(from, |e| e["event"] == "node.pair.resolved").await.1["payload"].clone();
    assert_eq!(resolved["requestId"], event["payload"]["requestId"]);
    assert_eq!(resolved["decision"], "rejected");
    let error = owner.fails("node.pair.approve", json!({"requestId": resolved["requestId"]})).await;
    assert!(error["message"].as_str().unwrap().contains("unknown requestId"), "{error}");
    assert!(
        owner.fails("node.pair.remove", node_id).await["message"].as_str().unwrap().contains("unknown node")
    );
}

#[tokio::test]
async fn whoever_may_not_read_sees_no_sessions_and_nobody_else() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator().device(Device::new(9))).await;
    let sessions = owner.call("health", json!({})).await["sessions"].clone();
    assert!(sessions["path"].is_string() && owner.hello["snapshot"]["presence"][1].is_object(), "{sessions}");
    let read = Ask::operator().scopes(&["operator.read"]);
    let (nothing, node) = (Ask::operator().scopes(&[]), Ask::node(Device::new(1), &[]));
    for (who, ask, reads) in [("reader", read, true), ("nobody", nothing, false), ("node", node, false)] {
        let mut raw = Raw::connected(port, &ask).await;
        let snapshot = raw.hello["snapshot"].clone();
        let health = raw.call("health", json!({})).await;
        for health in [&snapshot["health"], &health] {
            assert_eq!(health["ok"], true, "{who}");
            assert!(health["ts"].is_i64() && health["channels"].is_object(), "{who}: {health}");
            assert_eq!(health["sessions"]["path"] != "", reads, "{who}: {health}");
            assert_eq!(health["agents"][0]["sessions"]["path"] != "", reads, "{who}: {health}");
        }
        let others = snapshot["presence"].as_array().unwrap().len();
        assert_eq!(others > 0, reads, "{who}: {snapshot}");
        raw.leave().await;
    }
}

#[tokio::test]
async fn nobody_approves_a_device_that_may_more_than_they() {
    let gateway = gateway_with(ASKED_ABOUT).await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let tui = |scopes: &[&str]| Ask::operator().device(Device::new(1)).scopes(scopes);
    let (error, _) = Raw::refused(port, &tui(&["operator.admin"])).await;
    owner.call("device.pair.approve", json!({"requestId": error["details"]["requestId"]})).await;

    // It asks for little now, and would get its token for everything again.
    let elsewhere = tui(&["operator.pairing"]).with("/client/platform", json!("windows"));
    let (error, _) = Raw::refused(port, &elsewhere).await;
    assert_eq!(error["details"]["reason"], "metadata-upgrade", "{error}");
    let request = json!({"requestId": error["details"]["requestId"]});
    let mut lesser = Raw::connected(port, &Ask::operator().scopes(&["operator.pairing"])).await;
    let error = lesser.fails("device.pair.approve", request.clone()).await;
    assert_eq!(error["details"]["missingScope"], "operator.admin", "{error}");
    owner.call("device.pair.approve", request).await;
}

#[tokio::test]
async fn a_token_that_turns_up_on_another_platform_is_asked_about() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let ask = Ask::node(Device::new(1), &[]);
    let node = Raw::connected(port, &ask).await;
    let token = json!({"token": node.hello["auth"]["deviceToken"]});
    node.leave().await;
    Raw::connected(port, &ask.clone().auth(token.clone())).await.leave().await;
    let moved = ask.with("/client/platform", json!("macos")).auth(token);
    let (error, (code, _)) = Raw::refused(port, &moved).await;
    assert_eq!((&error["details"]["reason"], code), (&json!("metadata-upgrade"), 1008), "{error}");
}

#[tokio::test]
async fn a_node_is_heard_about_its_host_once_a_second() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let mut node = approved_node(port, &mut owner, &["system.which"]).await;
    let report = |n: u32| json!({"event": "node.host.stats", "payload": {"cpuCount": n}});
    let heard = |raw: &Raw| -> Vec<Value> {
        let stats = raw.events.iter().filter(|e| e["event"] == "node.hostStats");
        stats.map(|e| e["payload"]["hostStats"]["cpuCount"].clone()).collect()
    };
    for n in 1..=20 {
        node.call("node.event", report(n)).await;
    }
    let described = owner.call("node.describe", json!({"nodeId": Device::new(1).id()})).await;
    assert_eq!(described["hostStats"]["cpuCount"], 20, "the last one is kept");
    assert!(heard(&owner).len() < 20, "{:?}", heard(&owner));
    pass(Duration::from_secs(1)).await;
    node.call("node.event", report(21)).await;
    owner.event(0, |e| e["event"] == "node.hostStats" && e["payload"]["hostStats"]["cpuCount"] == 21).await;
}

#[tokio::test]
async fn who_keeps_calling_what_is_not_there_is_closed() {
    let gateway = gateway_with("").await;
    let mut raw = Raw::connected(gateway.port(), &Ask::operator()).await;
    for _ in 0..100 {
        raw.fails("no.such", json!({})).await;
    }
    let last = raw.request("no.such", json!({})).await;
    assert_eq!(raw.response(&last).await["ok"], false, "the last answer comes before the goodbye");
    assert_eq!(raw.closed().await, (1008, "repeated unauthorized calls".to_owned()));
}

#[tokio::test]
async fn a_gateway_that_stops_says_so_before_the_goodbye() {
    let gateway = gateway_with("").await;
    let mut raw = Raw::connected(gateway.port(), &Ask::operator()).await;
    let reading = async {
        let closed = raw.closed().await;
        assert_eq!(raw.events.last().map(|e| e["event"].clone()), Some(json!("shutdown")));
        closed
    };
    let ((), closed) = tokio::join!(gateway.stop(), reading);
    assert_eq!(closed, (1012, "gateway shutting down".to_owned()));
}
