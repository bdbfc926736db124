//! Nodes that answer twice, late, or for each other.

use crate::support::ask::{Ask, Device};
use crate::support::{Raw, approved_node, gateway_with};
use serde_json::{Value, json};
use testkit::gateway::TestGateway;

/// An operator and a node whose command is approved.
async fn operator_and_node(gateway: &TestGateway, number: u8) -> (Raw, Raw) {
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let node = node(gateway, &mut operator, number).await;
    (operator, node)
}

async fn node(gateway: &TestGateway, operator: &mut Raw, number: u8) -> Raw {
    approved_node(gateway, operator, number, "system.which").await
}

fn invoke(number: u8, key: &str, more: Value) -> Value {
    let mut params = json!({
        "nodeId": Device::new(number).id(), "command": "system.which", "params": {"bins": ["git"]},
        "idempotencyKey": key,
    });
    if let (Some(params), Value::Object(more)) = (params.as_object_mut(), more) {
        params.extend(more);
    }
    params
}

#[tokio::test]
async fn only_the_first_answer_of_the_node_that_was_asked_counts() {
    let gateway = gateway_with("").await;
    let (mut operator, mut asked) = operator_and_node(&gateway, 1).await;
    let mut other = node(&gateway, &mut operator, 2).await;
    let waiting = operator.request("node.invoke", invoke(1, "k", json!({"timeoutMs": 30_000}))).await;
    let invoked = asked.invoked().await;
    assert_eq!(invoked["paramsJSON"], r#"{"bins":["git"]}"#);
    assert_eq!((&invoked["timeoutMs"], &invoked["idempotencyKey"]), (&json!(30_000), &json!("k")));

    let ignored = json!({"ok": true, "ignored": true});
    let as_the_asked = json!({"id": invoked["id"], "nodeId": invoked["nodeId"], "ok": true});
    assert_eq!(other.fails("node.invoke.result", as_the_asked).await["message"], "nodeId mismatch");
    let mut as_itself = invoked.clone();
    as_itself["nodeId"] = json!(Device::new(2).id());
    assert_eq!(other.result(&as_itself, &json!({"from": "another"})).await, ignored);
    let result = json!({"id": invoked["id"], "nodeId": invoked["nodeId"], "ok": true});
    assert_eq!(operator.fails("node.invoke.result", result).await["message"], "unauthorized role: operator");
    let mut unknown = invoked.clone();
    unknown["id"] = json!("never-asked");
    assert_eq!(asked.result(&unknown, &json!({"from": "nothing"})).await, ignored);

    assert_eq!(asked.result(&invoked, &json!({"from": "asked"})).await, json!({"ok": true}));
    assert_eq!(operator.response(&waiting).await["payload"]["payload"], json!({"from": "asked"}));
    assert_eq!(asked.result(&invoked, &json!({"from": "asked, again"})).await, ignored);
    for raw in [&mut operator, &mut asked, &mut other] {
        raw.assert_open().await;
    }
}

#[tokio::test]
async fn a_late_answer_finds_nobody_and_the_node_was_told_so() {
    let gateway = gateway_with("").await;
    let (mut operator, mut node) = operator_and_node(&gateway, 1).await;
    let waiting = operator.request("node.invoke", invoke(1, "k", json!({"timeoutMs": 20}))).await;
    let invoked = node.invoked().await;
    let answer = operator.response(&waiting).await;
    assert_eq!(answer["error"]["code"], "UNAVAILABLE", "{answer}");
    assert_eq!(answer["error"]["details"]["nodeCommandDispatched"], true, "{answer}");
    let (_, cancel) = node.event(0, |e| e["event"] == "node.invoke.cancel").await;
    assert_eq!(cancel["payload"]["id"], invoked["id"]);
    assert_eq!(node.result(&invoked, &json!({})).await, json!({"ok": true, "ignored": true}));
    assert!(operator.events.iter().all(|e| e["event"] != "node.invoke.result"));
    operator.assert_open().await;
}

#[tokio::test]
async fn a_node_that_leaves_or_is_replaced_fails_its_calls_at_once() {
    let gateway = gateway_with("").await;
    let (mut operator, mut node) = operator_and_node(&gateway, 1).await;
    let slow = json!({"timeoutMs": 3_600_000});
    let waiting = operator.request("node.invoke", invoke(1, "k1", slow.clone())).await;
    node.invoked().await;
    let again = Ask::node(Device::new(1), &["system.which"]);
    let mut newer = Raw::connected(gateway.port(), &again).await;
    let answer = operator.response(&waiting).await;
    assert_eq!(answer["error"]["details"]["code"], "DISCONNECTED", "{answer}");
    assert_eq!(answer["error"]["details"]["nodeCommandDispatched"], true);
    assert_eq!(node.closed().await.0, 1000);

    let waiting = operator.request("node.invoke", invoke(1, "k2", slow)).await;
    newer.invoked().await;
    drop(newer);
    let answer = operator.response(&waiting).await;
    assert_eq!(answer["error"]["details"]["code"], "DISCONNECTED", "{answer}");
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_its_call_along() {
    let gateway = gateway_with("").await;
    let (mut operator, mut node) = operator_and_node(&gateway, 1).await;
    operator.request("node.invoke", invoke(1, "k", json!({"timeoutMs": 3_600_000}))).await;
    let invoked = node.invoked().await;
    operator.leave().await;
    let (_, cancel) = node.event(0, |e| e["event"] == "node.invoke.cancel").await;
    assert_eq!(cancel["payload"]["id"], invoked["id"]);
}
