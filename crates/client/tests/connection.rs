//! One connection against a scripted gateway.
// The helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use client::{
    CallError, ClientDescription, CloseInfo, ConnectOptions, Connection, EVENT_QUEUE, MAX_IN_FLIGHT,
};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;
use support::{FakeGateway, PATIENCE, Peer};
use tokio::join;
use tokio_tungstenite::tungstenite::Message;

fn options(gateway: &FakeGateway) -> ConnectOptions {
    let mut options = ConnectOptions::new(&gateway.url, ClientDescription::new("cli", "cli", "1.0.0"));
    options.token = Some("secret".into());
    options
}

async fn connected() -> (Peer, Connection) {
    connected_with(|_| {}).await
}

async fn connected_with(change: impl FnOnce(&mut serde_json::Value)) -> (Peer, Connection) {
    let gateway = FakeGateway::start().await;
    let options = options(&gateway);
    let ((peer, params), connection) = join!(gateway.welcome_with(change), Connection::open(&options));
    assert_eq!(params["auth"], json!({"token":"secret"}));
    (peer, connection.unwrap())
}

#[tokio::test]
async fn answers_reach_their_calls_in_any_order() {
    let (mut peer, connection) = connected().await;
    assert_eq!(connection.hello()["type"], "hello-ok");
    let script = async {
        let (first, _) = peer.expect("one").await;
        let (second, params) = peer.expect("two").await;
        assert_eq!(params, json!({"n":2}));
        assert_ne!(first, second);
        let error = json!({"code":"FORBIDDEN","message":"missing scope: operator.admin"});
        peer.fail(&second, &error).await;
        peer.answer(&first, json!({"n":1})).await;
    };
    let one = connection.call("one", json!({}), PATIENCE);
    let two = connection.call("two", json!({"n":2}), PATIENCE);
    let ((), one, two) = join!(script, one, two);
    assert_eq!(one.unwrap(), json!({"n":1}));
    let error = two.unwrap_err();
    assert_eq!(error.shape().unwrap().message, "missing scope: operator.admin");
}

#[tokio::test]
async fn a_call_in_two_phases_gives_the_second_answer() {
    let (mut peer, connection) = connected().await;
    let script = async {
        let (id, _) = peer.expect("agent").await;
        peer.answer(&id, json!({"runId":"r","status":"accepted"})).await;
        peer.answer(&id, json!({"runId":"r","status":"ok"})).await;
        let (id, _) = peer.expect("agent").await;
        peer.answer(&id, json!({"runId":"r","status":"ok"})).await;
    };
    let calls = async {
        let mut accepted = None;
        let call =
            connection.call_two_phase("agent", json!({}), PATIENCE, |first| accepted = Some(first.clone()));
        assert_eq!(call.await.unwrap()["status"], "ok");
        assert_eq!(accepted.unwrap()["status"], "accepted");
        // A replay has the final answer at once.
        let call = connection.call_two_phase("agent", json!({}), PATIENCE, |_| panic!("never accepted"));
        assert_eq!(call.await.unwrap()["status"], "ok");
    };
    join!(script, calls);
}

#[tokio::test]
async fn a_late_answer_is_left_aside_and_the_connection_serves_on() {
    let (mut peer, connection) = connected().await;
    let error = connection.call("slow", json!({}), Duration::from_millis(10)).await.unwrap_err();
    assert!(matches!(&error, CallError::Timeout { method, .. } if method == "slow"), "{error}");
    let script = async {
        let (late, _) = peer.expect("slow").await;
        peer.answer(&late, json!("late")).await;
        peer.send(Message::text("no frame at all")).await;
        peer.frame(json!({"type":"of-a-newer-gateway"})).await;
        let (id, _) = peer.expect("next").await;
        peer.answer(&id, json!("next")).await;
    };
    let ((), answer) = join!(script, connection.call("next", json!({}), PATIENCE));
    assert_eq!(answer.unwrap(), "next");
}

#[tokio::test]
async fn the_end_reaches_everyone_who_waits() {
    let (mut peer, connection) = connected().await;
    let script = async {
        peer.expect("slow").await;
        peer.close(1012, "gateway shutting down").await;
    };
    let ((), waiting, closed) =
        join!(script, connection.call("slow", json!({}), PATIENCE), connection.closed());
    let expected = CloseInfo::new(1012, "gateway shutting down");
    assert!(matches!(waiting, Err(CallError::Closed(close)) if close == expected));
    assert_eq!(closed, expected);
    let after = connection.call("more", json!({}), PATIENCE).await;
    assert!(matches!(after, Err(CallError::Closed(close)) if close == expected));
}

