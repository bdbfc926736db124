//! A connection that is lost in the middle of a call: what carries a key is asked again and done once, anything else is
//! not repeated, and the exit code says that trying again is worth it.

// Helpers outside of test functions may end the test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/live.rs"]
mod live;
#[path = "support/relay.rs"]
mod relay;
mod support;
#[path = "support/world.rs"]
mod world;

use relay::{Cut, Plan, Relay};
use serde_json::{Value, json};
use support::Ran;
use world::World;

const ONCE: Plan = Plan { method: "agent", cut: Cut::BeforeTheAnswer, times: 1, lets_in: true };

fn through(world: &World, relay: &Relay, args: &[&str]) -> Ran {
    world.home.run(&[args, &["--port", &relay.port]].concat())
}

fn keys(relay: &Relay) -> Vec<Value> {
    relay.seen().iter().map(|params| params["idempotencyKey"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_whose_connection_is_cut_is_run_once_and_its_answer_arrives() {
    let world = World::start().await;
    for (turn, cut) in [Cut::BeforeTheAnswer, Cut::AfterTheFirst].into_iter().enumerate() {
        let relay = Relay::start(&world.gateway.port, Plan { cut, ..ONCE }).await;
        let ran = through(&world, &relay, &["agent", "--message", "say it"]);
        assert_eq!(ran.code, 0, "{cut:?}: {}{}", ran.out, ran.err);
        assert!(!ran.out.trim().is_empty() && ran.err.contains("asking again"), "{}{}", ran.out, ran.err);
        let keys = keys(&relay);
        assert!(keys.len() == 2 && keys[0] == keys[1] && keys[0].is_string(), "{cut:?}: {keys:?}");
        assert_eq!(world.model.request_count(), turn + 1, "{cut:?}: one run");
    }
    let call = ["gateway", "call", "agent", "--expect-final", "--params"];
    let params = json!({"message": "again", "idempotencyKey": "a-key-of-mine"}).to_string();
    let relay = Relay::start(&world.gateway.port, ONCE).await;
    let ran = through(&world, &relay, &[&call[..], &[&params]].concat());
    assert_eq!((ran.code, &ran.json()["runId"]), (0, &json!("a-key-of-mine")), "{}{}", ran.out, ran.err);
    assert_eq!((keys(&relay).len(), world.model.request_count()), (2, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_answer_is_lost_is_sent_once() {
    let world = World::start().await;
    world.telegram.know_chat(7);
    let relay = Relay::start(&world.gateway.port, Plan { method: "send", ..ONCE }).await;
    let ran = through(
        &world,
        &relay,
        &["message", "send", "--channel", "telegram", "--target", "7", "--message", "hi"],
    );
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!((relay.seen().len(), world.telegram.calls("sendMessage")), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_key_is_not_asked_again() {
    let world = World::start().await;
    for (method, args) in [
        ("health", &["health", "--json"][..]),
        ("wake", &["system", "event", "--text", "hello", "--json"]),
        ("cron.add", &["cron", "add", "--name", "j", "--every", "1h", "--message", "m", "--json"]),
    ] {
        let relay = Relay::start(&world.gateway.port, Plan { method, ..ONCE }).await;
        let ran = through(&world, &relay, args);
        assert_eq!((ran.code, relay.seen().len()), (75, 1), "{method}: {}{}", ran.out, ran.err);
        let error = &ran.json()["error"];
        let want = (&json!("CONNECTION_LOST"), &json!(true), &json!(method));
        assert_eq!(
            (&error["code"], &error["details"]["retryable"], &error["details"]["method"]),
            want,
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_asked_again_once_and_not_for_ever() {
    let world = World::start().await;
    let params = json!({"message": "x", "idempotencyKey": "k"}).to_string();
    let call = ["gateway", "call", "agent", "--timeout", "3000", "--params", &params];
    // Cut again.
    let relay = Relay::start(&world.gateway.port, Plan { times: 2, ..ONCE }).await;
    let ran = through(&world, &relay, &call);
    assert_eq!((ran.code, keys(&relay)), (75, vec![json!("k"), json!("k")]), "{}{}", ran.out, ran.err);
    // Nobody there any more.
    let relay = Relay::start(&world.gateway.port, Plan { lets_in: false, ..ONCE }).await;
    let ran = through(&world, &relay, &call);
    assert_eq!((ran.code, relay.seen().len()), (75, 1), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("could not be opened again"), "{}", ran.err);
}
