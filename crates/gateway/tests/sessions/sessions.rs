//! Sessions over RPC: their shapes beside recorded ones, transcripts, subscriptions, queue modes, compaction, usage.

use crate::flow::{self, Bench, MAIN, Operator, asked, differences, recorded_payload, reply, text_of};
use protocol::ErrorCode;
use serde_json::{Value, json};
use testkit::fake_model::{FakeModel, Step};
use testkit::gateway::{TestGateway, TestOptions, default_config};

/// A model with a small window that costs something.
fn small_model(url: &str, window: u64) -> String {
    default_config(&format!(
        r#"models: {{ providers: {{ fake: {{ baseUrl: "{url}", apiKey: "none", api: "openai-completions",
             models: [ {{ id: "small", name: "Small", contextWindow: {window}, maxTokens: 1024, input: ["text", "image"],
                          cost: {{ input: 3, output: 15 }} }} ] }} }} }},
           agents: {{ defaults: {{ model: {{ primary: "fake/small" }} }} }},"#
    ))
}

/// Fields that the recorded build has elsewhere: in lists, in the answer to a reset, in `models.list`, in answers of the
/// model only.
const SHOWN_ELSEWHERE: &[&str] = &[
    ".compactionCount",
    ".sessionInfo.derivedTitle",
    ".sessionInfo.lastMessagePreview",
    ".models[0].input",
    ".__openclaw.runId",
];

/// How ours differs from what was recorded. A session is described here by all that lists show of it, and messages are
/// compared with the recorded one of their role.
fn new_fields(ours: &Value, name: &str) -> Vec<String> {
    let mut theirs = recorded_payload(name);
    if let (Some(session), Value::Object(listed)) =
        (theirs["session"].as_object_mut(), recorded_payload("sessions.list")["sessions"][0].take())
    {
        session.extend(listed);
    }
    let mut ours = ours.clone();
    let (messages, recorded) = (ours["messages"].take(), theirs["messages"].take());
    let mut found = differences(&ours, &theirs, name);
    for message in messages.as_array().into_iter().flatten() {
        let mut recorded = recorded.as_array().into_iter().flatten();
        let same = recorded.find(|r| r["role"] == message["role"]).expect("a message of this role");
        found.extend(differences(message, same, &format!("{name}.messages")));
    }
    found.retain(|difference| !SHOWN_ELSEWHERE.iter().any(|field| difference.contains(field)));
    found
}

