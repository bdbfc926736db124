//! What waits for a node: requests for one that sleeps, and calls for an app that is not in front.
use crate::flow::gateway_at;
use crate::support::ask::{Ask, Device};
use crate::support::{Raw, gateway_with};
use model::{Clock, ManualClock};
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::gateway::{TestGateway, TestOptions, default_config};

/// A phone that says when it is not in front.
fn phone(number: u8, commands: &[&str]) -> Ask {
    Ask::node(Device::new(number), commands)
        .with("/client/platform", json!("iOS 19.1"))
        .with("/client/deviceFamily", json!("iPhone"))
}

/// A node whose commands are approved.
async fn approved(gateway: &TestGateway, operator: &mut Raw, ask: &Ask) -> Raw {
    let id = ask.device.as_ref().unwrap().id();
    let node = Raw::connected(gateway.port(), ask).await;
    let meant = |e: &Value| e["event"] == "node.pair.requested" && e["payload"]["nodeId"] == id.as_str();
    let (_, event) = operator.event(0, meant).await;
    operator.call("node.pair.approve", json!({"requestId": event["payload"]["requestId"]})).await;
    node
}

fn enqueue(number: u8, kind: &str) -> Value {
    json!({"nodeId": Device::new(number).id(), "type": kind})
}

fn field<'a>(items: &'a Value, name: &str) -> Vec<&'a str> {
    items.as_array().unwrap().iter().map(|item| item[name].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_request_waits_over_a_restart_until_its_node_has_it_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = gateway_at(dir.path(), default_config("")).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator().scopes(&["operator.write"])).await;
    Raw::connected(gateway.port(), &phone(1, &[])).await.leave().await;
    Raw::connected(gateway.port(), &phone(2, &[])).await.leave().await;
    let method = "node.pending.enqueue";
    let first = operator.call(method, enqueue(1, "location.request")).await;
    assert_eq!(first["wakeTriggered"], false, "nothing reaches a sleeping node");
    assert_eq!(first["queued"]["priority"], "normal");
    let again = operator.call(method, enqueue(1, "location.request")).await;
    assert_eq!(again, first, "one of its type waits already");
    let mut urgent = enqueue(1, "status.request");
    urgent["priority"] = json!("high");
    urgent["wake"] = json!(true);
    let second = operator.call(method, urgent).await;
    assert!(second["revision"].as_u64() > first["revision"].as_u64(), "{second}");
    gateway.stop().await;

    let gateway = gateway_at(dir.path(), default_config("")).await;
    let mut other = Raw::connected(gateway.port(), &phone(2, &[])).await;
    let theirs = other.call("node.pending.drain", json!({})).await;
    assert_eq!(field(&theirs["items"], "id"), ["baseline-status"], "nothing of another node's");
    let mut node = Raw::connected(gateway.port(), &phone(1, &[])).await;
    let given = node.call("node.pending.drain", json!({})).await;
    assert_eq!(given["items"], json!([second["queued"], first["queued"]]), "the urgent one first");
    assert_eq!(given["hasMore"], false);
    assert_eq!(given["nodeId"], Device::new(1).id());
    let after = node.call("node.pending.drain", json!({})).await;
    assert_eq!(field(&after["items"], "id"), ["baseline-status"]);
    assert_eq!(after["revision"], given["revision"], "nothing changed");
    gateway.stop().await;
}

#[tokio::test]
async fn a_node_gets_as_many_as_it_asks_for_and_its_status_is_always_wanted() {
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = Raw::connected(gateway.port(), &phone(1, &[])).await;
    let one = json!({"maxItems": 1});
    operator.call("node.pending.enqueue", enqueue(1, "location.request")).await;
    let given = node.call("node.pending.drain", one.clone()).await;
    assert_eq!(field(&given["items"], "type"), ["location.request"]);
    assert_eq!(given["hasMore"], true, "the status had no room");
    let given = node.call("node.pending.drain", one.clone()).await;
    assert_eq!(field(&given["items"], "type"), ["status.request"]);
    assert_eq!(given["items"][0]["priority"], "default");
    assert_eq!(given["hasMore"], false);
    for kind in ["location.request", "status.request"] {
        operator.call("node.pending.enqueue", enqueue(1, kind)).await;
    }
    let first = node.call("node.pending.drain", one.clone()).await;
    let second = node.call("node.pending.drain", one.clone()).await;
    let mut types = [field(&first["items"], "type"), field(&second["items"], "type")].concat();
    types.sort_unstable();
    assert_eq!(types, ["location.request", "status.request"]);
    assert_eq!(first["hasMore"], true);
    gateway.stop().await;
}

