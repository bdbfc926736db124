//! The words that wake a voice assistant: one list, kept, and known to every node and to operators who may read.
use crate::flow::gateway_at;
use crate::support::ask::{Ask, Device};
use crate::support::{Raw, gateway_with};
use serde_json::{Value, json};
use testkit::gateway::default_config;

const NAME: &str = "voicewake.changed";

/// The lists that were told to a client so far.
fn told(client: &Raw) -> Vec<&Value> {
    client.events.iter().filter(|e| e["event"] == NAME).map(|e| &e["payload"]["triggers"]).collect()
}

#[tokio::test]
async fn a_new_list_is_known_to_nodes_and_readers_and_outlives_the_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = gateway_at(dir.path(), default_config("")).await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let mut node = Raw::connected(port, &Ask::node(Device::new(1), &[])).await;
    let mut reader = Raw::connected(port, &Ask::operator().scopes(&["operator.read"])).await;
    let mut pairer = Raw::connected(port, &Ask::operator().scopes(&["operator.pairing"])).await;
    let first = json!(["openclaw", "claude", "computer"]);
    assert_eq!(reader.call("voicewake.get", json!({})).await, json!({"triggers": first}));
    let asked = json!({"triggers": [" hey claw ", "", "computer", "hey claw"]});
    let list = json!(["hey claw", "computer"]);
    assert_eq!(owner.call("voicewake.set", asked).await, json!({"triggers": list}));
    for client in [&mut node, &mut reader, &mut pairer] {
        client.assert_open().await;
    }
    assert_eq!(told(&node), [&first, &list], "as it was on connecting, and as it is");
    assert_eq!(told(&reader), [&list]);
    assert_eq!(told(&pairer), [&Value::Null; 0], "who may not ask is not told");
    gateway.stop().await;

    let gateway = gateway_at(dir.path(), default_config("")).await;
    let mut node = Raw::connected(gateway.port(), &Ask::node(Device::new(1), &[])).await;
    assert_eq!(node.event_named(NAME).await, json!({"triggers": list}));
    let mut owner = Raw::connected(gateway.port(), &Ask::operator()).await;
    let again = owner.call("voicewake.set", json!({"triggers": []})).await;
    assert_eq!(again, json!({"triggers": first}), "without words there are the first ones");
    gateway.stop().await;
}

#[tokio::test]
async fn whatever_is_set_at_once_the_last_that_is_told_is_the_one_that_stands() {
    let gateway = gateway_with("").await;
    let mut node = Raw::connected(gateway.port(), &Ask::node(Device::new(1), &[])).await;
    let mut owners = Vec::new();
    for _ in 0..4 {
        owners.push(Raw::connected(gateway.port(), &Ask::operator()).await);
    }
    let mut waiting = Vec::new();
    for round in 0..10 {
        for (number, owner) in owners.iter_mut().enumerate() {
            let words = json!({"triggers": [format!("{number} in round {round}")]});
            waiting.push((number, owner.request("voicewake.set", words).await));
        }
    }
    for (number, id) in waiting {
        assert_eq!(owners[number].response(&id).await["ok"], true);
    }
    let stands = owners[0].call("voicewake.get", json!({})).await["triggers"].clone();
    node.assert_open().await;
    assert_eq!(told(&node).last(), Some(&&stands));
    owners[1].assert_open().await;
    assert_eq!(told(&owners[1]).last(), Some(&&stands));
    gateway.stop().await;
}

#[tokio::test]
async fn who_may_not_set_it_does_not_and_what_is_no_word_is_refused() {
    let gateway = gateway_with("").await;
    let mut reader = Raw::connected(gateway.port(), &Ask::operator().scopes(&["operator.read"])).await;
    let words = json!({"triggers": ["mine"]});
    assert_eq!(
        reader.fails("voicewake.set", words.clone()).await["message"],
        "missing scope: operator.write"
    );
    let mut node = Raw::connected(gateway.port(), &Ask::node(Device::new(1), &[])).await;
    assert_eq!(node.fails("voicewake.set", words).await["message"], "unauthorized role: node");
    let mut owner = Raw::connected(gateway.port(), &Ask::operator()).await;
    for (params, problem) in [
        (json!({}), "must have required property 'triggers'"),
        (json!({"triggers": "one"}), "at /triggers: must be array"),
        (json!({"triggers": ["one", 2]}), "at /triggers/1: must be string"),
    ] {
        let message = owner.fails("voicewake.set", params).await["message"].clone();
        assert_eq!(message, format!("invalid voicewake.set params: {problem}"));
    }
    let stands = owner.call("voicewake.get", json!({})).await;
    assert_eq!(stands, json!({"triggers": ["openclaw", "claude", "computer"]}));
    gateway.stop().await;
}