#[tokio::test]
async fn answers_about_sessions_have_no_field_that_was_not_recorded() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.agent("a", "hi").await.expect("an answer");
    let one = json!({"sessionKey": MAIN, "limit": 10});
    let cases = [
        ("sessions.subscribe", json!({})),
        ("sessions.list", json!({"limit": 10, "includeDerivedTitles": true, "includeLastMessage": true})),
        ("sessions.describe", json!({"key": MAIN})),
        ("sessions.messages.subscribe", json!({"key": MAIN, "includeApprovals": true})),
        ("chat.startup", one.clone()),
        ("chat.history", one),
        ("chat.send", json!({"sessionKey": MAIN, "message": "again", "idempotencyKey": "b"})),
        ("chat.abort", json!({"sessionKey": MAIN})),
    ];
    for (method, params) in cases {
        let ours = operator.call(method, params).await;
        let found = new_fields(&ours, method);
        assert!(found.is_empty(), "{found:#?}");
    }
    operator.wait_for("b").await;
    let ours = operator.call("sessions.reset", json!({"key": MAIN})).await;
    let found = new_fields(&ours, "sessions.reset");
    assert!(found.is_empty(), "{found:#?}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_session_is_described_as_it_is_listed() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    for (key, session) in [("a", MAIN), ("b", "agent:main:work"), ("c", "notes")] {
        let params = json!({"message": key, "sessionKey": session, "idempotencyKey": key});
        operator.agent_with(params).await.expect("an answer");
    }
    let list = operator.call("sessions.list", json!({"limit": 2})).await;
    assert_eq!((&list["count"], &list["totalCount"], &list["hasMore"]), (&json!(2), &json!(3), &json!(true)));
    let rest = operator.call("sessions.list", json!({"limit": 2, "offset": list["nextOffset"]})).await;
    assert_eq!(
        (&rest["count"], &rest["hasMore"], &rest["nextOffset"]),
        (&json!(1), &json!(false), &Value::Null)
    );
    let mut rows = list["sessions"].as_array().cloned().expect("rows");
    rows.extend(rest["sessions"].as_array().cloned().expect("rows"));
    let listed: Vec<&str> = rows.iter().filter_map(|row| row["key"].as_str()).collect();
    assert_eq!(listed, ["agent:main:notes", "agent:main:work", MAIN], "the latest first");
    for mut row in rows {
        let mut described =
            operator.call("sessions.describe", json!({"key": row["key"]})).await["session"].take();
        described["snapshotAt"] = row["snapshotAt"].take();
        row["snapshotAt"] = described["snapshotAt"].clone();
        assert_eq!(described, row);
    }
    let unknown = operator.call("sessions.describe", json!({"key": "agent:main:nowhere"})).await;
    assert_eq!(unknown, json!({"session": null}));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_counters_of_a_session_add_up_to_what_its_runs_used_and_cost() {
    let model = FakeModel::start().await;
    let config = small_model(&model.url(), 128_000);
    let gateway = TestGateway::with(TestOptions { config, ..TestOptions::default() }).await;
    let operator = Operator::connect(&gateway).await;
    let (mut input, mut output, mut cost) = (0, 0, 0.0);
    // The second asks the model twice: for the call, and with its result.
    for (key, message) in [("a", "one two three"), ("b", r#"TOOL:ls {"path":"."}"#)] {
        let answer = operator.agent(key, message).await.expect("an answer");
        let usage = &answer["result"]["meta"]["agentMeta"]["usage"];
        input += usage["input"].as_u64().expect("input");
        output += usage["output"].as_u64().expect("output");
        cost += usage["cost"]["total"].as_f64().expect("cost");
    }
    let session = operator.session().await;
    assert_eq!((&session["inputTokens"], &session["outputTokens"]), (&json!(input), &json!(output)));
    let counted = session["estimatedCostUsd"].as_f64().expect("a cost");
    let expected = (input as f64 * 3.0 + output as f64 * 15.0) / 1e6;
    assert!(
        (counted - expected).abs() < 1e-9 && (cost - expected).abs() < 1e-9,
        "{counted} {cost} {expected}"
    );
    assert!(expected > 0.0);
    gateway.stop().await;
}

#[tokio::test]
async fn who_listens_to_a_session_hears_its_messages_and_nobody_else() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    operator.agent("unheard", "hi").await.expect("an answer");
    let before = operator.events.of_run("unheard").await;
    assert!(before.iter().all(|e| !e.event.starts_with("session")), "nobody asked for them");

    operator.call("sessions.subscribe", json!({})).await;
    operator.call("sessions.messages.subscribe", json!({"key": MAIN})).await;
    operator.agent("heard", r#"TOOL:ls {"path":"."}"#).await.expect("an answer");
    let heard = operator.events.of_run("heard").await;
    let messages: Vec<&Value> =
        heard.iter().filter(|e| e.event == "session.message").map(|e| &e.payload).collect();
    let roles: Vec<&str> = messages.iter().filter_map(|m| m["message"]["role"].as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "toolResult", "assistant"]);
    let places: Vec<i64> = messages.iter().filter_map(|m| m["messageSeq"].as_i64()).collect();
    assert_eq!(places, [3, 4, 5, 6]);
    for message in &messages {
        assert_eq!(message["message"]["__openclaw"]["runId"], "heard", "{message}");
    }
    let last = messages.last().expect("messages");
    let found = new_fields(last, "session.message");
    assert!(found.is_empty(), "{found:#?}");
    let change = heard.iter().find(|e| e.event == "sessions.changed").expect("a change");
    let found = new_fields(&change.payload, "sessions.changed");
    assert!(found.is_empty(), "{found:#?}");

    // What they heard is what the transcript says.
    let history = operator.history().await;
    let heard: Vec<&Value> = messages.iter().map(|m| &m["message"]).collect();
    assert_eq!(history.iter().skip(2).collect::<Vec<_>>(), heard);

    operator.call("sessions.messages.unsubscribe", json!({"key": MAIN})).await;
    operator.agent("after", "hi").await.expect("an answer");
    let after = operator.events.of_run("after").await;
    assert!(after.iter().all(|e| e.event != "session.message"), "it was unsubscribed");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn history_is_read_in_pages_from_the_newest() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    for i in 0..4 {
        operator.agent(&format!("k{i}"), &format!("m{i}")).await.expect("an answer");
    }
    let all: Vec<String> = operator.history().await.iter().map(text_of).collect();
    assert_eq!(all, ["m0", "echo: m0", "m1", "echo: m1", "m2", "echo: m2", "m3", "echo: m3"]);
    let mut pages = Vec::new();
    let mut offset = json!(0);
    loop {
        let params = json!({"sessionKey": MAIN, "limit": 3, "offset": offset});
        let page = operator.call("chat.history", params).await;
        let texts: Vec<String> = page["messages"].as_array().expect("messages").iter().map(text_of).collect();
        pages.push(texts);
        if page["hasMore"] != true {
            break;
        }
        offset = page["nextOffset"].clone();
    }
    pages.reverse();
    assert_eq!(pages.concat(), all);
    let params = json!({"sessionKey": MAIN, "maxBytes": 1});
    let newest = operator.call("chat.history", params).await;
    assert_eq!(newest["messages"].as_array().map(Vec::len), Some(1), "one is always shown");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_reset_stops_the_turn_and_begins_a_new_transcript() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    operator.agent("a", "remember the milk").await.expect("an answer");
    let before = operator.session().await;
    bench.model.script(vec![Step::Hang]);
    operator.send("b", "hang").await;
    bench.model.wait_for_requests(2).await;
    operator.send("waits", "and this").await;

    let reset = operator.call("sessions.reset", json!({"key": MAIN})).await;
    assert_ne!(reset["entry"]["sessionId"], before["sessionId"]);
    assert_eq!(reset["entry"]["totalTokens"], 0);
    assert!(operator.history().await.is_empty());
    // Whoever waits for what was stopped hears of it.
    operator.events.chat("waits", "aborted").await;
    assert_eq!(operator.wait_for("b").await["status"], "aborted");
    operator.agent("c", "what was it?").await.expect("an answer");
    let request = bench.model.requests().pop().expect("a request");
    assert!(!request.to_string().contains("milk"), "the model is not told of what was before");
    let error = operator.refused("sessions.reset", json!({"key": "agent:main:nowhere"})).await;
    assert!(error.message.contains("agent:main:nowhere"), "{error}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_is_sent_during_a_turn_is_answered_afterwards_in_its_order() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    bench.model.script(vec![Step::Hang]);
    operator.send("first", "hang").await;
    bench.model.wait_for_requests(1).await;
    // An RPC has an answer of its own whatever the mode: nothing is merged.
    for (key, mode) in [("two", "steer"), ("three", "followup"), ("four", "collect")] {
        let params = json!({"sessionKey": MAIN, "message": key, "queueMode": mode, "idempotencyKey": key});
        assert_eq!(operator.call("chat.send", params).await["status"], "started");
    }
    let active = operator.session().await;
    assert_eq!((&active["hasActiveRun"], &active["activeRunIds"]), (&json!(true), &json!(["first"])));
    // One that waits can be taken out; whoever asked hears of it.
    let aborted = operator.call("chat.abort", json!({"sessionKey": MAIN, "runId": "three"})).await;
    assert_eq!(aborted["runIds"], json!(["three"]));
    operator.events.chat("three", "aborted").await;

    let params =
        json!({"sessionKey": MAIN, "message": "now", "queueMode": "interrupt", "idempotencyKey": "now"});
    operator.call("chat.send", params).await;
    operator.events.chat("first", "aborted").await;
    for run in ["now", "two", "four"] {
        let ended = operator.events.chat(run, "final").await;
        assert_eq!(text_of(&ended["message"]), format!("echo: {run}"));
    }
    assert_eq!(bench.model.request_count(), 4);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_agent_call_that_is_aborted_while_it_waits_is_answered() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    bench.model.script(vec![Step::Hang]);
    operator.send("first", "hang").await;
    bench.model.wait_for_requests(1).await;
    let (accepted, was_accepted) = tokio::sync::oneshot::channel();
    let params = json!({"message": "later", "idempotencyKey": "waits"});
    let on_accepted = |_: &Value| accepted.send(()).expect("the test waits for it");
    let waits = operator.connection.call_two_phase("agent", params, flow::PATIENCE, on_accepted);
    let abort = async {
        was_accepted.await.expect("accepted");
        operator.call("chat.abort", json!({"sessionKey": MAIN, "runId": "waits"})).await
    };
    let (answer, aborted) = tokio::join!(waits, abort);
    assert_eq!(aborted["runIds"], json!(["waits"]));
    assert_eq!(answer.expect("an answer")["status"], "aborted");
    operator.call("chat.abort", json!({"sessionKey": MAIN})).await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_full_queue_refuses_and_says_which_key_makes_it_longer() {
    let bench = Bench::start("messages: { queue: { cap: 2 } },").await;
    let operator = bench.operator().await;
    bench.model.script(vec![Step::Hang]);
    operator.send("running", "hang").await;
    bench.model.wait_for_requests(1).await;
    operator.send("one", "1").await;
    operator.send("two", "2").await;
    let params = json!({"sessionKey": MAIN, "message": "3", "idempotencyKey": "three"});
    let error = operator.refused("chat.send", params).await;
    assert_eq!((error.code, error.retryable), (ErrorCode::Unavailable, Some(true)));
    assert!(error.message.contains("messages.queue.cap"), "{error}");
    operator.call("chat.abort", json!({"sessionKey": MAIN})).await;
    assert_eq!(operator.wait_for("two").await["status"], "ok");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn images_reach_a_model_that_takes_them_and_other_attachments_are_refused() {
    let model = FakeModel::start().await;
    let config = small_model(&model.url(), 128_000);
    let gateway = TestGateway::with(TestOptions { config, ..TestOptions::default() }).await;
    let operator = Operator::connect(&gateway).await;
    let send = |key: &str, attachment: Value| json!({"sessionKey": MAIN, "message": "look", "attachments": [attachment], "idempotencyKey": key});
    let image =
        json!({"type": "image", "mimeType": "image/png", "fileName": "a.png", "content": "iVBORw0KGgo="});
    operator.call("chat.send", send("a", image)).await;
    assert_eq!(operator.wait_for("a").await["status"], "ok");
    let request = model.requests().remove(0);
    let parts = &request["messages"].as_array().and_then(|m| m.last()).expect("messages")["content"];
    assert_eq!(parts[0], json!({"type": "text", "text": "look"}));
    assert_eq!(parts[1]["image_url"]["url"], "data:image/png;base64,iVBORw0KGgo=");
    let pdf = json!({"mimeType": "application/pdf", "content": "JVBERi0="});
    let error = operator.refused("chat.send", send("b", pdf)).await;
    assert!(error.message.contains("/attachments/0"), "{error}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_transcript_is_compacted_before_the_window_is_full_and_when_the_provider_says_so() {
    let model = FakeModel::start().await;
    let config = small_model(&model.url(), 16_000);
    let gateway = TestGateway::with(TestOptions { config, ..TestOptions::default() }).await;
    let operator = Operator::connect(&gateway).await;
    let filler = |word: &str, bytes: usize| word.repeat(bytes / word.len());
    operator.agent("a", &filler("older ", 12_000)).await.expect("an answer");
    model.script(vec![Step::Text("They spoke of older things.".into())]);
    let answer = operator.agent("b", &filler("newer ", 50_000)).await.expect("an answer");
    assert!(reply(&answer).starts_with("echo: newer"));
    let requests = model.requests();
    assert_eq!(requests.len(), 3, "one turn, a summary, the other turn");
    assert!(requests[1].get("tools").is_none(), "a summary needs no tools");
    let last = requests[2].to_string();
    assert!(last.contains("They spoke of older things.") && !last.contains("older older"));
    assert_eq!(operator.session().await["compactionCount"], 1);

    let too_long =
        r#"{"error":{"message":"maximum context length exceeded","code":"context_length_exceeded"}}"#;
    let overflow = Step::Status(400, vec![], too_long.into());
    model.script(vec![overflow, Step::Text("They spoke of newer things.".into())]);
    let answer = operator.agent("c", "and now?").await.expect("an answer");
    assert_eq!(reply(&answer), "echo: and now?");
    let last = model.requests().pop().expect("a request");
    assert_eq!(asked(&last), "and now?");
    assert!(last.to_string().contains("They spoke of newer things."), "{last}");
    assert_eq!(operator.session().await["compactionCount"], 2);
    gateway.stop().await;
}
