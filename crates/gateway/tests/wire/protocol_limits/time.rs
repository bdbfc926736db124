//! What happens by the clock: the handshake's deadline, pings, ticks.

use crate::support::ask::{Ask, Device};
use crate::support::{Got, Raw, gateway_with, pass};
use protocol::limits::{HANDSHAKE_TIMEOUT, PING_INTERVAL, TICK_INTERVAL};
use serde_json::Value;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// The figures that clients were promised.
#[test]
fn the_deadlines_are_those_of_the_protocol() {
    assert_eq!((HANDSHAKE_TIMEOUT, PING_INTERVAL, TICK_INTERVAL).0, Duration::from_secs(15));
    assert_eq!(PING_INTERVAL, Duration::from_secs(25));
    assert_eq!(TICK_INTERVAL, Duration::from_secs(30));
}

#[tokio::test]
async fn who_does_not_shake_hands_in_time_is_closed_also_when_it_pings_meanwhile() {
    let gateway = gateway_with("").await;
    let mut silent = Raw::open(gateway.port()).await;
    let mut chatty = Raw::open(gateway.port()).await;
    let mut late = Raw::open(gateway.port()).await;
    let mut inside = Raw::connected(gateway.port(), &Ask::operator()).await;
    pass(HANDSHAKE_TIMEOUT - Duration::from_secs(5)).await;
    chatty.send(Message::Ping(b"still here".to_vec().into())).await;
    assert_eq!(chatty.pong().await, b"still here");
    late.let_in(&Ask::operator()).await;
    pass(Duration::from_secs(6)).await;
    for raw in [&mut silent, &mut chatty] {
        assert_eq!(raw.closed().await, (1008, "handshake timeout".to_owned()));
    }
    for raw in [&mut late, &mut inside] {
        raw.assert_open().await;
    }
}

#[tokio::test]
async fn who_answers_pings_stays_and_who_does_not_is_closed() {
    let gateway = gateway_with("").await;
    let mut deaf = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut alive = Raw::connected(gateway.port(), &Ask::operator()).await;
    for _ in 0..4 {
        pass(PING_INTERVAL + Duration::from_secs(1)).await;
        while !matches!(alive.next().await, Got::Ping) {}
        // The pong goes out with what is written next, and the deaf one writes nothing.
        alive.assert_open().await;
    }
    let (code, reason) = deaf.closed().await;
    assert_eq!((code, reason.as_str()), (1000, "no answer to pings"));
    alive.assert_open().await;
}

#[tokio::test]
async fn broadcasts_are_counted_for_each_connection_from_its_own_beginning() {
    let gateway = gateway_with("").await;
    let mut early = Raw::connected(gateway.port(), &Ask::operator()).await;
    tick(&mut early).await;
    let mut late = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut node = Raw::connected(gateway.port(), &Ask::node(Device::new(1), &[])).await;
    tick(&mut early).await;
    for raw in [&mut late, &mut node] {
        raw.event(0, |e| e["event"] == "tick").await;
    }
    let seqs = |raw: &Raw| -> Vec<u64> { raw.events.iter().filter_map(|e| e["seq"].as_u64()).collect() };
    let ticks = |raw: &Raw| raw.events.iter().filter(|e| e["event"] == "tick").count();
    for (who, raw, count) in [("early", &early, 2), ("late", &late, 1), ("node", &node, 1)] {
        let seqs = seqs(raw);
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "{who}: {:?}", raw.events);
        assert_eq!(ticks(raw), count, "{who}");
        let own = |e: &Value| e["event"] == "tick" && e["seq"].is_u64() && e["payload"]["ts"].is_i64();
        assert_eq!(raw.events.iter().filter(|e| own(e)).count(), count, "{who}");
    }
}

async fn tick(raw: &mut Raw) {
    let from = raw.events.len();
    pass(TICK_INTERVAL).await;
    raw.event(from, |e| e["event"] == "tick").await;
}
