//! An operator that never reads.

use crate::support::ask::{Ask, Device};
use crate::support::{Raw, gateway_with};
use serde_json::json;

/// Events that may wait for one client.
const QUEUED: usize = 4096;
/// More than that, and more than the system's buffers between the two take: 4 MiB at 4 KiB each.
const EVENTS: usize = QUEUED + 1400;
/// Sent at once; those who read keep up with it.
const BURST: usize = 100;

#[tokio::test]
async fn who_never_reads_is_closed_as_a_slow_consumer_and_the_others_miss_nothing() {
    let gateway = gateway_with("").await;
    let mut node = Raw::connected(gateway.port(), &Ask::node(Device::new(1), &[])).await;
    let mut healthy = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut slow = Raw::open_narrow(gateway.port()).await;
    slow.let_in(&Ask::operator()).await;

    let stats = json!({"padding": "x".repeat(4000)});
    let params = json!({"event": "node.host.stats", "payloadJSON": stats.to_string()});
    for _ in 0..EVENTS / BURST {
        let mut ids = vec![];
        for _ in 0..BURST {
            ids.push(node.request("node.event", params.clone()).await);
        }
        for id in ids {
            assert_eq!(node.response(&id).await["ok"], true);
        }
        for _ in 0..BURST {
            healthy.event_named("node.hostStats").await;
            healthy.events.pop();
        }
        node.events.clear();
    }
    assert_eq!(slow.closed().await, (1008, "slow consumer".to_owned()));
    healthy.assert_open().await;
    node.assert_open().await;
}
