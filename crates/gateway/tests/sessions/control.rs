//! What operators do with sessions: make, name, choose a model, send, stop, put away, delete, compact; beside turns
//! that are under way.

use crate::flow::{Bench, MAIN, Operator, PATIENCE, refusal, reply, text_of};
use client::{ClientDescription, ConnectOptions, Connection};
use protocol::ErrorCode;
use serde_json::{Value, json};
use testkit::fake_model::{FakeModel, Step};
use testkit::gateway::{TOKEN, TestGateway, TestOptions, default_config};

const WORK: &str = "agent:main:work";

/// Two models of one provider and a second agent.
async fn two_models() -> (FakeModel, TestGateway) {
    let model = FakeModel::start().await;
    let config = default_config(&format!(
        r#"models: {{ providers: {{ fake: {{ baseUrl: "{}", apiKey: "none", api: "openai-completions", models: [
             {{ id: "small", name: "Small", contextWindow: 128000, maxTokens: 1024 }},
             {{ id: "large", name: "Large", contextWindow: 128000, maxTokens: 1024 }} ] }} }} }},
           agents: {{ defaults: {{ model: {{ primary: "fake/small" }} }}, list: [ {{ id: "main", default: true }}, {{ id: "helper" }} ] }},"#,
        model.url()
    ));
    let gateway = TestGateway::with(TestOptions { config, ..TestOptions::default() }).await;
    (model, gateway)
}

/// An operator who may write and no more.
async fn writer(gateway: &TestGateway) -> Connection {
    let mut options = ConnectOptions::new(gateway.url(), ClientDescription::new("cli", "cli", "1.0.0"));
    options.token = Some(TOKEN.to_owned().into());
    options.scopes = vec!["operator.write".into()];
    Connection::open(&options).await.expect("the gateway lets the operator in")
}

async fn describe(operator: &Operator, key: &str) -> Value {
    operator.call("sessions.describe", json!({"key": key})).await["session"].take()
}

async fn texts(operator: &Operator, key: &str) -> Vec<String> {
    let history = operator.call("chat.history", json!({"sessionKey": key})).await;
    history["messages"].as_array().expect("messages").iter().map(text_of).collect()
}