#[tokio::test]
async fn a_request_that_ran_out_or_whose_node_was_removed_is_not_given() {
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let gateway = TestGateway::with(TestOptions { clock: clock.clone(), ..TestOptions::default() }).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = Raw::connected(gateway.port(), &phone(1, &[])).await;
    let mut short = enqueue(1, "location.request");
    short["expiresInMs"] = json!(1000);
    let queued = operator.call("node.pending.enqueue", short.clone()).await["queued"].clone();
    assert_eq!(queued["expiresAtMs"], clock.now_ms() + 1000);
    clock.advance_ms(1000);
    let given = node.call("node.pending.drain", json!({})).await;
    assert_eq!(field(&given["items"], "id"), ["baseline-status"]);
    let id = Device::new(1).id();
    operator.call("node.pending.enqueue", enqueue(1, "location.request")).await;
    operator.call("device.pair.remove", json!({"deviceId": id})).await;
    let error = operator.fails("node.pending.enqueue", enqueue(1, "location.request")).await;
    assert_eq!(error["message"], format!("unknown node {id}; node.list names those that are paired"));
    let mut node = Raw::connected(gateway.port(), &phone(1, &[])).await;
    let given = node.call("node.pending.drain", json!({})).await;
    assert_eq!(field(&given["items"], "id"), ["baseline-status"], "it is another pairing");
    gateway.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = Raw::connected(gateway.port(), &phone(1, &[])).await;
    let mut long = enqueue(1, "status.request");
    long["expiresInMs"] = json!(86_400_001);
    let error = operator.fails("node.pending.enqueue", long).await;
    assert!(error["message"].as_str().unwrap().ends_with("must be 1000 to 86400000"), "{error}");
    let error = node.fails("node.pending.drain", json!({"maxItems": 11})).await;
    assert!(error["message"].as_str().unwrap().ends_with("at /maxItems: must be <= 10"), "{error}");
    for ids in [json!([]), json!(vec!["x"; 65])] {
        let error = node.fails("node.pending.ack", json!({"ids": ids})).await;
        assert!(error["message"].as_str().unwrap().ends_with("at /ids: must have 1 to 64 items"), "{error}");
    }
    for method in ["node.pending.drain", "node.pending.pull"] {
        let message = operator.fails(method, json!({})).await["message"].clone();
        assert_eq!(message, "unauthorized role: operator");
    }
    let message = node.fails("node.pending.enqueue", enqueue(1, "status.request")).await["message"].clone();
    assert_eq!(message, "unauthorized role: node");
    gateway.stop().await;
}

/// `gateway.nodes` that lets the phone's camera be used.
const CAMERA: &str = r#"nodes: { commands: { allow: ["camera.snap"] } },"#;

fn snap(number: u8, key: &str) -> Value {
    json!({
        "nodeId": Device::new(number).id(), "command": "camera.snap", "params": {"facing": "back"},
        "idempotencyKey": key, "timeoutMs": 60_000,
    })
}

/// Calls the camera of a node that is not in front; the error that the caller gets.
async fn refused_in_background(operator: &mut Raw, node: &mut Raw, call: Value) -> Value {
    let waiting = operator.request("node.invoke", call).await;
    let invoked = node.invoked().await;
    let failed = json!({
        "id": invoked["id"], "nodeId": invoked["nodeId"], "ok": false,
        "error": {"code": "NODE_BACKGROUND_UNAVAILABLE", "message": "the app is in the background"},
    });
    node.call("node.invoke.result", failed).await;
    operator.response(&waiting).await["error"].clone()
}

