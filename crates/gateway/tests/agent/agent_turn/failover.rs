//! A model or a key that fails: who is asked instead, what people see of it, and for how long it is remembered.

use crate::flow::{BOT_TOKEN, MAIN, Operator, PATIENCE, gateway_at, reply, telegram};
use client::EventFrame;
use model::ManualClock;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, TestOptions, default_config};

const MINUTE: i64 = 60_000;

/// Two providers with a model each: the agent's own is `one/a`, and it falls back on `two/b`.
fn config(one: &FakeModel, two: &FakeModel, more: &str) -> String {
    let model = |id: &str| format!("[{{ id: '{id}', contextWindow: 128000 }}]");
    default_config(&format!(
        "models: {{ providers: {{
           one: {{ baseUrl: '{}', apiKey: 'configured', models: {} }},
           two: {{ baseUrl: '{}', apiKey: 'configured', models: {} }} }} }},
         agents: {{ defaults: {{ model: {{ primary: 'one/a', fallbacks: ['two/b'] }} }} }}, {more}",
        one.url(),
        model("a"),
        two.url(),
        model("b")
    ))
}

struct World {
    one: FakeModel,
    two: FakeModel,
    clock: Arc<ManualClock>,
    gateway: TestGateway,
}

impl World {
    async fn start(more: &str) -> Self {
        let (one, two) = (FakeModel::start().await, FakeModel::start().await);
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let config = config(&one, &two, more);
        let options = TestOptions { config, clock: clock.clone(), ..TestOptions::default() };
        Self { one, two, clock, gateway: TestGateway::with(options).await }
    }
}

fn refused(status: u16) -> Step {
    Step::Status(status, vec![], r#"{"error":{"message":"no"}}"#.into())
}

/// Keeps profiles of a provider, each with a key of its own name, to be taken in this order.
fn keep_profiles(state: &Path, provider: &str, ids: &[&str]) {
    let profiles: serde_json::Map<String, Value> = ids
        .iter()
        .map(|id| {
            ((*id).to_owned(), json!({"type": "api_key", "provider": provider, "key": format!("key-{id}")}))
        })
        .collect();
    let file = state.join("agents/main/auth-profiles.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, json!({"profiles": profiles, "order": {provider: ids}}).to_string()).unwrap();
}

fn phases(events: &[EventFrame]) -> Vec<Value> {
    let lifecycle = |e: &&EventFrame| e.event == "agent" && e.payload["stream"] == "lifecycle";
    events.iter().filter(lifecycle).map(|e| e.payload["data"].clone()).collect()
}

fn phase<'a>(events: &'a [Value], name: &str) -> Option<&'a Value> {
    events.iter().find(|data| data["phase"] == name)
}