#[tokio::test]
async fn a_session_is_made_with_a_label_and_its_first_message() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    operator.call("sessions.subscribe", json!({})).await;
    let params = json!({"agentId": "main", "label": "Plans", "message": "hello", "idempotencyKey": "first"});
    let made = operator.call("sessions.create", params.clone()).await;
    let key = made["key"].as_str().expect("a key").to_owned();
    assert!(key.starts_with("agent:main:dashboard:"), "{key}");
    assert_eq!(
        (&made["ok"], &made["runStarted"], &made["runId"]),
        (&json!(true), &json!(true), &json!("first"))
    );
    assert_eq!(made["resolved"], json!({"modelProvider": "fake", "model": "test-model"}));
    assert_eq!(
        (&made["entry"]["label"], &made["entry"]["createdVia"]),
        (&json!("Plans"), &json!("operator"))
    );
    let heard = operator
        .events
        .next("a new session", |e| e.event == "sessions.changed" && e.payload["reason"] == "create")
        .await;
    assert_eq!((&heard["sessionKey"], &heard["session"]["label"]), (&made["key"], &json!("Plans")));
    assert_eq!(operator.wait_for("first").await["status"], "ok");
    assert_eq!(texts(&operator, &key).await, ["hello", "echo: hello"]);
    // The same key again is the same session and the same message.
    let again = operator.call("sessions.create", params).await;
    assert_eq!((&again["key"], &again["sessionId"]), (&made["key"], &made["sessionId"]));
    operator.wait_for("first").await;
    assert_eq!(texts(&operator, &key).await.len(), 2);
    let row = describe(&operator, &key).await;
    assert_eq!((&row["label"], &row["displayName"]), (&json!("Plans"), &json!("Plans")));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_a_new_session_cannot_have_is_refused_by_name_and_makes_none() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.call("sessions.create", json!({"key": "one", "label": "Plans"})).await;
    for (params, named) in [
        (json!({"key": "two", "label": "Plans"}), "label already in use: Plans"),
        (json!({"key": "two", "label": " \n"}), "/label"),
        (json!({"key": "two", "model": "fake/unheard"}), "fake/unheard"),
        (
            json!({"key": "two", "thinkingLevel": "high"}),
            "thinkingLevel \"high\" is not supported for fake/test-model",
        ),
        (json!({"key": "two", "worktree": true}), "/worktree"),
        (json!({"key": "two", "execNode": "n"}), "/execNode"),
        (json!({"key": "two", "parentSessionKey": "nowhere"}), "nowhere"),
        (json!({"key": "agent:main:two", "agentId": "nobody"}), "nobody"),
    ] {
        let error = operator.refused("sessions.create", params.clone()).await;
        assert_eq!(error.code, ErrorCode::InvalidRequest, "{params}");
        assert!(error.message.contains(named), "{params}: {error}");
    }
    assert_eq!(describe(&operator, "two").await, Value::Null);
    // A message that cannot be taken leaves the session there to try again.
    let pdf = json!([{"mimeType": "application/pdf", "content": "JVBERi0="}]);
    let made = operator
        .call("sessions.create", json!({"key": "three", "message": "look", "attachments": pdf}))
        .await;
    assert_eq!(made["runStarted"], false);
    assert!(made["runError"]["message"].as_str().is_some_and(|m| m.contains("/attachments/0")), "{made}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_model_chosen_for_a_session_answers_in_it_and_nowhere_else() {
    let (model, gateway) = two_models().await;
    let operator = Operator::connect(&gateway).await;
    let made = operator.call("sessions.create", json!({"key": "work", "model": "large"})).await;
    assert_eq!(made["resolved"], json!({"modelProvider": "fake", "model": "large"}));
    let ask =
        |key: &str, session: &str| json!({"message": "hi", "sessionKey": session, "idempotencyKey": key});
    let answered_by = |answer: Value| answer["result"]["meta"]["agentMeta"]["model"].clone();
    let answer = operator.agent_with(ask("a", WORK)).await.expect("an answer");
    assert_eq!(answered_by(answer), "large");
    assert_eq!(operator.agent_with(ask("b", MAIN)).await.map(answered_by).expect("an answer"), "small");
    let patched = operator.call("sessions.patch", json!({"key": WORK, "model": "fake/small"})).await;
    assert_eq!(patched["resolved"]["model"], "small");
    operator.agent_with(ask("c", WORK)).await.expect("an answer");
    operator.call("sessions.patch", json!({"key": WORK, "model": "fake/large"})).await;
    operator.agent_with(ask("d", WORK)).await.expect("an answer");
    let row = describe(&operator, WORK).await;
    assert_eq!((&row["model"], &row["modelOverrideSource"]), (&json!("large"), &json!("user")));
    let cleared = operator.call("sessions.patch", json!({"key": WORK, "model": null})).await;
    assert_eq!(cleared["resolved"]["model"], "small");
    operator.agent_with(ask("e", WORK)).await.expect("an answer");
    let asked: Vec<Value> = model.requests().iter().map(|r| r["model"].clone()).collect();
    assert_eq!(asked, ["large", "small", "small", "large", "small"]);
    let error = operator.refused("sessions.patch", json!({"key": WORK, "model": "fake/none"})).await;
    assert!(error.message.contains("fake/small, fake/large"), "{error}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_refuses_what_is_not_there() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    operator.call("sessions.subscribe", json!({})).await;
    let made = operator.call("sessions.create", json!({"key": "work"})).await;
    operator.call("sessions.patch", json!({"key": WORK, "label": "Plans", "pinned": true})).await;
    let heard = operator
        .events
        .next("a change", |e| e.event == "sessions.changed" && e.payload["reason"] == "patch")
        .await;
    assert_eq!((&heard["session"]["label"], &heard["session"]["pinned"]), (&json!("Plans"), &json!(true)));
    operator.agent("a", "hi").await.expect("an answer");
    let list = operator.call("sessions.list", json!({})).await;
    assert_eq!(list["sessions"][0]["key"], WORK, "pinned before what was active last");
    let labelled = operator.call("sessions.list", json!({"label": "Plans"})).await;
    assert_eq!(labelled["count"], 1);

    let read =
        operator.call("sessions.patch", json!({"key": MAIN, "unread": false, "thinkingLevel": "off"})).await;
    assert!(read["entry"]["lastReadAt"].is_i64(), "{read}");
    assert_eq!(operator.session().await["unread"], false);
    operator.call("sessions.patch", json!({"key": MAIN, "unread": true, "fastMode": null})).await;
    assert_eq!(operator.session().await["unread"], true);

    for (params, named) in [
        (
            json!({"key": WORK, "thinkingLevel": "low"}),
            "thinkingLevel \"low\" is not supported for fake/test-model (use off)",
        ),
        (json!({"key": WORK, "verboseLevel": "on"}), "/verboseLevel"),
        (json!({"key": WORK, "sendPolicy": "perhaps"}), "/sendPolicy"),
        (json!({"key": WORK, "shoeSize": 43}), "shoeSize"),
        (json!({"key": "nowhere", "pinned": true}), "agent:main:nowhere"),
        (json!({"key": MAIN, "archived": true}), "Cannot archive the main session"),
    ] {
        let error = operator.refused("sessions.patch", params.clone()).await;
        assert_eq!(error.code, ErrorCode::InvalidRequest);
        assert!(error.message.contains(named), "{params}: {error}");
    }
    operator.call("sessions.reset", json!({"key": WORK})).await;
    let stale = json!({"key": WORK, "label": null, "expectedSessionId": made["sessionId"]});
    let error = operator.refused("sessions.patch", stale).await;
    assert_eq!(error.details.expect("details")["reason"], "session-changed");
    assert_eq!(describe(&operator, WORK).await["label"], "Plans");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_is_put_away_is_stopped_and_comes_back_when_somebody_speaks_in_it() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.call("sessions.create", json!({"key": "work"})).await;
    bench.model.script(vec![Step::Hang]);
    operator.call("sessions.send", json!({"key": WORK, "message": "hang", "idempotencyKey": "hangs"})).await;
    bench.model.wait_for_requests(1).await;
    let archived = operator.call("sessions.patch", json!({"key": WORK, "archived": true})).await;
    assert!(archived["entry"]["archivedAt"].is_i64(), "{archived}");
    assert_eq!(operator.wait_for("hangs").await["status"], "aborted");
    let listed = async |archived: Value| {
        let list = operator.call("sessions.list", json!({"archived": archived})).await;
        (list["count"].clone(), list["totalCount"].clone())
    };
    assert_eq!(listed(json!(false)).await, (json!(0), json!(0)));
    assert_eq!(listed(json!(true)).await, (json!(1), json!(1)));
    assert_eq!(listed(json!("all")).await, (json!(1), json!(1)));
    let error = operator.refused("sessions.list", json!({"archived": "some"})).await;
    assert!(error.message.contains("/archived"), "{error}");
    operator.call("sessions.send", json!({"key": WORK, "message": "hi", "idempotencyKey": "back"})).await;
    operator.wait_for("back").await;
    assert_eq!(listed(json!(false)).await, (json!(1), json!(1)));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn sending_to_a_session_is_durable_and_done_once() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let error = operator.refused("sessions.send", json!({"key": WORK, "message": "hi"})).await;
    assert!(error.message.contains("session not found: agent:main:work"), "{error}");
    operator.call("sessions.create", json!({"key": "work"})).await;
    let params = json!({"key": WORK, "message": "hi", "idempotencyKey": "once"});
    let sent = operator.call("sessions.send", params.clone()).await;
    assert_eq!(sent, json!({"runId": "once", "status": "started"}));
    operator.events.chat("once", "final").await;
    assert_eq!(operator.call("sessions.send", params).await["runId"], "once");
    let other = json!({"key": MAIN, "message": "hi", "idempotencyKey": "once"});
    operator.call("sessions.create", json!({"key": "main"})).await;
    let error = operator.refused("sessions.send", other).await;
    assert!(error.message.contains("another session"), "{error}");
    // Without a key each call is a message of its own.
    let first = operator.call("sessions.send", json!({"key": WORK, "message": "again"})).await;
    operator.wait_for(first["runId"].as_str().expect("a run")).await;
    assert_eq!(texts(&operator, WORK).await, ["hi", "echo: hi", "again", "echo: again"]);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_run_is_stopped_by_its_session_or_by_its_id() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    operator.call("sessions.create", json!({"key": "work"})).await;
    let idle = json!({"ok": true, "abortedRunId": null, "status": "no-active-run"});
    assert_eq!(operator.call("sessions.abort", json!({"key": WORK})).await, idle);
    assert_eq!(operator.call("sessions.abort", json!({"runId": "unknown"})).await, idle);
    let error = operator.refused("sessions.abort", json!({})).await;
    assert!(error.message.contains("key or a runId"), "{error}");

    operator.call("sessions.subscribe", json!({})).await;
    bench.model.script(vec![Step::Hang, Step::Hang]);
    for (run, waits) in [("one", "two"), ("three", "four")] {
        operator.call("sessions.send", json!({"key": WORK, "message": run, "idempotencyKey": run})).await;
        operator.call("sessions.send", json!({"key": WORK, "message": waits, "idempotencyKey": waits})).await;
    }
    bench.model.wait_for_requests(1).await;
    // Only the run that is named: the next one begins.
    let aborted = operator.call("sessions.abort", json!({"runId": "one"})).await;
    assert_eq!(aborted, json!({"ok": true, "abortedRunId": "one", "status": "aborted"}));
    operator
        .events
        .next("the news", |e| e.event == "sessions.changed" && e.payload["reason"] == "abort")
        .await;
    bench.model.wait_for_requests(2).await;
    let aborted = operator.call("sessions.abort", json!({"key": WORK, "clearQueued": true})).await;
    assert_eq!(aborted["abortedRunId"], "two");
    // Those that never began are heard of as well.
    for run in ["three", "four"] {
        operator.events.chat(run, "aborted").await;
    }
    for run in ["one", "two"] {
        assert_eq!(operator.wait_for(run).await["status"], "aborted", "{run}");
    }
    assert_eq!(bench.model.request_count(), 2);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_deleted_session_is_stopped_first_and_its_key_is_free() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let made = operator.call("sessions.create", json!({"key": "work", "label": "Plans"})).await;
    let send = |run: &str, text: &str| json!({"key": WORK, "message": text, "idempotencyKey": run});
    operator.call("sessions.send", send("said", "something to find")).await;
    operator.wait_for("said").await;
    operator.call("sessions.subscribe", json!({})).await;
    bench.model.script(vec![Step::Hang]);
    operator.call("sessions.send", send("hangs", "hang")).await;
    bench.model.wait_for_requests(2).await;
    operator.call("sessions.send", send("waits", "wait")).await;

    let deleted = operator.call("sessions.delete", json!({"key": WORK})).await;
    let kept = deleted["archived"][0].as_str().expect("where it is kept").to_owned();
    assert_eq!((&deleted["ok"], &deleted["deleted"]), (&json!(true), &json!(true)));
    assert!(kept.contains(made["sessionId"].as_str().expect("an id")), "{kept}");
    operator.events.chat("waits", "aborted").await;
    let heard = operator
        .events
        .next("the news", |e| e.event == "sessions.changed" && e.payload["reason"] == "delete")
        .await;
    assert_eq!((&heard["sessionKey"], &heard["sessionId"]), (&json!(WORK), &made["sessionId"]));
    assert!(heard.get("session").is_none(), "{heard}");
    assert_eq!(operator.wait_for("hangs").await["status"], "aborted");
    assert_eq!(describe(&operator, WORK).await, Value::Null);
    let found = operator.call("sessions.search", json!({"query": "something"})).await;
    assert_eq!(found["results"], json!([]));
    let again = operator.call("sessions.delete", json!({"key": WORK})).await;
    assert_eq!((&again["deleted"], &again["archived"]), (&json!(false), &json!([])));

    // Key and label are free, and nothing of before is in the new one.
    let fresh = operator.call("sessions.create", json!({"key": "work", "label": "Plans"})).await;
    assert_ne!(fresh["sessionId"], made["sessionId"]);
    assert!(texts(&operator, WORK).await.is_empty());
    let error = operator.refused("sessions.delete", json!({"key": MAIN})).await;
    assert!(error.message.contains("Cannot delete the main session"), "{error}");
    // What it cost stays a fact.
    let usage = operator.call("usage.cost", json!({"days": 1})).await;
    assert!(usage["totals"]["totalTokens"].as_u64().is_some_and(|tokens| tokens > 0), "{usage}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn who_may_only_write_deletes_what_was_put_away_and_nothing_else() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let made = operator.call("sessions.create", json!({"key": "work"})).await;
    let writer = writer(&bench.gateway).await;
    let delete = async |params: Value| writer.call("sessions.delete", params, PATIENCE).await;
    let error = refusal(delete(json!({"key": WORK})).await);
    assert_eq!(error.code, ErrorCode::Forbidden);
    assert_eq!(error.details.expect("details")["missingScope"], "operator.admin");
    let error = refusal(delete(json!({"key": WORK, "archivedOnly": true})).await);
    assert!(error.message.contains("not archived"), "{error}");
    writer.call("sessions.patch", json!({"key": WORK, "archived": true}), PATIENCE).await.expect("it may");
    let stale = json!({"key": WORK, "archivedOnly": true, "expectedSessionId": "another"});
    assert_eq!(refusal(delete(stale).await).details.expect("details")["reason"], "session-changed");
    let exact = json!({"key": WORK, "archivedOnly": true, "expectedSessionId": made["sessionId"], "deleteTranscript": false});
    let deleted = delete(exact).await.expect("it may");
    assert_eq!((&deleted["deleted"], &deleted["archived"]), (&json!(true), &json!([])));
    for method in ["sessions.compact", "chat.inject"] {
        let params = json!({"key": WORK, "sessionKey": WORK, "message": "x"});
        assert_eq!(
            refusal(writer.call(method, params, PATIENCE).await).code,
            ErrorCode::Forbidden,
            "{method}"
        );
    }
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_compaction_on_demand_runs_alone_and_what_arrives_waits() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let nothing = operator.refused("sessions.compact", json!({"key": MAIN})).await;
    assert!(nothing.message.contains("session not found"), "{nothing}");
    for i in 0..4 {
        operator
            .agent(&format!("k{i}"), &format!("older {i} {}", "words ".repeat(100)))
            .await
            .expect("an answer");
    }
    bench.model.script(vec![Step::Hang]);
    operator.send("hangs", "hang").await;
    bench.model.wait_for_requests(5).await;
    let busy = operator.refused("sessions.compact", json!({"key": MAIN})).await;
    assert!(busy.message.contains("has an active run"), "{busy}");
    operator.call("chat.abort", json!({"sessionKey": MAIN})).await;
    operator.wait_for("hangs").await;

    operator.call("sessions.subscribe", json!({})).await;
    bench.model.take_time(std::time::Duration::from_millis(200));
    bench.model.script(vec![Step::Text("They counted.".into())]);
    let compact = operator.connection.call("sessions.compact", json!({"key": MAIN}), PATIENCE);
    let meanwhile = async {
        bench.model.wait_for_requests(6).await;
        // A turn that is asked for now begins when the summary is in.
        operator.agent("next", "and now?").await.expect("an answer")
    };
    let (compacted, next) = tokio::join!(compact, meanwhile);
    let compacted = compacted.expect("it is compacted");
    assert_eq!((&compacted["ok"], &compacted["compacted"]), (&json!(true), &json!(true)));
    let (before, after) = (&compacted["result"]["tokensBefore"], &compacted["result"]["tokensAfter"]);
    assert!(after.as_u64() < before.as_u64(), "{compacted}");
    assert_eq!(reply(&next), "echo: and now?");
    let requests = bench.model.requests();
    assert_eq!(requests.len(), 7, "the summary, then the turn");
    let last = requests[6].to_string();
    assert!(last.contains("They counted.") && !last.contains("older 0"), "{last}");
    let phases = |e: &client::EventFrame| e.event == "session.operation" && e.payload["phase"] == "end";
    let heard = operator.events.until("the end of the compaction", phases).await;
    let start = heard.iter().find(|e| e.event == "session.operation").expect("a start");
    let end = heard.last().expect("an end");
    assert_eq!((&start.payload["phase"], &end.payload["completed"]), (&json!("start"), &json!(true)));
    assert_eq!(start.payload["operationId"], end.payload["operationId"]);
    // Nothing is lost but from the model's sight, and the summary is paid for.
    assert_eq!(operator.session().await["compactionCount"], 1);
    assert_eq!(operator.session().await["totalTokensFresh"], true, "a turn has counted them since");
    assert!(texts(&operator, MAIN).await[0].starts_with("older 0"));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_last_messages_are_kept_on_demand_without_asking_the_model() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    for i in 0..3 {
        operator.agent(&format!("k{i}"), &format!("m{i}")).await.expect("an answer");
    }
    let compacted = operator.call("sessions.compact", json!({"key": MAIN, "maxLines": 2})).await;
    assert_eq!(compacted, json!({"ok": true, "key": MAIN, "compacted": true, "kept": 2}));
    // What the last turn counted is not what the next one will read.
    let fresh = async || {
        let status = operator.call("status", json!({})).await;
        let listed = operator.session().await["totalTokensFresh"].clone();
        let recent = &status["sessions"]["recent"][0];
        for reckoned in ["remainingTokens", "percentUsed"] {
            assert_eq!(recent.get(reckoned).is_some(), listed == true, "{reckoned}: {recent}");
        }
        assert_eq!(listed, status["sessions"]["recent"][0]["totalTokensFresh"]);
        listed
    };
    assert_eq!(fresh().await, false);
    let again = operator.call("sessions.compact", json!({"key": MAIN, "maxLines": 5})).await;
    assert_eq!((&again["compacted"], &again["reason"]), (&json!(false), &json!("nothing to compact")));
    operator.agent("next", "and?").await.expect("an answer");
    assert_eq!(fresh().await, true);
    let requests = bench.model.requests();
    assert_eq!(requests.len(), 4);
    let texts: Vec<String> =
        requests[3]["messages"].as_array().expect("messages").iter().map(text_of).collect();
    assert!(texts.iter().any(|t| t == "m2") && !texts.iter().any(|t| t == "m1"), "{texts:?}");
    bench.gateway.stop().await;
}
