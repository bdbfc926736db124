//! What holds of every question about a command: people see what runs, it runs as it was shown or not at all, it ends once and in
//! time, and nobody asks without bounds.

use crate::flow::{self, Bench, MAIN, Operator, PATIENCE, gateway_at};
use model::ManualClock;
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::fake_model::{FakeModel, Step};
use testkit::gateway::{TestGateway, TestOptions, config_with_model};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const ALWAYS: &str = r#"tools: { exec: { security: "full", ask: "always" } },"#;

async fn requested(operator: &mut Operator) -> Value {
    operator.events.next("exec.approval.requested", |e| e.event == "exec.approval.requested").await
}

/// Waits for the end of this question.
async fn resolved(operator: &mut Operator, id: &str) -> Value {
    let fits = |e: &client::EventFrame| e.event == "exec.approval.resolved" && e.payload["id"] == id;
    operator.events.next("exec.approval.resolved", fits).await
}

async fn resolve(operator: &Operator, id: &str, decision: &str) {
    operator.call("exec.approval.resolve", json!({"id": id, "decision": decision})).await;
}

async fn kept(operator: &Operator, id: &str) -> Value {
    operator.call("approval.get", json!({"id": id})).await["approval"].take()
}

async fn pending(operator: &Operator) -> Vec<String> {
    let list = operator.call("exec.approval.list", json!({})).await;
    list.as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_people_saw_is_what_runs_with_its_variables_and_in_that_directory() {
    let bench = Bench::start(ALWAYS).await;
    let mut operator = bench.operator().await;
    let root = bench.gateway.state_dir().canonicalize().unwrap();
    for name in ["seen", "other"] {
        std::fs::create_dir(root.join(name)).unwrap();
    }
    let link = root.join("link");
    std::os::unix::fs::symlink(root.join("seen"), &link).unwrap();
    let call = json!({
        "command": "echo $MODE $MY_TOKEN > out", "cwd": link, "env": {"MODE": "wipe \u{202e}all", "MY_TOKEN": "hush"},
    });
    operator.send("a", &format!("TOOL:exec {call}")).await;
    let question = requested(&mut operator).await;
    let (id, request) = (question["id"].as_str().unwrap(), &question["request"]);
    let warning = request["warningText"].as_str().unwrap();
    assert!(warning.contains(r#"MODE="wipe \u{202e}all""#), "all can be seen: {warning}");
    assert!(warning.contains("MY_TOKEN=(hidden, 4 characters)"), "{warning}");
    assert!(!question.to_string().contains("hush"), "a credential is not sent around");
    assert_eq!(request["envKeys"], json!(["MODE", "MY_TOKEN"]));
    assert_eq!(request["cwd"], json!(root.join("seen")));
    let shown = operator.call("exec.approval.get", json!({"id": id})).await;
    assert_eq!(shown["warningText"], request["warningText"]);
    assert_eq!(shown["allowedDecisions"], json!(["allow-once", "deny"]), "a list keeps no variables");
    // Whoever can write there cannot send an approved command elsewhere.
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(root.join("other"), &link).unwrap();
    resolve(&operator, id, "allow-once").await;
    operator.wait_for("a").await;
    assert_eq!(std::fs::read_to_string(root.join("seen/out")).unwrap(), "wipe \u{202e}all hush\n");
    assert!(!root.join("other/out").exists());

    let long = json!({"command": format!("true {}", "x".repeat(16_000))});
    let answer = operator.agent("b", &format!("TOOL:exec {long}")).await.unwrap();
    assert!(flow::reply(&answer).contains("too long to be read"), "{answer}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_approval_for_a_node_counts_for_its_plan_and_its_variables() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let asking = bench.operator().await;
    let argv = json!(["/bin/sh", "-lc", "make clean"]);
    let plan = |text: &str| json!({"argv": argv, "cwd": "/w", "commandText": text, "agentId": "main", "sessionKey": MAIN});
    let ask = |text: &str| json!({"host": "node", "nodeId": "box", "systemRunPlan": plan(text), "env": {"MODE": "a"}});
    let refused = asking.refused("exec.approval.request", ask("ls")).await;
    assert!(refused.message.contains("commandText is not the text of argv"), "{refused}");

    let text = r#"/bin/sh -lc "make clean""#;
    let deciding = async {
        let question = requested(&mut operator).await;
        assert_eq!(question["request"]["command"], text);
        assert_eq!(question["request"]["warningText"], "It sets variables: MODE=a");
        resolve(&operator, question["id"].as_str().unwrap(), "allow-once").await;
    };
    let (answer, ()) = tokio::join!(asking.call("exec.approval.request", ask(text)), deciding);
    assert_eq!(answer["decision"], "allow-once");
    let run = |env: Value, key: &str| {
        let params = json!({
            "command": argv, "systemRunPlan": plan(text), "cwd": "/w", "env": env, "approved": true,
            "approvalDecision": "allow-once", "runId": answer["id"],
        });
        json!({"nodeId": "box", "command": "system.run", "params": params, "idempotencyKey": key})
    };
    for (key, env) in [("1", json!({"MODE": "b"})), ("2", json!({})), ("3", json!({"MODE": "a", "X": "y"}))] {
        let error = asking.refused("node.invoke", run(env.clone(), key)).await;
        assert_eq!(error.detail_code(), Some("APPROVAL_MISMATCH"), "{env}: {error}");
    }
    let error = asking.refused("node.invoke", run(json!({"MODE": "a"}), "4")).await;
    assert_ne!(
        error.detail_code(),
        Some("APPROVAL_MISMATCH"),
        "it counts, and there is no such node: {error}"
    );
    bench.gateway.stop().await;
}

#[tokio::test]
async fn rules_of_agents_are_not_escaped_by_naming_one_that_is_not_there() {
    let bench = Bench::start(ALWAYS).await;
    let operator = bench.operator().await;
    let ghost = "agent:ghost:main";
    for (method, params) in [
        ("chat.send", json!({"sessionKey": ghost, "message": "hi", "idempotencyKey": "1"})),
        ("agent", json!({"sessionKey": ghost, "message": "hi", "idempotencyKey": "2"})),
        ("sessions.send", json!({"key": ghost, "message": "hi", "idempotencyKey": "3"})),
        ("sessions.create", json!({"key": ghost})),
        ("tools.invoke", json!({"name": "exec", "args": {"command": "true"}, "sessionKey": ghost})),
        ("terminal.open", json!({"sessionKey": ghost, "cols": 80, "rows": 24})),
        ("chat.inject", json!({"sessionKey": ghost, "message": "hi"})),
    ] {
        let error = operator.refused(method, params).await;
        assert!(error.message.contains(r#"unknown agent "ghost"; there are: main"#), "{method}: {error}");
    }
    operator.call("chat.history", json!({"sessionKey": ghost})).await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_run_whose_agent_is_gone_runs_no_command() {
    let (dir, model) = (tempfile::tempdir().unwrap(), FakeModel::start().await);
    let config = |agents: &str| {
        let url = model.url();
        let config = config_with_model(&url, "");
        config
            .replace("agents: {", &format!("agents: {{ list: [ {{ id: 'main', default: true }} {agents} ],"))
    };
    let first = gateway_at(dir.path(), config(", { id: 'helper' }")).await;
    let operator = Operator::connect(&first).await;
    let marker = dir.path().join("ran");
    let call = json!({"command": format!("touch {}", marker.display())});
    model.script(vec![Step::Hang, Step::ToolCalls(vec![("exec".into(), call)])]);
    let params = json!({"sessionKey": "agent:helper:main", "message": "hi", "idempotencyKey": "a"});
    operator.call("chat.send", params).await;
    model.wait_for_requests(1).await;
    first.stop().await;
    let second = gateway_at(dir.path(), config("")).await;
    let operator = Operator::connect(&second).await;
    operator.wait_for("a").await;
    let told = model.requests().last().unwrap().to_string();
    assert!(told.contains("there is no agent") && !marker.exists(), "{told}");
    second.stop().await;
}

#[tokio::test]
async fn a_question_ends_with_whoever_asked_unless_they_come_back_for_it() {
    let bench = Bench::start(ALWAYS).await;
    let mut approver = bench.operator().await;
    let asking = bench.operator().await;
    let two_phase = json!({"id": "two", "command": "ls", "twoPhase": true});
    let accepted = asking.call("exec.approval.request", two_phase).await;
    assert_eq!(accepted["status"], "accepted");
    requested(&mut approver).await;
    let marker = bench.gateway.state_dir().join("ran");
    let tool = json!({"name": "exec", "args": {"command": format!("touch {}", marker.display())}, "sessionKey": MAIN});
    let (tool_id, one_id) = tokio::select! {
        _ = asking.connection.call("tools.invoke", tool, PATIENCE) => panic!("nobody has decided"),
        _ = asking.connection.call("exec.approval.request", json!({"id": "one", "command": "ls"}), PATIENCE) => {
            panic!("nobody has decided")
        }
        ids = async {
            let ids = [requested(&mut approver).await["id"].clone(), requested(&mut approver).await["id"].clone()];
            let tool = ids.iter().find(|id| **id != "one").unwrap().as_str().unwrap().to_owned();
            (tool, "one")
        } => ids,
    };
    asking.connection.close().await;
    for id in [tool_id.as_str(), one_id] {
        // They may end in either order, and are told about once each.
        let gone = async { while pending(&approver).await.iter().any(|p| p == id) {} };
        tokio::time::timeout(PATIENCE, gone).await.expect("it ends");
        let ended = kept(&approver, id).await;
        assert_eq!(
            (&ended["status"], &ended["reason"]),
            (&json!("cancelled"), &json!("run-aborted")),
            "{id}"
        );
        let late =
            approver.refused("exec.approval.resolve", json!({"id": id, "decision": "allow-once"})).await;
        assert_eq!(late.message, "approval already resolved");
    }
    assert_eq!(pending(&approver).await, ["two"]);
    resolve(&approver, "two", "allow-once").await;
    let ends = approver
        .events
        .until("the end of two", |e| e.event == "exec.approval.resolved" && e.payload["id"] == "two")
        .await;
    let ended = ends.iter().filter(|e| e.event == "exec.approval.resolved").count();
    assert_eq!(ended, 3, "each end is told once");
    let back = bench.operator().await;
    assert_eq!(back.call("exec.approval.waitDecision", json!({"id": "two"})).await["decision"], "allow-once");
    assert!(!marker.exists());
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_aborted_run_starts_nothing_whatever_runs_unanswered() {
    let bench = Bench::start(ALWAYS).await;
    let mut operator = bench.operator().await;
    let file = json!({"version": 1, "defaults": {"askFallback": "full"}});
    operator.call("exec.approvals.set", json!({"file": file})).await;
    let marker = bench.gateway.state_dir().join("ran");
    let call = json!({"command": format!("touch {}", marker.display())});
    operator.send("a", &format!("TOOL:exec {call}")).await;
    let id = requested(&mut operator).await["id"].as_str().unwrap().to_owned();
    operator.call("chat.abort", json!({"sessionKey": MAIN})).await;
    resolved(&mut operator, &id).await;
    operator.wait_for("a").await;
    assert_eq!(kept(&operator, &id).await["reason"], "run-aborted");
    // What comes after it in the session is asked about again: by then the first would have run.
    operator.send("b", &format!("TOOL:exec {}", json!({"command": "true"}))).await;
    let id = requested(&mut operator).await["id"].as_str().unwrap().to_owned();
    resolve(&operator, &id, "deny").await;
    operator.wait_for("b").await;
    assert!(!marker.exists());
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_question_does_not_outlive_its_time_on_the_wall() {
    let clock = Arc::new(ManualClock::at(1_800_000_000_000));
    let gateway = TestGateway::with(TestOptions { clock: clock.clone(), ..TestOptions::default() }).await;
    let mut approver = Operator::connect(&gateway).await;
    let asking = Operator::connect(&gateway).await;
    let ask = asking.call("exec.approval.request", json!({"id": "q", "command": "ls", "timeoutMs": 60_000}));
    let sleeping = async {
        requested(&mut approver).await;
        // As after a sleep of the host: no timer has moved.
        clock.advance_ms(60_000);
        let late =
            approver.refused("exec.approval.resolve", json!({"id": "q", "decision": "allow-once"})).await;
        resolved(&mut approver, "q").await;
        late
    };
    let (answer, late) = tokio::join!(ask, sleeping);
    assert_eq!(answer["decision"], Value::Null, "{late}");
    let ended = kept(&approver, "q").await;
    assert_eq!((&ended["status"], &ended["reason"]), (&json!("expired"), &json!("timeout")));
    // Nobody has to try: the gateway looks at the clock itself.
    let ask = asking.call("exec.approval.request", json!({"id": "r", "command": "ls", "timeoutMs": 60_000}));
    let sleeping = async {
        requested(&mut approver).await;
        clock.advance_ms(60_000);
        resolved(&mut approver, "r").await;
    };
    tokio::join!(ask, sleeping);
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_asked_says_one_thing_and_is_bounded() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    for (params, says) in [
        (json!({"command": "ls", "commandArgv": ["rm", "-rf", "/"]}), "is not the text of commandArgv"),
        (json!({"command": "ls", "id": "x".repeat(129)}), "at /id"),
        (json!({"command": "ls", "cwd": "x".repeat(4097)}), "at /cwd"),
        (json!({"command": "ls", "sessionKey": "x".repeat(4097)}), "at /sessionKey"),
        (
            json!({"command": "ls", "approvalReviewerDeviceIds": vec!["d"; 65]}),
            "at /approvalReviewerDeviceIds",
        ),
        (json!({"command": "ls", "env": {"A": 1}}), "at /env"),
        (json!({"command": "ls", "env": {"A": "x".repeat(16_001)}}), "display limit"),
        (json!({"commandArgv": vec!["x".repeat(1000); 200]}), "bytes together"),
    ] {
        let error = operator.refused("exec.approval.request", params).await;
        assert!(error.message.contains(says), "{error}");
    }
    assert!(pending(&operator).await.is_empty());

    let before = operator.call("exec.approvals.get", json!({})).await;
    let list = vec![json!({"pattern": "rg"}); 1001];
    let file = json!({"version": 1, "agents": {"main": {"allowlist": list}}});
    let error = operator.refused("exec.approvals.set", json!({"file": file})).await;
    assert!(
        error.message.contains("at /file/agents/main/allowlist: must not have more than 1000"),
        "{error}"
    );
    assert_eq!(operator.call("exec.approvals.get", json!({})).await, before);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn clients_that_ask_and_ask_leave_places_for_the_agents() {
    let bench = Bench::start(ALWAYS).await;
    let mut operator = bench.operator().await;
    let ask = json!({"command": "ls", "twoPhase": true, "requireDeliveryRoute": false});
    for _ in 0..128 {
        assert_eq!(operator.call("exec.approval.request", ask.clone()).await["status"], "accepted");
    }
    let error = operator.refused("exec.approval.request", ask).await;
    assert!(error.message.contains("128 approvals are pending"), "{error}");
    operator.send("a", &format!("TOOL:exec {}", json!({"command": "true"}))).await;
    let of_agent =
        |e: &client::EventFrame| e.event == "exec.approval.requested" && e.payload["request"]["runId"] == "a";
    let question = operator.events.next("the agent's question", of_agent).await;
    resolve(&operator, question["id"].as_str().unwrap(), "allow-once").await;
    assert_eq!(operator.wait_for("a").await["status"], "ok");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn one_of_two_equal_decisions_is_the_one_that_counts() {
    let bench = Bench::start("").await;
    let (one, two) = (bench.operator().await, bench.operator().await);
    let ask = json!({"id": "q", "command": "some-secret-plan", "twoPhase": true});
    one.call("exec.approval.request", ask).await;
    let decide = json!({"id": "q", "kind": "exec", "decision": "allow-once"});
    let (a, b) =
        tokio::join!(one.call("approval.resolve", decide.clone()), two.call("approval.resolve", decide));
    let applied = [&a, &b].iter().filter(|answer| answer["applied"] == true).count();
    assert_eq!(applied, 1, "{a} {b}");
    assert_eq!(
        (&a["approval"]["decision"], &b["approval"]["decision"]),
        (&json!("allow-once"), &json!("allow-once"))
    );

    let path = a["approval"]["urlPath"].as_str().unwrap();
    let page = get(bench.gateway.port(), path).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("openclaw approvals resolve"), "{page}");
    assert!(page.contains("frame-ancestors 'none'") && !page.contains("some-secret-plan"), "{page}");
    bench.gateway.stop().await;
}

/// The whole answer to a GET.
async fn get(port: u16, path: &str) -> String {
    let work = async {
        let mut tcp = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        answer
    };
    tokio::time::timeout(PATIENCE, work).await.expect("an answer")
}