#[tokio::test]
async fn the_next_model_answers_and_the_first_one_is_asked_again_when_its_key_has_rested() {
    let world = World::start("").await;
    let mut operator = Operator::connect(&world.gateway).await;
    world.one.script(vec![refused(401)]);
    let answer = operator.agent("k1", "hello").await.unwrap();
    assert_eq!(reply(&answer), "echo: hello");
    let meta = &answer["result"]["meta"]["agentMeta"];
    assert_eq!((&meta["provider"], &meta["model"]), (&json!("two"), &json!("b")));
    let seen = phases(&operator.events.of_run("k1").await);
    let step = phase(&seen, "fallback_step").expect("the step is told");
    assert_eq!(
        (&step["fallbackStepFromModel"], &step["fallbackStepToModel"]),
        (&json!("one/a"), &json!("two/b"))
    );
    assert_eq!(step["fallbackStepFromFailureReason"], "auth");
    let told = phase(&seen, "fallback").expect("and so is who answers now");
    assert_eq!((&told["selectedModel"], &told["activeModel"]), (&json!("a"), &json!("b")));
    let status = operator.call("models.authStatus", json!({})).await;
    let one = &status["providers"][0];
    assert_eq!((&one["provider"], &one["apiKey"]["reason"]), (&json!("one"), &json!("auth")), "{status}");

    operator.agent("k2", "again").await.unwrap();
    let seen = phases(&operator.events.of_run("k2").await);
    assert_eq!((world.one.request_count(), world.two.request_count()), (1, 2), "its key rests");
    assert!(phase(&seen, "fallback").is_none(), "nothing has changed");
    assert!(phase(&seen, "fallback_step").is_some());
    assert!(operator.session().await.get("modelOverrideSource").is_none_or(Value::is_null));

    world.clock.advance_ms(MINUTE);
    operator.agent("k3", "once more").await.unwrap();
    let seen = phases(&operator.events.of_run("k3").await);
    assert_eq!((world.one.request_count(), world.two.request_count()), (2, 2));
    assert_eq!(phase(&seen, "fallback_cleared").expect("it is told")["activeModel"], "a");
    let status = operator.call("models.authStatus", json!({})).await;
    assert!(status["providers"][0]["apiKey"].get("cooldownUntil").is_none(), "{status}");
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_model_that_somebody_chose_is_not_replaced() {
    let world = World::start("").await;
    let operator = Operator::connect(&world.gateway).await;
    operator.call("sessions.create", json!({"key": MAIN})).await;
    operator.call("sessions.patch", json!({"key": MAIN, "model": "one/a"})).await;
    world.one.script(vec![refused(401)]);
    let error = operator.agent("k1", "hello").await.unwrap_err().to_string();
    assert!(error.contains("answered 401"), "{error}");
    assert_eq!(world.two.request_count(), 0);
    world.gateway.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_the_request_itself_is_told_and_nobody_else_is_asked() {
    let world = World::start("").await;
    let operator = Operator::connect(&world.gateway).await;
    world.one.script(vec![refused(400)]);
    let error = operator.agent("k1", "hello").await.unwrap_err().to_string();
    assert!(error.contains("answered 400"), "{error}");
    assert_eq!(world.two.request_count(), 0);
    world.gateway.stop().await;
}

#[tokio::test]
async fn all_keys_of_a_provider_are_tried_before_the_next_model_and_what_rests_is_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (FakeModel::start().await, FakeModel::start().await);
    keep_profiles(dir.path(), "one", &["one:first", "one:second"]);
    let gateway = gateway_at(dir.path(), config(&one, &two, "")).await;
    let mut operator = Operator::connect(&gateway).await;
    one.script(vec![refused(402)]);
    assert_eq!(reply(&operator.agent("k1", "hello").await.unwrap()), "echo: hello");
    assert_eq!(one.last_key().as_deref(), Some("Bearer key-one:second"));
    assert_eq!((one.request_count(), two.request_count()), (2, 0));
    let seen = phases(&operator.events.of_run("k1").await);
    assert!(
        phase(&seen, "retry").is_some_and(|data| data["reason"].as_str().unwrap().contains("another one"))
    );
    let status = operator.call("models.authStatus", json!({})).await;
    let first = &status["providers"][0]["profiles"][0];
    assert_eq!((&first["profileId"], &first["reason"]), (&json!("one:first"), &json!("billing")), "{status}");
    assert!(first["disabledUntil"].is_i64());
    gateway.stop().await;

    let gateway = gateway_at(dir.path(), config(&one, &two, "")).await;
    let operator = Operator::connect(&gateway).await;
    operator.agent("k2", "hello").await.unwrap();
    assert_eq!((one.request_count(), one.last_key().as_deref()), (3, Some("Bearer key-one:second")));
    one.script(vec![refused(401)]);
    assert_eq!(reply(&operator.agent("k3", "hello").await.unwrap()), "echo: hello");
    assert_eq!(
        (one.request_count(), two.request_count()),
        (4, 1),
        "no key is left, so the next model is asked"
    );
    two.script(vec![refused(401)]);
    assert!(operator.agent("k4", "hello").await.is_err());
    assert_eq!((one.request_count(), two.request_count()), (4, 2), "those that rest are left alone");
    assert_eq!(reply(&operator.agent("k5", "hello").await.unwrap()), "echo: hello");
    assert_eq!(
        (one.request_count(), two.request_count()),
        (5, 2),
        "all rest: the one that may be asked soonest is"
    );
    assert_eq!(one.last_key().as_deref(), Some("Bearer key-one:second"));
    gateway.stop().await;
}

#[tokio::test]
async fn profiles_go_before_the_key_in_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (FakeModel::start().await, FakeModel::start().await);
    keep_profiles(dir.path(), "one", &["one:kept"]);
    let gateway = gateway_at(dir.path(), config(&one, &two, "")).await;
    let operator = Operator::connect(&gateway).await;
    operator.agent("k1", "hello").await.unwrap();
    assert_eq!(one.last_key().as_deref(), Some("Bearer key-one:kept"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_chat_is_told_once_that_another_model_answers_and_once_that_it_does_no_more() {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let world = World::start(&telegram(&fake, "dmPolicy: 'open', allowFrom: ['*'],")).await;
    world.one.script(vec![refused(401)]);
    fake.push_text(7, 7, "hello");
    let sent = fake.wait_for_sent(2, PATIENCE).await.unwrap();
    assert_eq!(
        (sent[0].plain.as_str(), sent[1].plain.as_str()),
        ("echo: hello", "↪️ two/b answers instead of one/a (auth)")
    );
    fake.push_text(7, 7, "again");
    fake.wait_for_sent(3, PATIENCE).await.unwrap();
    world.clock.advance_ms(MINUTE);
    fake.push_text(7, 7, "once more");
    let sent = fake.wait_for_sent(5, PATIENCE).await.unwrap();
    let said: Vec<&str> = sent[2..].iter().map(|sent| sent.plain.as_str()).collect();
    assert_eq!(said, ["echo: again", "echo: once more", "↪️ one/a answers again, no longer two/b"]);
    world.gateway.stop().await;
}

#[tokio::test]
async fn models_that_a_turn_may_be_answered_by_are_listed_with_their_place() {
    let world = World::start("").await;
    let operator = Operator::connect(&world.gateway).await;
    let models = operator.call("models.list", json!({})).await;
    let tags: Vec<Value> = models["models"].as_array().unwrap().iter().map(|m| m["tags"].clone()).collect();
    assert_eq!(tags, [json!(["default"]), json!(["fallback#1"])]);
    world.gateway.stop().await;
}