#[tokio::test]
async fn a_connection_that_is_cut_says_so() {
    let (peer, connection) = connected().await;
    drop(peer);
    assert_eq!(connection.closed().await.code, 1006);
}

#[tokio::test]
async fn closing_is_done_in_good_order_and_dropping_ends_the_calls_of_others() {
    let (mut peer, connection) = connected().await;
    let (close, ()) = join!(peer.closed(), connection.close());
    assert_eq!(close, Some((1000, String::new())));

    let (mut peer, connection) = connected().await;
    let caller = connection.caller();
    let script = async {
        peer.expect("slow").await;
        drop(connection);
    };
    let ((), waiting) = join!(script, caller.call("slow", json!({}), PATIENCE));
    assert!(matches!(waiting, Err(CallError::Closed(close)) if close.code == 1006));
    assert!(matches!(caller.call("more", json!({}), PATIENCE).await, Err(CallError::Closed(_))));
}

#[tokio::test]
async fn silence_for_two_ticks_ends_the_connection() {
    let (mut peer, connection) = connected_with(|hello| hello["policy"]["tickIntervalMs"] = 50.into()).await;
    let (seen, closed) = join!(peer.closed(), connection.closed());
    assert_eq!(closed, CloseInfo::new(4000, "tick timeout"));
    assert_eq!(seen, Some((4000, "tick timeout".to_owned())));
}

#[tokio::test]
async fn pings_are_answered() {
    let (mut peer, _connection) = connected().await;
    peer.send(Message::Ping("are you there".into())).await;
    loop {
        if let Some(Message::Pong(payload)) = peer.next().await {
            assert_eq!(payload.as_ref(), b"are you there");
            return;
        }
    }
}

#[tokio::test]
async fn events_come_in_order_and_a_reader_that_falls_behind_is_told() {
    let (mut peer, mut connection) = connected().await;
    let mut events = connection.take_events();
    peer.event("tick", json!({"ts":1})).await;
    peer.event("tick", json!({"ts":2})).await;
    assert_eq!(events.recv().await.unwrap().payload, json!({"ts":1}));
    assert_eq!(events.recv().await.unwrap().payload, json!({"ts":2}));
    assert!(connection.events().recv().await.is_none(), "they were taken");

    for n in 0..=EVENT_QUEUE {
        peer.event("tick", json!({"ts":n})).await;
    }
    let (seen, closed) = join!(peer.closed(), connection.closed());
    assert_eq!(closed.code, 1008);
    assert!(closed.reason.starts_with("slow consumer"), "{closed}");
    assert_eq!(seen.map(|s| s.0), Some(1008));
}

#[tokio::test]
async fn events_that_nobody_reads_are_discarded() {
    let (mut peer, connection) = connected().await;
    let script = async {
        for n in 0..EVENT_QUEUE + 10 {
            peer.event("tick", json!({"ts":n})).await;
        }
        let (id, _) = peer.expect("health").await;
        peer.answer(&id, json!({"ok":true})).await;
    };
    let ((), answer) = join!(script, connection.call("health", json!({}), PATIENCE));
    assert_eq!(answer.unwrap(), json!({"ok":true}));
}

#[tokio::test]
async fn too_many_calls_at_once_are_refused_here() {
    let (mut peer, connection) = connected().await;
    let calls = join_all((0..MAX_IN_FLIGHT).map(|_| connection.call("slow", json!({}), PATIENCE)));
    let script = async {
        let mut ids = Vec::new();
        for _ in 0..MAX_IN_FLIGHT {
            ids.push(peer.expect("slow").await.0);
        }
        let error = connection.call("one.more", json!({}), PATIENCE).await.unwrap_err();
        assert!(matches!(error, CallError::Busy { limit: MAX_IN_FLIGHT }), "{error}");
        for id in ids {
            peer.answer(&id, json!(id)).await;
        }
    };
    let (answers, ()) = join!(calls, script);
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_request_that_the_gateway_would_not_take_is_not_sent() {
    let (mut peer, connection) = connected_with(|hello| hello["policy"]["maxPayload"] = 200.into()).await;
    let error = connection.call("chat.send", json!({"text":"x".repeat(300)}), PATIENCE).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { limit: 200, .. }), "{error}");
    let script = async {
        let (id, _) = peer.expect("health").await;
        peer.answer(&id, json!(1)).await;
    };
    let ((), answer) = join!(script, connection.call("health", json!({}), PATIENCE));
    assert_eq!(answer.unwrap(), 1);
}
