//! What is left of a session that was deleted or begun anew: nothing that waited on disk makes it again.

use crate::flow::{self, BOT_TOKEN, Bench, MAIN, Operator, PATIENCE};
use serde_json::{Value, json};
use std::path::Path;
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, config_with_model};

const WORK: &str = "agent:main:work";
/// Two whom the configuration lets in, each with a session of their own.
const ANN: i64 = 777;
const BOB: i64 = 778;

/// A gateway whose sessions hold one message that waits; the others wait on disk.
async fn crowded(dir: &Path, model: &FakeModel, telegram: &FakeTelegram) -> (TestGateway, Operator) {
    let channels = flow::telegram(telegram, &format!("allowFrom: [{ANN}, {BOB}],"));
    let more = format!(
        r#"{channels} session: {{ dmScope: "per-peer" }}, messages: {{ queue: {{ mode: "followup", cap: 1 }} }},"#
    );
    let gateway = flow::gateway_at(dir, config_with_model(&model.url(), &more)).await;
    let operator = Operator::connect(&gateway).await;
    (gateway, operator)
}

/// Bob's message and its answer: rows go in their order, so that what Ann left was looked at before.
async fn bob_is_answered(telegram: &FakeTelegram, nth: usize) {
    telegram.push_text(BOB, BOB, &format!("hello {nth}"));
    let sent = telegram.wait_for_sent(nth, PATIENCE).await.unwrap();
    assert!(sent.iter().all(|s| s.chat_id == BOB), "{sent:?}");
}

#[tokio::test]
async fn messages_that_found_a_session_full_do_not_come_back_after_its_end() {
    for method in ["sessions.delete", "sessions.reset"] {
        let (model, telegram) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
        let dir = tempfile::tempdir().unwrap();
        let (gateway, operator) = crowded(dir.path(), &model, &telegram).await;
        model.script(vec![Step::Hang]);
        telegram.push_text(ANN, ANN, "one");
        model.wait_for_requests(1).await;
        for text in ["two", "three", "four"] {
            telegram.push_text(ANN, ANN, text);
        }
        bob_is_answered(&telegram, 1).await;
        let key =
            operator.call("sessions.list", json!({"search": ANN.to_string()})).await["sessions"][0]["key"]
                .clone();
        assert!(key.as_str().is_some_and(|key| key.ends_with("777")), "{key}");

        operator.call(method, json!({"key": key})).await;
        bob_is_answered(&telegram, 2).await;
        gateway.stop().await;
        let (gateway, operator) = crowded(dir.path(), &model, &telegram).await;
        bob_is_answered(&telegram, 3).await;
        let session = operator.call("sessions.describe", json!({"key": key})).await["session"].clone();
        if method == "sessions.delete" {
            assert_eq!(session, Value::Null, "{method}");
        }
        let history = operator.call("chat.history", json!({"sessionKey": key})).await;
        assert_eq!(history["messages"], json!([]), "{method}");
        assert_eq!(model.request_count(), 4, "{method}: one that hung, and three of Bob's");

        // Whoever writes after it begins anew.
        telegram.push_text(ANN, ANN, "five");
        let sent = telegram.wait_for_sent(4, PATIENCE).await.unwrap();
        assert_eq!((sent[3].chat_id, sent[3].plain.as_str()), (ANN, "echo: five"));
        gateway.stop().await;
    }
}

#[tokio::test]
async fn lines_that_wait_go_with_a_session_and_are_told_after_a_reset() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    operator.call("sessions.create", json!({"key": "work"})).await;
    let line = |text: &str, key: &str| json!({"text": text, "sessionKey": key});
    operator.call("system-event", line("the door was opened", WORK)).await;
    operator.call("sessions.delete", json!({"key": WORK})).await;
    operator.call("sessions.create", json!({"key": "work"})).await;
    let send = json!({"key": WORK, "message": "hello", "idempotencyKey": "work"});
    operator.call("sessions.send", send).await;
    operator.wait_for("work").await;
    assert!(!bench.model.requests()[0].to_string().contains("the door"), "its reader is gone");

    operator.send("main", "hello").await;
    operator.events.chat("main", "final").await;
    operator.call("system-event", line("the parcel came", MAIN)).await;
    operator.call("sessions.reset", json!({"key": MAIN})).await;
    operator.send("anew", "hello again").await;
    operator.events.chat("anew", "final").await;
    let told = bench.model.requests()[2].to_string();
    assert!(told.contains("the parcel came") && !told.contains("echo: hello"), "{told}");
    bench.gateway.stop().await;
}