#[tokio::test]
async fn a_call_that_needs_the_front_waits_for_it_until_the_app_has_taken_it_up() {
    let gateway = gateway_with(CAMERA).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let ask = phone(1, &["camera.snap"]);
    let mut node = approved(&gateway, &mut operator, &ask).await;
    let error = refused_in_background(&mut operator, &mut node, snap(1, "k-1")).await;
    assert_eq!(error["details"]["code"], "QUEUED_UNTIL_FOREGROUND", "{error}");
    assert_eq!(error["details"]["nodeError"]["code"], "NODE_BACKGROUND_UNAVAILABLE");
    let again = operator.fails("node.invoke", snap(1, "k-1")).await;
    assert_eq!(again, error, "the same key waits once");
    node.leave().await;
    let mut node = Raw::connected(gateway.port(), &ask).await;
    let pulled = node.call("node.pending.pull", json!({})).await;
    let actions = pulled["actions"].as_array().unwrap();
    assert_eq!(actions.len(), 1, "{pulled}");
    assert_eq!(actions[0]["id"], error["details"]["queuedActionId"]);
    assert_eq!(actions[0]["command"], "camera.snap");
    assert_eq!(actions[0]["paramsJSON"], r#"{"facing":"back"}"#);
    assert_eq!(node.call("node.pending.pull", json!({})).await, pulled, "until it says so");
    let ids = json!({"ids": [actions[0]["id"], "of-nobody"]});
    let acked = node.call("node.pending.ack", ids.clone()).await;
    assert_eq!(acked["ackedIds"], json!([actions[0]["id"]]));
    assert_eq!(acked["remainingCount"], 0);
    assert_eq!(node.call("node.pending.ack", ids).await["ackedIds"], json!([]));
    assert_eq!(node.call("node.pending.pull", json!({})).await["actions"], json!([]));
    gateway.stop().await;
}

#[tokio::test]
async fn nobody_ends_the_calls_of_another_and_what_is_not_approved_any_more_is_not_shown() {
    let gateway = gateway_with(CAMERA).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let ask = phone(1, &["camera.snap"]);
    let mut node = approved(&gateway, &mut operator, &ask).await;
    let mut other = approved(&gateway, &mut operator, &phone(2, &["camera.snap"])).await;
    let error = refused_in_background(&mut operator, &mut node, snap(1, "k")).await;
    let ids = json!({"ids": [error["details"]["queuedActionId"]]});
    assert_eq!(other.call("node.pending.pull", json!({})).await["actions"], json!([]));
    assert_eq!(other.call("node.pending.ack", ids).await["ackedIds"], json!([]));
    assert_eq!(node.call("node.pending.pull", json!({})).await["actions"].as_array().unwrap().len(), 1);
    operator.call("node.pair.remove", json!({"nodeId": Device::new(1).id()})).await;
    assert_eq!(node.call("node.pending.pull", json!({})).await["actions"], json!([]));
    gateway.stop().await;
}

#[tokio::test]
async fn calls_wait_in_bounded_number_and_for_bounded_time() {
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let token = testkit::gateway::TOKEN;
    let config = format!(r#"{{ gateway: {{ {CAMERA} auth: {{ mode: "token", token: "{token}" }} }} }}"#);
    let options = TestOptions { config, clock: clock.clone(), ..TestOptions::default() };
    let gateway = TestGateway::with(options).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = approved(&gateway, &mut operator, &phone(1, &["camera.snap"])).await;
    for n in 0..64 {
        let error = refused_in_background(&mut operator, &mut node, snap(1, &n.to_string())).await;
        assert_eq!(error["details"]["code"], "QUEUED_UNTIL_FOREGROUND", "{n}: {error}");
    }
    let error = refused_in_background(&mut operator, &mut node, snap(1, "one more")).await;
    assert_eq!(
        error["details"]["code"], "NODE_BACKGROUND_UNAVAILABLE",
        "it does not wait, and is not said to"
    );
    assert_eq!(node.call("node.pending.pull", json!({})).await["actions"].as_array().unwrap().len(), 64);
    clock.advance_ms(600_000);
    assert_eq!(node.call("node.pending.pull", json!({})).await["actions"], json!([]));
    let error = refused_in_background(&mut operator, &mut node, snap(1, "later")).await;
    assert_eq!(error["details"]["code"], "QUEUED_UNTIL_FOREGROUND", "there is room again");
    gateway.stop().await;
}

#[tokio::test]
async fn a_node_that_does_not_ask_for_what_waits_gets_nothing_to_wait() {
    let gateway = gateway_with(CAMERA).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let desk = Ask::node(Device::new(1), &["camera.snap"]);
    let mut node = approved(&gateway, &mut operator, &desk).await;
    let error = refused_in_background(&mut operator, &mut node, snap(1, "k")).await;
    assert_eq!(error["details"]["code"], "NODE_BACKGROUND_UNAVAILABLE", "{error}");
    let mut large = snap(1, "large");
    large["params"] = json!({"facing": "x".repeat(70_000)});
    let mut phone = approved(&gateway, &mut operator, &phone(2, &["camera.snap"])).await;
    large["nodeId"] = json!(Device::new(2).id());
    let error = refused_in_background(&mut operator, &mut phone, large).await;
    assert_eq!(error["details"]["code"], "NODE_BACKGROUND_UNAVAILABLE", "it is too large to wait");
    gateway.stop().await;
}
