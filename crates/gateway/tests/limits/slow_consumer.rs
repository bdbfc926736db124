//! A node that never reads what it is asked.

use crate::support::ask::{Ask, Device};
use crate::support::{Raw, gateway_with};
use serde_json::{Value, json};

/// Bytes of each call's parameters, and how many calls: more than may wait for one client (50 MiB) and what the system's
/// buffers between the two take.
const SIZE: usize = 4 * 1024 * 1024;
const CALLS: usize = 18;

/// A connected node whose command is approved.
async fn node(operator: &mut Raw, mut node: Raw, number: u8) -> Raw {
    let id = Device::new(number).id();
    node.let_in(&Ask::node(Device::new(number), &["system.which"])).await;
    let meant = |e: &Value| e["event"] == "node.pair.requested" && e["payload"]["nodeId"] == id.as_str();
    let (_, event) = operator.event(0, meant).await;
    operator.call("node.pair.approve", json!({"requestId": event["payload"]["requestId"]})).await;
    node
}

fn call(number: u8, key: usize, bins: String) -> Value {
    json!({
        "nodeId": Device::new(number).id(), "command": "system.which", "params": {"bins": [bins]},
        "timeoutMs": 3_600_000, "idempotencyKey": format!("{number}-{key}"),
    })
}

#[tokio::test]
async fn who_never_reads_is_closed_as_a_slow_consumer_and_the_others_miss_nothing() {
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let narrow = Raw::open_narrow(gateway.port()).await;
    let mut slow = node(&mut operator, narrow, 1).await;
    let wide = Raw::open(gateway.port()).await;
    let mut healthy = node(&mut operator, wide, 2).await;
    // Nothing more is read from one who has 50 MiB of requests open, so two have to ask.
    let mut callers = [
        Raw::connected(gateway.port(), &Ask::operator()).await,
        Raw::connected(gateway.port(), &Ask::operator()).await,
    ];
    let mut open = vec![];
    for n in 0..CALLS {
        let caller = &mut callers[n % 2];
        open.push((n % 2, caller.request("node.invoke", call(1, n, "x".repeat(SIZE))).await));
        let id = caller.request("node.invoke", call(2, n, "git".into())).await;
        let invoked = healthy.invoked().await;
        assert_eq!(invoked["idempotencyKey"], format!("2-{n}"));
        healthy.result(&invoked, &json!({"bins": {}})).await;
        assert_eq!(caller.response(&id).await["ok"], true);
    }
    assert_eq!(slow.closed().await, (1008, "slow consumer".to_owned()));
    for (caller, id) in open {
        let answer = callers[caller].response(&id).await;
        assert_eq!(answer["error"]["details"]["code"], "NOT_CONNECTED", "{answer}");
    }
    for raw in callers.iter_mut().chain([&mut operator, &mut healthy]) {
        raw.assert_open().await;
    }
}
