//! The same `idempotencyKey` again gives the first answer and does nothing twice.

use crate::support::ask::{Ask, Device};
use crate::support::{PATIENCE, Raw, gateway_of, gateway_with};
use serde_json::{Value, json};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::config_with_model;

#[tokio::test]
async fn a_node_is_asked_once_however_often_the_call_comes() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let mut operator = Raw::connected(port, &Ask::operator()).await;
    let mut node = Raw::connected(port, &Ask::node(Device::new(1), &["system.which"])).await;
    let (_, event) = operator.event(0, |e| e["event"] == "node.pair.requested").await;
    operator.call("node.pair.approve", json!({"requestId": event["payload"]["requestId"]})).await;

    let call = |key: &str| json!({"nodeId": Device::new(1).id(), "command": "system.which", "params": {}, "idempotencyKey": key});
    let first = operator.request("node.invoke", call("same")).await;
    let meanwhile = operator.request("node.invoke", call("same")).await;
    let mut elsewhere = Raw::connected(port, &Ask::operator()).await;
    let from_elsewhere = elsewhere.request("node.invoke", call("same")).await;
    let invoked = node.invoked().await;
    node.result(&invoked, &json!({"n": 1})).await;
    let answer = operator.response(&first).await["payload"].clone();
    assert_eq!(answer["payload"], json!({"n": 1}));
    assert_eq!(operator.response(&meanwhile).await["payload"], answer);
    assert_eq!(elsewhere.response(&from_elsewhere).await["payload"], answer);
    assert_eq!(operator.call("node.invoke", call("same")).await, answer);

    // Another key, and the same key of another device, are other calls; nothing came to the node in between.
    let mut stranger = Raw::connected(port, &Ask::operator().device(Device::new(2))).await;
    let waiting = stranger.request("node.invoke", call("same")).await;
    let invoked = node.invoked().await;
    node.result(&invoked, &json!({"n": 2})).await;
    assert_eq!(stranger.response(&waiting).await["payload"]["payload"], json!({"n": 2}));
    let waiting = operator.request("node.invoke", call("another")).await;
    let invoked = node.invoked().await;
    node.result(&invoked, &json!({"n": 3})).await;
    assert_eq!(operator.response(&waiting).await["payload"]["payload"], json!({"n": 3}));
    assert!(node.events.iter().all(|e| e["event"] != "node.invoke.request"));
}

#[tokio::test]
async fn a_run_begins_once_and_its_answer_can_be_had_again() {
    let model = FakeModel::start().await;
    let gateway = gateway_of(config_with_model(&model.url(), "")).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let agent = json!({"message": "hello", "idempotencyKey": "run-1"});
    let mut finals = vec![];
    for _ in 0..2 {
        let id = operator.request("agent", agent.clone()).await;
        let accepted = operator.response(&id).await["payload"].clone();
        assert_eq!((&accepted["status"], &accepted["runId"]), (&json!("accepted"), &json!("run-1")));
        finals.push(operator.response(&id).await);
    }
    assert_eq!(finals[0]["payload"]["status"], "ok", "{}", finals[0]);
    assert_eq!(finals[0]["payload"]["result"]["payloads"], finals[1]["payload"]["result"]["payloads"]);
    assert_eq!(finals[1]["payload"]["runId"], "run-1");

    let chat = json!({"sessionKey": "main", "message": "hello again", "idempotencyKey": "run-2"});
    let first = operator.call("chat.send", chat.clone()).await;
    assert_eq!(first, json!({"runId": "run-2", "status": "started"}));
    operator.event(0, |e| is_final(e, "run-2")).await;
    assert_eq!(operator.call("chat.send", chat).await["runId"], "run-2");
    assert_eq!(model.request_count(), 2, "one for each run");
    let elsewhere = json!({"sessionKey": "agent:main:other", "message": "x", "idempotencyKey": "run-2"});
    let error = operator.fails("chat.send", elsewhere).await;
    assert!(error["message"].as_str().unwrap().contains("was used for another session"), "{error}");
}

fn is_final(event: &Value, run: &str) -> bool {
    event["event"] == "chat" && event["payload"]["runId"] == run && event["payload"]["state"] == "final"
}

#[tokio::test]
async fn a_message_is_sent_once() {
    let telegram = FakeTelegram::start("123:abc").await;
    telegram.know_chat(42);
    let channel = format!(
        r#"channels: {{ telegram: {{ enabled: true, botToken: "123:abc", apiRoot: "{}" }} }},"#,
        telegram.url()
    );
    let gateway = gateway_of(testkit::gateway::default_config(&channel)).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let send = |key: &str| json!({"to": "42", "channel": "telegram", "message": "hi", "idempotencyKey": key});
    let first = operator.call("send", send("a")).await;
    assert_eq!(operator.call("send", send("a")).await, first);
    let second = operator.call("send", send("b")).await;
    assert_ne!(second["messageId"], first["messageId"]);
    let sent = telegram.wait_for_sent(2, PATIENCE).await.unwrap();
    assert_eq!(sent.len(), 2);
    assert_eq!(telegram.sent().len(), 2);
}
