//! Finding and reading sessions over RPC: previews, keys that mean something, words that were said, single messages,
//! entries without a turn; and what was used, by day, session and model.

use crate::flow::{self, Bench, MAIN, Operator, differences, recorded_payload, text_of};
use model::ManualClock;
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::fake_model::{FakeModel, Step};
use testkit::gateway::{TestGateway, TestOptions, default_config};

#[tokio::test]
async fn previews_show_what_was_said_last_and_say_where_nothing_was() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.agent("a", r#"TOOL:ls {"path":"."}"#).await.expect("an answer");
    operator.agent("b", &"long ".repeat(100)).await.expect("an answer");
    operator.call("sessions.create", json!({"key": "empty"})).await;
    let params = json!({"keys": [MAIN, "empty", "nowhere"], "limit": 3, "maxChars": 20});
    let answer = operator.call("sessions.preview", params).await;
    let previews = answer["previews"].as_array().expect("previews");
    let shown: Vec<(&Value, &Value)> = previews.iter().map(|p| (&p["key"], &p["status"])).collect();
    let expected =
        [(json!(MAIN), json!("ok")), (json!("empty"), json!("empty")), (json!("nowhere"), json!("missing"))];
    assert_eq!(shown, expected.iter().map(|(k, s)| (k, s)).collect::<Vec<_>>());
    let items = previews[0]["items"].as_array().expect("items");
    let roles: Vec<&str> = items.iter().filter_map(|i| i["role"].as_str()).collect();
    assert_eq!(roles, ["assistant", "user", "assistant"], "tools are left out, the newest is last");
    assert_eq!(items[2]["text"], "echo: long long long");
    assert!(differences(&answer, &recorded_payload("sessions.preview"), "sessions.preview").is_empty());
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_session_is_resolved_by_key_id_or_label() {
    let bench = Bench::start("agents: { list: [ { id: 'main', default: true }, { id: 'helper' } ] },").await;
    let operator = bench.operator().await;
    let made = operator.call("sessions.create", json!({"key": "work", "label": "Plans"})).await;
    let work = json!({"ok": true, "key": "agent:main:work", "agentId": "main", "displayName": "Plans"});
    for params in [
        json!({"key": "work"}),
        json!({"key": "agent:main:work"}),
        json!({"sessionId": made["sessionId"]}),
        json!({"label": "Plans"}),
        json!({"label": "Plans", "agentId": "main"}),
    ] {
        assert_eq!(operator.call("sessions.resolve", params.clone()).await, work, "{params}");
    }
    for params in
        [json!({"key": "nowhere"}), json!({"sessionId": "x"}), json!({"label": "Plans", "agentId": "helper"})]
    {
        let mut lenient = params.clone();
        lenient["allowMissing"] = json!(true);
        assert_eq!(operator.call("sessions.resolve", lenient).await, json!({"ok": false}));
        let error = operator.refused("sessions.resolve", params).await;
        assert!(error.message.starts_with("No session found"), "{error}");
    }
    for params in [json!({}), json!({"key": "work", "label": "Plans"})] {
        let error = operator.refused("sessions.resolve", params).await;
        assert!(error.message.contains("one of key, sessionId and label"), "{error}");
    }
    operator.call("sessions.create", json!({"key": "agent:helper:work", "label": "Plans"})).await;
    let several = operator.call("sessions.resolve", json!({"label": "Plans"})).await;
    assert_eq!(several["ok"], false);
    assert_eq!(several["candidates"].as_array().map(Vec::len), Some(2));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn words_that_were_said_are_found_in_their_sessions() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    for (key, session, text) in [
        ("a", MAIN, "the Zug leaves at nine"),
        ("b", "agent:main:work", "no zug at all"),
        ("c", MAIN, "other"),
    ] {
        let params = json!({"message": text, "sessionKey": session, "idempotencyKey": key});
        operator.agent_with(params).await.expect("an answer");
    }
    let found = operator.call("sessions.search", json!({"query": "zug nine"})).await;
    let hits = found["results"].as_array().expect("results");
    // The question and its echo.
    assert_eq!((hits.len(), &found["truncated"]), (2, &json!(false)));
    assert!(hits.iter().all(|hit| hit["sessionKey"] == MAIN), "{found}");
    let user = hits.iter().find(|hit| hit["role"] == "user").expect("what was asked");
    assert_eq!(user["snippet"], "the Zug leaves at nine");
    let params = json!({"sessionKey": MAIN, "messageId": user["messageId"]});
    let message = operator.call("chat.message.get", params).await;
    assert_eq!(text_of(&message["message"]), "the Zug leaves at nine");
    assert!(differences(&found, &recorded_payload("sessions.search"), "sessions.search").is_empty());

    let two = operator.call("sessions.search", json!({"query": "zug", "limit": 2})).await;
    assert_eq!((two["results"].as_array().map(Vec::len), &two["truncated"]), (Some(2), &json!(true)));
    let there = operator.call("sessions.search", json!({"query": "zug", "sessionKeys": ["work"]})).await;
    assert_eq!(there["results"].as_array().map(Vec::len), Some(2));
    let none = operator.call("sessions.search", json!({"query": "\" OR *"})).await;
    assert_eq!(none["results"], json!([]));
    let error = operator.refused("sessions.search", json!({"query": "  "})).await;
    assert!(error.message.contains("must not be empty"), "{error}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_message_is_injected_without_a_turn_and_after_the_one_under_way() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let params = json!({"sessionKey": MAIN, "message": "injected", "label": "note"});
    let error = operator.refused("chat.inject", params.clone()).await;
    assert!(error.message.contains("session not found"), "{error}");
    operator.agent("a", "hi").await.expect("an answer");
    operator.call("sessions.messages.subscribe", json!({"key": MAIN})).await;
    let injected = operator.call("chat.inject", params.clone()).await;
    let id = injected["messageId"].as_str().expect("an id").to_owned();
    let heard = operator.events.next("the message", |e| e.event == "session.message").await;
    assert_eq!(
        (&heard["messageId"], text_of(&heard["message"])),
        (&json!(id), "[note]\n\ninjected".to_owned())
    );
    operator.events.chat(&format!("inject-{id}"), "final").await;
    assert_eq!(bench.model.request_count(), 1, "nobody was asked");

    bench.model.script(vec![Step::Hang]);
    operator.send("hangs", "hang").await;
    bench.model.wait_for_requests(2).await;
    let inject = operator.connection.call("chat.inject", params, flow::PATIENCE);
    let stop = operator.call("chat.abort", json!({"sessionKey": MAIN}));
    let (injected, _) = tokio::join!(inject, stop);
    injected.expect("it waits its turn");
    let texts: Vec<String> = operator.history().await.iter().map(text_of).collect();
    assert_eq!(texts, ["hi", "echo: hi", "[note]\n\ninjected", "hang", "[note]\n\ninjected"]);
    operator.agent("b", "and?").await.expect("an answer");
    let asked = bench.model.requests().pop().expect("a request").to_string();
    assert!(asked.contains("injected"), "the model reads it: {asked}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_message_is_given_in_full_or_it_is_said_why_not() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.agent("a", "hello there").await.expect("an answer");
    let id = operator.history().await[0]["__openclaw"]["id"].clone();
    let get = |id: Value, more: Value| {
        let mut params = json!({"sessionKey": MAIN, "messageId": id});
        params.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        operator.call("chat.message.get", params)
    };
    let whole = get(id.clone(), json!({})).await;
    assert_eq!((&whole["ok"], text_of(&whole["message"])), (&json!(true), "hello there".to_owned()));
    assert_eq!(whole["message"], operator.history().await[0]);
    let oversized = get(id, json!({"maxChars": 5})).await;
    assert_eq!(oversized, json!({"ok": false, "unavailableReason": "oversized"}));
    let missing = get(json!("nothing"), json!({})).await;
    assert_eq!(missing, json!({"ok": false, "unavailableReason": "not_found"}));
    let metadata = operator.call("chat.metadata", json!({"sessionKey": MAIN})).await;
    assert_eq!(metadata["models"][0]["id"], "test-model");
    let commands = operator.call("commands.list", json!({})).await["commands"].clone();
    assert!(commands[0]["name"].is_string());
    assert_eq!(metadata["commands"], commands);
    bench.gateway.stop().await;
}

/// 2026-11-21 01:55 UTC.
const NOW: i64 = 1_795_226_141_932;

#[tokio::test]
async fn usage_is_summed_by_day_session_model_and_agent() {
    let model = FakeModel::start().await;
    let config = default_config(&format!(
        r#"models: {{ providers: {{ fake: {{ baseUrl: "{}", apiKey: "none", api: "openai-completions", models: [
             {{ id: "small", name: "Small", contextWindow: 128000, maxTokens: 1024, cost: {{ input: 3, output: 15 }} }} ] }} }} }},
           agents: {{ defaults: {{ model: {{ primary: "fake/small" }} }}, list: [ {{ id: "main", default: true }}, {{ id: "helper" }} ] }},"#,
        model.url()
    ));
    let clock = Arc::new(ManualClock::at(NOW - 86_400_000));
    let options = TestOptions { config, clock: clock.clone(), ..TestOptions::default() };
    let gateway = TestGateway::with(options).await;
    let operator = Operator::connect(&gateway).await;
    operator.agent("a", "yesterday").await.expect("an answer");
    clock.advance_ms(86_400_000);
    operator.agent("b", r#"TOOL:ls {"path":"."}"#).await.expect("an answer");
    let other = json!({"message": "hi", "sessionKey": "agent:helper:main", "agentId": "helper", "idempotencyKey": "c"});
    operator.agent_with(other).await.expect("an answer");

    let cost = operator.call("usage.cost", json!({"days": 7})).await;
    let daily = cost["daily"].as_array().expect("days");
    assert_eq!((daily.len(), &cost["days"]), (7, &json!(7)));
    assert_eq!((&daily[5]["date"], &daily[6]["date"]), (&json!("2026-11-20"), &json!("2026-11-21")));
    let of = |value: &Value, name: &str| value[name].as_f64().expect("a number");
    assert!(of(&daily[5], "totalCost") > 0.0 && of(&daily[6], "totalCost") > of(&daily[5], "totalCost"));
    let totals = &cost["totals"];
    assert!((of(totals, "inputCost") + of(totals, "outputCost") - of(totals, "totalCost")).abs() < 1e-12);
    assert!((of(totals, "inputCost") - of(totals, "input") * 3.0 / 1e6).abs() < 1e-12);
    assert_eq!(totals["missingCostEntries"], 0);
    let session = operator.session().await;
    assert!(
        (of(totals, "totalCost") - of(&session, "estimatedCostUsd")).abs() < 1e-12,
        "the main agent alone"
    );
    assert!(differences(&cost, &recorded_payload("usage.cost"), "usage.cost").is_empty());
    let all = operator.call("usage.cost", json!({"days": 1, "agentScope": "all"})).await;
    assert!(of(&all["totals"], "totalCost") > of(&daily[6], "totalCost"));
    // In New York everything of today was said yesterday.
    let there = json!({"days": 1, "mode": "specific", "timeZone": "America/New_York"});
    let there = operator.call("usage.cost", there).await;
    assert_eq!(there["daily"][0]["date"], "2026-11-20");
    assert_eq!(there["totals"]["totalTokens"], daily[6]["totalTokens"]);

    let usage = operator.call("sessions.usage", json!({"range": "7d"})).await;
    let found = differences(&usage, &recorded_payload("sessions.usage"), "sessions.usage");
    assert!(found.is_empty(), "{found:#?}");
    let rows = usage["sessions"].as_array().expect("sessions");
    let main = rows.iter().find(|row| row["key"] == MAIN).expect("the main session");
    let used = &main["usage"];
    let counts =
        json!({"total": 5, "user": 2, "assistant": 3, "toolCalls": 1, "toolResults": 1, "errors": 0});
    assert_eq!(used["messageCounts"], counts);
    assert_eq!(used["totalCost"], session["estimatedCostUsd"]);
    assert_eq!(used["activityDates"], json!(["2026-11-20", "2026-11-21"]));
    assert_eq!(
        (&used["modelUsage"][0]["model"], &used["modelUsage"][0]["count"]),
        (&json!("small"), &json!(3))
    );
    let sums = &usage["aggregates"];
    assert_eq!((&sums["sessionCount"], &sums["tools"]["tools"][0]["name"]), (&json!(2), &json!("ls")));
    let agents: Vec<&str> =
        sums["byAgent"].as_array().unwrap().iter().filter_map(|a| a["agentId"].as_str()).collect();
    assert_eq!(agents, ["helper", "main"]);
    let one = operator.call("sessions.usage", json!({"key": MAIN, "range": "7d"})).await;
    assert_eq!(one["totals"]["totalTokens"], used["totalTokens"]);
    let error =
        operator.refused("sessions.usage", json!({"startDate": "yesterday", "endDate": "2026-11-21"})).await;
    assert!(error.message.contains("/startDate"), "{error}");
    assert_eq!(operator.call("usage.status", json!({})).await["providers"], json!([]));
    gateway.stop().await;
}
