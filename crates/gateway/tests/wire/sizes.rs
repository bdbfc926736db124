//! What is too large for a frame, a node or a key is refused where it is noticed, and nothing else suffers.

use crate::support::ask::{Ask, Device};
use crate::support::{Raw, gateway_with};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// Bytes of a frame that some senders may not exceed.
const PLAIN: usize = 1024 * 1024;

fn request(method: &str, params: &Value) -> String {
    json!({"type": "req", "id": "big", "method": method, "params": params}).to_string()
}

/// A node whose command is approved.
async fn approved_node(port: u16, operator: &mut Raw) -> Raw {
    let node = Raw::connected(port, &Ask::node(Device::new(1), &["system.which"])).await;
    let (_, event) = operator.event(0, |e| e["event"] == "node.pair.requested").await;
    operator.call("node.pair.approve", json!({"requestId": event["payload"]["requestId"]})).await;
    node
}

fn call(key: &str, bins: &str) -> Value {
    json!({
        "nodeId": Device::new(1).id(), "command": "system.which", "params": {"bins": [bins]}, "idempotencyKey": key,
    })
}

#[tokio::test]
async fn a_node_sends_much_as_a_result_alone() {
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = approved_node(gateway.port(), &mut operator).await;
    let large = "x".repeat(PLAIN);
    node.send_text(&request("node.event", &json!({"event": "voice.transcript", "payload": large}))).await;
    let error = node.response("big").await["error"].clone();
    assert_eq!(error["code"], "INVALID_REQUEST", "{error}");
    assert!(error["message"].as_str().unwrap().contains("node.invoke.result"), "{error}");
    let waiting = operator.request("node.invoke", call("k", "git")).await;
    let invoked = node.invoked().await;
    node.result(&invoked, &json!(large)).await;
    assert_eq!(operator.response(&waiting).await["payload"]["payload"], large);
}

#[tokio::test]
async fn an_operator_that_may_do_nothing_sends_little() {
    let gateway = gateway_with("").await;
    let mut raw = Raw::connected(gateway.port(), &Ask::operator().scopes(&[])).await;
    let padded = |bytes: usize| {
        let text = request("health", &json!({}));
        Message::text(format!("{text}{}", " ".repeat(bytes - text.len())))
    };
    raw.send(padded(PLAIN)).await;
    assert_eq!(raw.response("big").await["ok"], true);
    raw.send(padded(PLAIN + 1)).await;
    assert_eq!(raw.closed().await, (1009, String::new()));
}

#[tokio::test]
async fn parameters_that_no_frame_for_the_node_can_hold_are_refused_before_it_hears_of_them() {
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = approved_node(gateway.port(), &mut operator).await;
    // As text within the node's JSON each quote takes four bytes: it was two on the way in.
    let quotes = "\"".repeat(7 * PLAIN);
    let error = operator.fails("node.invoke", call("k", &quotes)).await;
    assert_eq!(error["code"], "INVALID_REQUEST", "{error}");
    assert!(error["message"].as_str().unwrap().contains("send less"), "{error}");
    // The key is free: nothing was done under it.
    let waiting = operator.request("node.invoke", call("k", "git")).await;
    let invoked = node.invoked().await;
    assert_eq!(invoked["paramsJSON"], r#"{"bins":["git"]}"#);
    node.result(&invoked, &json!({"bins": {}})).await;
    assert_eq!(operator.response(&waiting).await["ok"], true);
}

#[tokio::test]
async fn a_key_that_is_kept_is_short() {
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let error = operator.fails("node.invoke", call(&"k".repeat(257), "git")).await;
    let message = "invalid node.invoke params: at /idempotencyKey: must not have more than 256 characters";
    assert_eq!(error, json!({"code": "INVALID_REQUEST", "message": message}));
}
