//! What a node's command has given before it was over: kept in order and in bounds, given to the caller where no result comes.
use crate::support::ask::{Ask, Device};
use crate::support::{Raw, approved_node, gateway_with};
use serde_json::{Value, json};
use testkit::gateway::TestGateway;

/// A node whose command is approved.
async fn node(gateway: &TestGateway, operator: &mut Raw, number: u8) -> Raw {
    approved_node(gateway, operator, number, "system.run").await
}

fn invoke(number: u8, key: &str) -> Value {
    json!({
        "nodeId": Device::new(number).id(), "command": "system.run", "params": {"command": ["x"]},
        "idempotencyKey": key, "timeoutMs": 3_600_000,
    })
}

fn chunk(invoked: &Value, seq: u64, text: &str) -> Value {
    json!({"invokeId": invoked["id"], "nodeId": invoked["nodeId"], "seq": seq, "chunk": text})
}

const TAKEN: fn() -> Value = || json!({"ok": true, "ignored": false});
const IGNORED: fn() -> Value = || json!({"ok": true, "ignored": true});

#[tokio::test]
async fn where_no_result_comes_the_caller_gets_what_had_come() {
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut asked = node(&gateway, &mut operator, 1).await;
    let waiting = operator.request("node.invoke", invoke(1, "k")).await;
    let invoked = asked.invoked().await;
    let progress = "node.invoke.progress";
    assert_eq!(asked.call(progress, chunk(&invoked, 1, "two ")).await, TAKEN());
    assert_eq!(asked.call(progress, chunk(&invoked, 0, "one ")).await, TAKEN());
    assert_eq!(asked.call(progress, chunk(&invoked, 0, "again ")).await, IGNORED());
    drop(asked);
    let error = operator.response(&waiting).await["error"].clone();
    assert_eq!(error["details"]["code"], "DISCONNECTED");
    assert_eq!(error["details"]["partialOutput"], "one two ", "{error}");
}

#[tokio::test]
async fn progress_is_of_ones_own_call_while_it_lasts() {
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut asked = node(&gateway, &mut operator, 1).await;
    let mut other = node(&gateway, &mut operator, 2).await;
    let waiting = operator.request("node.invoke", invoke(1, "k")).await;
    let invoked = asked.invoked().await;
    let progress = "node.invoke.progress";
    let error = other.fails(progress, chunk(&invoked, 0, "x")).await;
    assert!(error["message"].as_str().unwrap().starts_with("nodeId mismatch"), "{error}");
    let mut as_itself = chunk(&invoked, 0, "x");
    as_itself["nodeId"] = json!(Device::new(2).id());
    assert_eq!(other.call(progress, as_itself).await, IGNORED());
    let mut unknown = chunk(&invoked, 0, "x");
    unknown["invokeId"] = json!("never-asked");
    assert_eq!(asked.call(progress, unknown).await, IGNORED());
    assert_eq!(
        operator.fails(progress, chunk(&invoked, 0, "x")).await["message"],
        "unauthorized role: operator"
    );
    let error = asked.fails(progress, chunk(&invoked, 0, &"é".repeat(8193))).await;
    assert!(error["message"].as_str().unwrap().starts_with("progress chunk too large"), "{error}");
    assert_eq!(asked.call(progress, chunk(&invoked, 0, &"é".repeat(8192))).await, TAKEN());
    assert_eq!(asked.result(&invoked, &json!({"exitCode": 0})).await, json!({"ok": true}));
    let answer = operator.response(&waiting).await;
    assert_eq!(answer["payload"]["payload"], json!({"exitCode": 0}), "a result stands for itself");
    assert_eq!(asked.call(progress, chunk(&invoked, 1, "late")).await, IGNORED());
    assert_eq!(asked.result(&invoked, &json!({})).await, IGNORED());
}

#[tokio::test]
async fn a_flood_of_progress_costs_a_few_kilobytes_and_nobody_else_anything() {
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut asked = node(&gateway, &mut operator, 1).await;
    let waiting = operator.request("node.invoke", invoke(1, "k")).await;
    let invoked = asked.invoked().await;
    let text = "0123456789abcdef".repeat(1000);
    for seq in 0..500 {
        asked.request("node.invoke.progress", chunk(&invoked, seq, &text)).await;
    }
    let last = asked.request("node.invoke.progress", chunk(&invoked, 500, "the end")).await;
    operator.assert_open().await;
    assert_eq!(asked.response(&last).await["payload"], TAKEN());
    let failed = json!({
        "id": invoked["id"], "nodeId": invoked["nodeId"], "ok": false,
        "error": {"code": "UNAVAILABLE", "message": "gave up"},
    });
    asked.call("node.invoke.result", failed).await;
    let error = operator.response(&waiting).await["error"].clone();
    let came = error["details"]["partialOutput"].as_str().unwrap();
    assert!(came.len() < 17_000 && came.ends_with("the end"), "{}", came.len());
    assert!(
        came.starts_with(&format!("[… {} bytes before this …]", 500 * 16_000 + 7 - 16_384)),
        "{}",
        &came[..60]
    );
}
