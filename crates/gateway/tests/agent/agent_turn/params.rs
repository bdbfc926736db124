//! What a caller says of a turn beside its message is done, or refused by its name: nothing is taken and dropped.

use crate::flow::{BOT_TOKEN, Bench, MAIN, Operator, PATIENCE, telegram, text_of};
use protocol::ErrorCode;
use protocol::methods;
use protocol::shape::Kind;
use serde_json::{Value, json};
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, TestOptions, default_config};

/// `agent` with one more parameter than it needs.
fn agent(key: &str, name: &str, value: Value) -> Value {
    let mut params = json!({"message": "hi", "idempotencyKey": key});
    params[name] = value;
    params
}

/// `chat.send` with one more parameter than it needs.
fn chat(key: &str, name: &str, value: Value) -> Value {
    let mut params = agent(key, name, value);
    params["sessionKey"] = json!(MAIN);
    params
}

async fn session_id(operator: &Operator) -> String {
    operator.session().await["sessionId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_not_supported_is_refused_by_name_and_nothing_is_left_that_is_dropped() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let mut refused = 0;
    for (method, base) in [
        ("agent", json!({"message": "hi", "idempotencyKey": "a"})),
        ("chat.send", json!({"sessionKey": MAIN, "message": "hi", "idempotencyKey": "b"})),
        ("send", json!({"channel": "telegram", "to": "1", "message": "hi", "idempotencyKey": "c"})),
    ] {
        let shape = methods::find(method).unwrap().params;
        for field in shape.fields.iter().filter(|field| matches!(field.kind, Kind::Unset)) {
            let mut params = base.clone();
            params[field.name] = json!("something");
            let error = operator.refused(method, params).await;
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{method} {}", field.name);
            assert!(error.message.contains(&format!("at /{}: is not supported", field.name)), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 10, "{refused}");
    for (name, value) in [
        ("promptMode", "none"),
        ("sessionEffects", "internal"),
        ("sourceReplyDeliveryMode", "message_tool_only"),
        ("model", "no/such"),
        ("provider", "fake"),
        ("sessionId", "no such session"),
        ("expectedExistingSessionId", "no-such-session"),
    ] {
        let error = operator.refused("agent", agent("d", name, json!(value))).await;
        assert_eq!(error.code, ErrorCode::InvalidRequest, "{name}: {error}");
    }
    assert_eq!(bench.model.request_count(), 0, "nothing of it began a turn");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_a_turn_is_told_about_its_tools_and_files_is_done() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.agent_with(agent("a", "promptMode", json!("full"))).await.expect("an answer");
    operator.agent_with(agent("b", "disableMessageTool", json!(true))).await.expect("an answer");
    operator.agent_with(agent("c", "bootstrapContextMode", json!("lightweight"))).await.expect("an answer");
    let requests = bench.model.requests();
    let has_message = |request: &Value| {
        request["tools"].as_array().unwrap().iter().any(|tool| tool["function"]["name"] == "message")
    };
    assert!(has_message(&requests[0]) && !has_message(&requests[1]) && has_message(&requests[2]));
    let has_files = |request: &Value| text_of(&request["messages"][0]).contains("SOUL.md");
    assert!(has_files(&requests[0]) && has_files(&requests[1]) && !has_files(&requests[2]));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_turn_is_answered_by_the_model_that_it_names_and_the_session_keeps_its_own() {
    let model = FakeModel::start().await;
    let config = default_config(&format!(
        r#"models: {{ providers: {{ fake: {{ baseUrl: "{}", apiKey: "none", api: "openai-completions", models: [
             {{ id: "small", name: "Small", contextWindow: 128000, maxTokens: 1024 }},
             {{ id: "large", name: "Large", contextWindow: 128000, maxTokens: 1024 }} ] }} }} }},
           agents: {{ defaults: {{ model: {{ primary: "fake/small" }} }} }},"#,
        model.url()
    ));
    let gateway = TestGateway::with(TestOptions { config, ..TestOptions::default() }).await;
    let operator = Operator::connect(&gateway).await;
    operator.agent_with(agent("a", "model", json!("fake/large"))).await.expect("an answer");
    let mut params = agent("b", "model", json!("large"));
    params["provider"] = json!("fake");
    operator.agent_with(params).await.expect("an answer");
    operator.agent("c", "hi").await.expect("an answer");
    let asked: Vec<Value> = model.requests().iter().map(|request| request["model"].clone()).collect();
    assert_eq!(asked, ["large", "large", "small"]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_session_may_be_meant_by_its_id_and_must_be_the_one_that_is_expected() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let work = json!({"sessionKey": "agent:main:work", "message": "hi", "idempotencyKey": "a"});
    operator.agent_with(work).await.expect("an answer");
    let described = operator.call("sessions.describe", json!({"key": "agent:main:work"})).await;
    let id = described["session"]["sessionId"].clone();
    let answer = operator.agent_with(agent("b", "sessionId", id.clone())).await.expect("an answer");
    assert_eq!(answer["result"]["meta"]["agentMeta"]["sessionId"], id, "{answer}");
    // An id that is not known yet is a new session's, and the same one's from then on.
    for key in ["new-1", "new-2"] {
        let answer =
            operator.agent_with(agent(key, "sessionId", json!("my-own.id"))).await.expect("an answer");
        assert_eq!(answer["result"]["meta"]["agentMeta"]["sessionId"], "my-own.id", "{answer}");
    }
    let listed = operator.call("sessions.describe", json!({"key": "agent:main:explicit:my-own.id"})).await;
    assert_eq!(listed["session"]["sessionId"], "my-own.id");
    let mut other = agent("c", "sessionId", id.clone());
    other["sessionKey"] = json!(MAIN);
    operator.refused("agent", other).await;

    operator.agent("d", "hi").await.expect("an answer");
    let main = session_id(&operator).await;
    operator.agent_with(agent("e", "expectedExistingSessionId", json!(main))).await.expect("an answer");
    operator.call("chat.send", chat("f", "sessionId", json!(main))).await;
    operator.wait_for("f").await;
    operator.call("sessions.reset", json!({"key": MAIN})).await;
    for (method, params) in [
        ("agent", agent("g", "expectedExistingSessionId", json!(main))),
        ("chat.send", chat("h", "sessionId", json!(main))),
    ] {
        let error = operator.refused(method, params).await;
        assert_eq!(error.details.unwrap()["reason"], "session-changed", "{method}");
    }
    for method in ["chat.history", "chat.startup"] {
        let now = operator.call(method, json!({"sessionKey": MAIN})).await;
        assert_eq!(now["totalMessages"], 0, "{now}");
        let before = operator.call(method, json!({"sessionKey": MAIN, "sessionId": main})).await;
        assert_eq!((&before["sessionId"], &before["totalMessages"]), (&json!(main), &json!(6)), "{method}");
        operator.refused(method, json!({"sessionKey": MAIN, "sessionId": id})).await;
    }
    // The same message again is the same message, whatever became of its session.
    operator.call("chat.send", chat("f", "sessionId", json!(main))).await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_message_that_was_written_to_the_last_word_comes_before_no_other() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.call("chat.send", chat("a", "expectedLeafEntryId", Value::Null)).await;
    operator.wait_for("a").await;
    let leaf = operator.history().await.last().unwrap()["__openclaw"]["id"].clone();
    for stale in [Value::Null, json!("another")] {
        let error = operator.refused("chat.send", chat("b", "expectedLeafEntryId", stale)).await;
        assert_eq!(error.details.unwrap()["reason"], "active-leaf-changed");
    }
    operator.call("chat.send", chat("c", "expectedLeafEntryId", leaf.clone())).await;
    operator.wait_for("c").await;
    operator.refused("chat.send", chat("d", "expectedLeafEntryId", leaf.clone())).await;
    // Who names the conversation as well knows that others speak in it.
    let mut named = chat("e", "expectedLeafEntryId", leaf.clone());
    named["sessionId"] = json!(session_id(&operator).await);
    operator.call("chat.send", named.clone()).await;
    operator.wait_for("e").await;
    named["expectedLeafEntryId"] = json!("another");
    named["idempotencyKey"] = json!("f");
    operator.refused("chat.send", named).await;
    operator.call("chat.send", chat("c", "expectedLeafEntryId", leaf)).await;
    assert_eq!(bench.model.request_count(), 3);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn of_two_messages_to_the_same_last_word_one_is_taken_and_what_waits_counts_as_said() {
    let bench = Bench::start("").await;
    let (one, two) = (bench.operator().await, bench.operator().await);
    bench.model.script(vec![Step::Hang]);
    let send = |operator: Operator, key: &'static str| async move {
        let params = chat(key, "expectedLeafEntryId", Value::Null);
        let sent = operator.connection.call("chat.send", params, PATIENCE).await;
        (operator, sent.is_ok())
    };
    let ((one, first), (_two, second)) = tokio::join!(send(one, "a"), send(two, "b"));
    assert!(first ^ second, "{first} {second}");
    bench.model.wait_for_requests(1).await;
    let leaf = one.history().await.last().unwrap()["__openclaw"]["id"].clone();
    // It says nothing of a last word, and waits behind the turn that runs.
    one.send("c", "more").await;
    let error = one.refused("chat.send", chat("d", "expectedLeafEntryId", leaf.clone())).await;
    assert_eq!(error.details.unwrap()["reason"], "active-leaf-changed");
    one.call("tasks.cancel", json!({"taskId": "c"})).await;
    one.call("chat.send", chat("d", "expectedLeafEntryId", leaf)).await;
    one.call("chat.abort", json!({"sessionKey": MAIN})).await;
    one.wait_for("d").await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_message_that_is_refused_leaves_no_session_behind() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    for (name, value) in [
        ("model", json!("no/such")),
        ("deliver", json!(true)),
        ("attachments", json!([{"mimeType": "text/plain", "content": "eA=="}])),
        ("expectedExistingSessionId", json!("another")),
    ] {
        let mut params = agent("a", name, value);
        params["sessionId"] = json!("my-own.id");
        operator.refused("agent", params).await;
        let listed = operator.call("sessions.list", json!({})).await;
        assert_eq!(listed["sessions"], json!([]), "{name}");
    }
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_answer_goes_where_it_is_told_to() {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let bench = Bench::start(&telegram(&fake, r#"dmPolicy: "open", allowFrom: ["*"],"#)).await;
    let operator = bench.operator().await;
    for chat_id in [777, -100_777] {
        fake.know_chat(chat_id);
    }
    operator.refused("agent", agent("a", "deliver", json!(true))).await;
    // A chat page is answered in any case: nobody has written from a channel yet.
    operator.call("chat.send", chat("a2", "deliver", json!(true))).await;
    operator.wait_for("a2").await;
    let mut lenient = agent("b", "bestEffortDeliver", json!(true));
    lenient["deliver"] = json!(true);
    operator.agent_with(lenient).await.expect("the caller has its answer all the same");

    let topic = json!({"message": "to a topic", "deliver": true, "channel": "telegram", "to": "-100777",
        "threadId": "7", "idempotencyKey": "c"});
    operator.agent_with(topic).await.expect("an answer");
    fake.wait_for_sent(1, PATIENCE).await.expect("the answer is delivered");
    let sent = fake.requests().into_iter().find(|(method, _)| method == "sendmessage").unwrap().1;
    assert_eq!((&sent["chat_id"], &sent["message_thread_id"]), (&json!(-100_777), &json!(7)), "{sent}");

    // The session was last spoken to there.
    operator.call("chat.send", chat("d", "deliver", json!(true))).await;
    fake.wait_for_sent(2, PATIENCE).await.expect("the answer is delivered");
    let mut elsewhere = chat("e", "deliver", json!(true));
    elsewhere["originatingChannel"] = json!("telegram");
    elsewhere["originatingTo"] = json!("777");
    operator.call("chat.send", elsewhere).await;
    fake.wait_for_sent(3, PATIENCE).await.expect("the answer is delivered");
    let last = fake.requests().into_iter().rfind(|(method, _)| method == "sendmessage").unwrap().1;
    assert_eq!(last["chat_id"], 777, "{last}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_is_sent_for_a_session_is_known_to_its_agent_in_the_next_turn() {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let bench = Bench::start(&telegram(&fake, "")).await;
    let operator = bench.operator().await;
    fake.know_chat(777);
    let send = |key: &str, text: &str| json!({"channel": "telegram", "to": "777", "message": text, "idempotencyKey": key});
    operator.call("send", send("a", "said by nobody")).await;
    let (mut by_session, mut by_agent) = (send("b", "said for the session"), send("c", "said for the agent"));
    by_session["sessionKey"] = json!("agent:main:work");
    by_agent["agentId"] = json!("main");
    operator.call("send", by_session.clone()).await;
    operator.call("send", by_session).await;
    operator.call("send", by_agent).await;
    let mut unknown = send("d", "for nobody");
    unknown["agentId"] = json!("ghost");
    operator.refused("send", unknown).await;
    fake.wait_for_sent(3, PATIENCE).await.expect("three are sent");
    let work = json!({"sessionKey": "agent:main:work", "message": "hi", "idempotencyKey": "t1"});
    operator.agent_with(work).await.expect("an answer");
    operator.agent("t2", "hi").await.expect("an answer");
    let requests: Vec<String> =
        bench.model.requests().iter().map(|request| request["messages"].to_string()).collect();
    let count = |request: &str, text: &str| request.matches(text).count();
    assert_eq!(count(&requests[0], "said for the session"), 1, "{}", requests[0]);
    assert_eq!(count(&requests[1], "said for the agent"), 1, "{}", requests[1]);
    assert!(requests.iter().all(|request| count(request, "said by nobody") == 0));
    bench.gateway.stop().await;
}
