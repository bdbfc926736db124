//! A node that never reads what it is asked.

use crate::support::ask::{Ask, Device};
use crate::support::logged::Logged;
use crate::support::{Raw, gateway_with};
use serde_json::{Value, json};

/// Frames that may wait for one client.
const QUEUED: usize = 4096;
/// More than that, and more than the system's buffers between the two take. Each call is two frames: the node is asked,
/// and told at once that nobody waits any more.
const CALLS: usize = (QUEUED + 400) / 2;
/// Sent at once; those who read keep up with it.
const BURST: usize = 100;

/// Lets a node in and approves its command.
async fn let_in(operator: &mut Raw, node: &mut Raw, number: u8) {
    let id = Device::new(number).id();
    node.let_in(&Ask::node(Device::new(number), &["system.which"])).await;
    let meant = |e: &Value| e["event"] == "node.pair.requested" && e["payload"]["nodeId"] == id.as_str();
    let (_, event) = operator.event(0, meant).await;
    operator.call("node.pair.approve", json!({"requestId": event["payload"]["requestId"]})).await;
}

fn call(number: u8, key: usize, timeout_ms: u32) -> Value {
    json!({
        "nodeId": Device::new(number).id(), "command": "system.which", "params": {"bins": ["x".repeat(1000)]},
        "timeoutMs": timeout_ms, "idempotencyKey": format!("{number}-{key}"),
    })
}

#[tokio::test]
async fn who_never_reads_is_closed_as_a_slow_consumer_and_the_others_miss_nothing() {
    let (logged, _listening) = Logged::listen();
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut slow = Raw::open_narrow(gateway.port()).await;
    let_in(&mut operator, &mut slow, 1).await;
    let mut healthy = Raw::open(gateway.port()).await;
    let_in(&mut operator, &mut healthy, 2).await;
    for burst in 0..CALLS.div_ceil(BURST) {
        let mut ids = vec![];
        for n in 0..BURST {
            ids.push(operator.request("node.invoke", call(1, burst * BURST + n, 1)).await);
        }
        for id in ids {
            let answer = operator.response(&id).await;
            assert_eq!(answer["error"]["details"]["code"], "TIMEOUT", "{answer}");
        }
        let id = operator.request("node.invoke", call(2, burst, 600_000)).await;
        let invoked = healthy.invoked().await;
        assert_eq!(invoked["idempotencyKey"], format!("2-{burst}"));
        healthy.result(&invoked, &json!({"bins": {}})).await;
        assert_eq!(operator.response(&id).await["ok"], true);
    }
    assert_eq!(slow.closed().await, (1008, "slow consumer".to_owned()));
    operator.assert_open().await;
    healthy.assert_open().await;
    gateway.stop().await;
    let lines = logged.lines();
    let told: Vec<&String> = lines.iter().filter(|line| line.contains("slow consumer")).collect();
    assert_eq!(told.len(), 1, "whom it has put out is told once, however much was still sent: {told:#?}");
    let device = Device::new(1).id();
    assert!(told[0].contains("connection closed") && told[0].contains(&device), "{}", told[0]);
}
