//! Test gateways are really looked at: their frames reach the contract, and one that breaks it ends the test.

use crate::support::Raw;
use crate::support::ask::Ask;
use gateway::Tap;
use serde_json::json;
use testkit::gateway::TestGateway;

#[tokio::test]
async fn every_frame_of_a_connection_is_kept() {
    let gateway = TestGateway::start().await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let (asked, sent) = gateway.contract().kept();
    assert_eq!(asked, 1, "connect");
    assert!(sent >= 2, "the challenge and hello-ok: {sent}");
    operator.call("health", json!({})).await;
    let (asked_later, sent_later) = gateway.contract().kept();
    assert_eq!(asked_later, 2, "connect and health");
    assert!(sent_later > sent, "and its answer: {sent_later}");
    gateway.stop().await;
}

#[tokio::test]
#[should_panic(expected = "the property 'zzz' is not published (TickEvent)")]
async fn a_frame_that_breaks_the_contract_ends_the_test() {
    let gateway = TestGateway::start().await;
    let tick = json!({"type": "event", "event": "tick", "payload": {"ts": 1, "zzz": 1}});
    gateway.contract().leaves("one", &tick.to_string());
    gateway.stop().await;
}
