//! One turn, as an operator's client sees it: `agent`, `agent.wait`, events, errors, deadlines.

mod failover;
mod params;
mod tasks;

use crate::flow::{self, Bench, MAIN, keys, recorded, refusal, reply};
use client::EventFrame;
use protocol::ErrorCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::fake_model::Step;
use testkit::gateway::{TestGateway, TestOptions, default_config};

/// The events of a run in one word each. Pieces of text count as one: how many there are is a matter of time.
fn story(events: &[(String, Value)]) -> Vec<String> {
    let mut story: Vec<String> = Vec::new();
    for (event, payload) in events {
        let word = match event.as_str() {
            "chat" if payload["state"] == "delta" => "text".to_owned(),
            "chat" => format!("chat {}", payload["state"].as_str().unwrap_or_default()),
            _ => match payload["stream"].as_str().unwrap_or_default() {
                "assistant" => "text".to_owned(),
                stream @ ("lifecycle" | "item") => {
                    format!("{stream} {}", payload["data"]["phase"].as_str().unwrap_or_default())
                }
                stream => stream.to_owned(),
            },
        };
        if story.last() != Some(&word) {
            story.push(word);
        }
    }
    story
}

/// The `agent` and `chat` events of the recorded operator. Left out is what that build alone does: text that is taken
/// back, a model that is none, and text that comes after the end.
fn recorded_events(file: &str) -> Vec<(String, Value)> {
    let rows = recorded(file);
    let frames =
        rows.iter().map(|row| &row["frame"]).filter(|f| f["event"] == "agent" || f["event"] == "chat");
    let mut ended = false;
    let mut events = Vec::new();
    for frame in frames {
        let payload = frame["payload"].clone();
        let data = &payload["data"];
        ended |= data["phase"] == "end";
        let taken_back = data["replace"] == true;
        let no_model = data["phase"] == "model" && data["model"].is_null();
        let late = ended && payload["state"] == "delta";
        if !(taken_back || no_model || late) {
            events.push((frame["event"].as_str().unwrap_or_default().to_owned(), payload));
        }
    }
    events
}

fn run_events(events: Vec<EventFrame>, run: &str) -> Vec<(String, Value)> {
    let of_run = |e: &EventFrame| (e.event == "agent" || e.event == "chat") && e.payload["runId"] == run;
    events.into_iter().filter(of_run).map(|e| (e.event, e.payload)).collect()
}

/// What kind of event it is, and the fields that every one of the kind has.
fn fields_by_kind(events: &[(String, Value)]) -> Vec<(String, BTreeSet<String>)> {
    let mut kinds: Vec<(String, BTreeSet<String>)> = Vec::new();
    for (event, payload) in events {
        let kind = story(&[(event.clone(), payload.clone())]).remove(0);
        let kind = format!("{event} {kind}");
        match kinds.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, fields)) => fields.retain(|f| payload.get(f).is_some()),
            None => kinds.push((kind, keys(payload))),
        }
    }
    kinds
}

#[tokio::test]
async fn the_events_of_a_turn_have_the_recorded_order_and_fields() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let cases = [
        ("flow-agent-turn.jsonl", "plain", "hi there"),
        ("flow-agent-turn-with-node-exec.jsonl", "tool", r#"TOOL:exec {"command":"echo out"}"#),
    ];
    for (file, run, message) in cases {
        let answer = operator.agent(run, message).await.expect("an answer");
        let ours = run_events(operator.events.of_run(run).await, run);
        let theirs = recorded_events(file);
        assert_eq!(story(&ours), story(&theirs), "{file}");
        let our_fields = fields_by_kind(&ours);
        for (kind, fields) in fields_by_kind(&theirs) {
            let (_, ours) = our_fields.iter().find(|(k, _)| *k == kind).expect("the story is the same");
            let missing: Vec<_> = fields.difference(ours).collect();
            assert!(missing.is_empty(), "{file}, {kind}: {missing:?}");
        }
        let said: String = ours.iter().filter_map(|(_, p)| p["deltaText"].as_str()).collect();
        assert_eq!(said, reply(&answer), "{file}: the pieces make up the reply");
        let (_, last) = ours.last().expect("events");
        assert_eq!(last["message"]["content"], json!([{"type": "text", "text": reply(&answer)}]));
        let seqs: Vec<u64> = ours.iter().filter_map(|(_, p)| p["seq"].as_u64()).collect();
        assert!(seqs.is_sorted() && seqs.first() == Some(&1), "{seqs:?}");
    }
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_events_of_a_tool_carry_what_was_recorded_of_it() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    operator.agent("tool", r#"TOOL:exec {"command":"echo out; exit 3"}"#).await.expect("an answer");
    let events = run_events(operator.events.of_run("tool").await, "tool");
    let data = |stream: &str, phase: &str| {
        let fits = |p: &&Value| p["stream"] == stream && p["data"]["phase"] == phase;
        events.iter().map(|(_, p)| p).find(fits).map(|p| p["data"].clone()).expect("the event")
    };
    let (start, end, output) = (data("item", "start"), data("item", "end"), data("command_output", "end"));
    assert_eq!(start["title"], "Exec echo out; exit 3");
    assert_eq!(end["title"], start["title"]);
    // The command failed; the tool, which ran it and says so, did not.
    assert_eq!((&start["status"], &end["status"]), (&json!("running"), &json!("completed")));
    assert_eq!(end["startedAt"], start["startedAt"]);
    assert!(end["endedAt"].as_i64() >= end["startedAt"].as_i64());
    assert_eq!(end["toolCallId"], start["toolCallId"]);
    assert_eq!((&output["exitCode"], &output["output"]), (&json!(3), &json!("out\n")));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn agent_answers_twice_with_the_recorded_fields() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let mut accepted = Value::Null;
    let params =
        json!({"message": "hi", "agentId": "main", "deliver": false, "timeout": 600, "idempotencyKey": "a"});
    let call = operator.connection.call_two_phase("agent", params, flow::PATIENCE, |a| accepted = a.clone());
    let done = call.await.expect("an answer");
    let rows = recorded("flow-agent-turn.jsonl");
    let answers: Vec<&Value> = rows.iter().map(|r| &r["frame"]).filter(|f| f["type"] == "res").collect();
    assert_eq!(keys(&accepted), keys(&answers[1]["payload"]));
    assert_eq!((&accepted["status"], &accepted["sessionKey"]), (&json!("accepted"), &json!(MAIN)));
    assert_eq!(keys(&done), keys(&answers[2]["payload"]));
    assert_eq!(
        (&done["status"], &done["summary"], reply(&done)),
        (&json!("ok"), &json!("completed"), "echo: hi")
    );
    let (ours, theirs) = (&done["result"]["meta"], &answers[2]["payload"]["result"]["meta"]);
    for name in ["durationMs", "agentMeta", "aborted"] {
        assert!(ours.get(name).is_some() && theirs.get(name).is_some(), "{name}: {ours}");
    }
    let (ours, theirs) = (&ours["agentMeta"], &theirs["agentMeta"]);
    assert!(keys(ours).is_subset(&keys(theirs)), "{ours}");
    assert_eq!(keys(&ours["usage"]), keys(&theirs["usage"]));
    assert_eq!((&ours["provider"], &ours["model"]), (&theirs["provider"], &theirs["model"]));
    assert_eq!(ours["contextTokens"], theirs["contextTokens"]);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_same_key_is_one_run_whoever_asks_and_when() {
    let bench = Bench::start("").await;
    let (one, other) = (bench.operator().await, bench.operator().await);
    let (a, b) = tokio::join!(one.agent("k", "once"), other.agent("k", "once"));
    let c = one.agent("k", "once").await;
    for answer in [a, b, c] {
        let answer = answer.expect("an answer");
        assert_eq!((reply(&answer), &answer["runId"]), ("echo: once", &json!("k")));
    }
    assert_eq!(bench.model.request_count(), 1);
    let params = json!({"message": "once", "sessionKey": "agent:main:other", "idempotencyKey": "k"});
    let error = refusal(one.agent_with(params).await);
    assert_eq!(error.code, ErrorCode::InvalidRequest);
    assert!(error.message.contains("use a new one"), "{error}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn agent_wait_knows_what_ended_what_runs_and_what_never_was() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    operator.agent("done", "hi").await.expect("an answer");
    let done = operator.wait_for("done").await;
    assert_eq!(done["status"], "ok");
    assert!(done["endedAt"].as_i64() >= done["startedAt"].as_i64(), "{done}");

    bench.model.script(vec![Step::Hang]);
    operator.send("slow", "hang").await;
    bench.model.wait_for_requests(2).await;
    operator.send("queued", "later").await;
    for run in ["slow", "queued"] {
        let params = json!({"runId": run, "timeoutMs": 1});
        assert_eq!(operator.call("agent.wait", params).await["status"], "timeout", "{run}");
    }
    let error = operator.refused("agent.wait", json!({"runId": "never", "timeoutMs": 1})).await;
    assert!(error.message.contains("never"), "{error}");

    let aborted = operator.call("chat.abort", json!({"sessionKey": MAIN, "runId": "slow"})).await;
    assert_eq!(aborted, json!({"ok": true, "aborted": true, "runIds": ["slow"]}));
    operator.events.chat("slow", "aborted").await;
    bench.model.wait_for_hang_ups(1).await;
    assert_eq!(operator.wait_for("slow").await["status"], "aborted");
    assert_eq!(operator.wait_for("queued").await["status"], "ok");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_a_provider_does_wrong_for_a_while_is_tried_again() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let soon = || vec![("retry-after".to_owned(), "0".to_owned())];
    let cases = [
        ("429", Step::Status(429, soon(), r#"{"error":{"message":"slow down"}}"#.into())),
        ("500", Step::Status(500, vec![], "oops".into())),
        ("503", Step::Status(503, soon(), String::new())),
        ("a cut stream", Step::CutStream(250)),
    ];
    for (name, step) in cases {
        let before = bench.model.request_count();
        bench.model.script(vec![step]);
        let answer = operator.agent(name, "try hard").await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(reply(&answer), "echo: try hard", "{name}");
        assert_eq!(bench.model.request_count() - before, 2, "{name}");
        let events = run_events(operator.events.of_run(name).await, name);
        // Text of the first try is taken back before the second begins.
        let shown = events.iter().filter(|(e, p)| e == "chat" && p["state"] == "delta").fold(
            String::new(),
            |shown, (_, p)| {
                if p["replace"] == true {
                    String::new()
                } else {
                    shown + p["deltaText"].as_str().unwrap_or("")
                }
            },
        );
        assert_eq!(shown, "echo: try hard", "{name}");
    }
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_a_provider_refuses_for_good_is_said_at_once() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let status = |status, body: &str| Step::Status(status, vec![], body.into());
    let cases = [
        ("401", status(401, r#"{"error":{"message":"bad key"}}"#), "key"),
        ("404", status(404, r#"{"error":{"message":"no such model"}}"#), "no such model"),
        ("400", status(400, r#"{"error":{"message":"odd request"}}"#), "odd request"),
        ("garbage", Step::Garbage, "no model's answer"),
    ];
    for (name, step, says) in cases {
        let before = bench.model.request_count();
        bench.model.script(vec![step]);
        let run = format!("run-{name}");
        let error = refusal(operator.agent(&run, "hi").await);
        assert_eq!((error.code, error.details), (ErrorCode::Unavailable, Some(json!({"runId": run}))));
        assert!(error.message.contains(says), "{name}: {}", error.message);
        assert_eq!(bench.model.request_count() - before, 1, "{name}");
        let ended = operator.events.chat(&run, "error").await;
        assert_eq!(ended["errorMessage"], json!(error.message), "{name}");
        assert_eq!(operator.wait_for(&run).await["error"], json!(error.message));
    }
    let answer = operator.agent("after", "still there?").await.expect("the session goes on");
    assert_eq!(reply(&answer), "echo: still there?");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn without_a_model_the_answer_is_the_command_that_configures_one() {
    let gateway = TestGateway::start().await;
    let operator = flow::Operator::connect(&gateway).await;
    let error = refusal(operator.agent("a", "hi").await);
    assert!(error.message.contains("config set agents.defaults.model.primary"), "{error}");
    gateway.stop().await;

    let config = default_config(r#"agents: { defaults: { model: { primary: "openai/gpt-5" } } },"#);
    let gateway = TestGateway::with(TestOptions { config, ..TestOptions::default() }).await;
    let operator = flow::Operator::connect(&gateway).await;
    let error = refusal(operator.agent("a", "hi").await);
    assert!(error.message.contains("OPENAI_API_KEY"), "{error}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_turn_that_takes_too_long_ends_with_agent_timeout() {
    let bench = Bench::start("").await;
    bench.model.script(vec![Step::Hang]);
    let operator = bench.operator().await;
    let params = json!({"message": "hi", "timeout": 1, "idempotencyKey": "slow"});
    let error = refusal(operator.agent_with(params).await);
    assert_eq!((error.code, error.details), (ErrorCode::AgentTimeout, Some(json!({"runId": "slow"}))));
    bench.model.wait_for_hang_ups(1).await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_request_for_hi_is_small_and_has_the_seeded_files_in_it() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.agent("a", "hi").await.expect("an answer");
    let request = bench.model.requests().remove(0);
    let size = request.to_string().len();
    assert!(size < 15_000, "{size} bytes");
    let system = flow::text_of(&request["messages"][0]);
    for name in ["AGENTS.md", "SOUL.md", "USER.md", "IDENTITY.md", "TOOLS.md", "MEMORY.md"] {
        assert!(bench.gateway.state_dir().join("workspace").join(name).is_file(), "{name}");
        assert!(system.contains(name), "{name} is part of the prompt");
    }
    assert!(request["tools"].as_array().is_some_and(|t| t.len() >= 12), "{}", request["tools"]);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_is_no_agent_call_is_refused_by_name() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let cases = [
        (json!({"message": "hi"}), "idempotencyKey"),
        (json!({"message": "hi", "idempotencyKey": "a", "agentId": "nobody"}), "nobody"),
        (json!({"message": "hi", "idempotencyKey": "b", "timeout": "long"}), "timeout"),
        (json!({"message": "hi", "idempotencyKey": "c", "deliver": true}), "deliver"),
        (
            json!({"message": "hi", "idempotencyKey": "d", "deliver": true, "channel": "pigeon", "to": "1"}),
            "pigeon",
        ),
        (json!({"message": "hi", "idempotencyKey": "e", "color": "red"}), "color"),
    ];
    for (params, says) in cases {
        let error = operator.refused("agent", params.clone()).await;
        assert_eq!(error.code, ErrorCode::InvalidRequest, "{params}");
        assert!(error.message.contains(says), "{params}: {error}");
    }
    assert_eq!(bench.model.request_count(), 0);
    bench.gateway.stop().await;
}
