//! Commands that people are asked about, from the agent's call to the decision and what comes of it.

use super::world::{FRIEND, World};
use crate::flow::{Bench, MAIN, Operator, PATIENCE, reply};
use serde_json::{Value, json};
use std::path::Path;
use testkit::gateway::TestGateway;

const STRANGER: i64 = 999;
const ASK: &str = r#"tools: { exec: { mode: "ask" } },"#;
const ALWAYS: &str = r#"tools: { exec: { security: "full", ask: "always" } },"#;

/// What makes the fake model call `exec`.
fn exec(command: &str) -> String {
    format!("TOOL:exec {}", json!({"command": command}))
}

async fn requested(operator: &mut Operator) -> Value {
    operator.events.next("exec.approval.requested", |e| e.event == "exec.approval.requested").await
}

async fn resolved(operator: &mut Operator) -> Value {
    operator.events.next("exec.approval.resolved", |e| e.event == "exec.approval.resolved").await
}

/// Starts an agent's turn that wants a command, and gives the question.
async fn asked(operator: &mut Operator, run: &str, command: &str) -> Value {
    operator.send(run, &exec(command)).await;
    requested(operator).await
}

async fn document(operator: &Operator) -> Value {
    operator.call("exec.approvals.get", json!({})).await
}

/// Changes the gateway's document.
async fn set(operator: &Operator, file: Value) -> Value {
    let before = document(operator).await;
    operator.call("exec.approvals.set", json!({"file": file, "baseHash": before["hash"]})).await
}

fn marker(gateway: &TestGateway, name: &str) -> std::path::PathBuf {
    gateway.state_dir().join(name)
}

#[tokio::test]
async fn a_command_waits_for_the_decision_and_then_runs_or_does_not() {
    let bench = Bench::start(ALWAYS).await;
    let mut operator = bench.operator().await;
    operator.call("sessions.messages.subscribe", json!({"key": MAIN})).await;
    for (run, decision, runs) in [("a", "allow-once", true), ("b", "deny", false)] {
        let file = marker(&bench.gateway, run);
        let question = asked(&mut operator, run, &format!("touch {}", file.display())).await;
        let id = question["id"].as_str().unwrap().to_owned();
        assert_eq!(question["request"]["command"], format!("touch {}", file.display()));
        assert_eq!(question["request"]["allowedDecisions"], Value::Null, "what an agent asks names none");
        let event = operator.events.next("session.approval", |e| e.event == "session.approval").await;
        assert_eq!((&event["phase"], &event["sessionKey"]), (&json!("pending"), &json!(MAIN)));
        assert_eq!(event["approval"]["presentation"]["allowedDecisions"], json!(["allow-once", "deny"]));
        assert_eq!(operator.call("exec.approval.list", json!({})).await[0]["id"], id);
        assert!(!file.exists(), "it waits");

        let get = operator.call("exec.approval.get", json!({"id": &id[..8]})).await;
        assert_eq!(get["commandText"], question["request"]["command"]);
        let always =
            operator.refused("exec.approval.resolve", json!({"id": id, "decision": "allow-always"})).await;
        assert_eq!(always.details.unwrap()["reason"], "APPROVAL_ALLOW_ALWAYS_UNAVAILABLE");
        let resolve = json!({"id": id, "decision": decision});
        assert_eq!(operator.call("exec.approval.resolve", resolve.clone()).await, json!({"ok": true}));
        assert_eq!(resolved(&mut operator).await["decision"], decision);
        assert_eq!(operator.wait_for(run).await["status"], "ok");
        assert_eq!(file.exists(), runs, "{decision}");

        operator.call("exec.approval.resolve", resolve).await;
        let other = if runs { "deny" } else { "allow-once" };
        let late = operator.refused("exec.approval.resolve", json!({"id": id, "decision": other})).await;
        assert_eq!(late.details.unwrap()["reason"], "APPROVAL_ALREADY_RESOLVED");
        let waited = operator.call("exec.approval.waitDecision", json!({"id": id})).await;
        assert_eq!(waited["decision"], decision);
    }
    let history = operator.call("approval.history", json!({})).await;
    let statuses: Vec<&str> =
        history["items"].as_array().unwrap().iter().map(|i| i["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["denied", "allowed"]);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn allow_always_is_for_this_command_in_this_directory() {
    let bench = Bench::start(ASK).await;
    let mut operator = bench.operator().await;
    let question = asked(&mut operator, "a", "ls -d .").await;
    operator.call("exec.approval.resolve", json!({"id": question["id"], "decision": "allow-always"})).await;
    operator.wait_for("a").await;
    let after = document(&operator).await;
    let entry = &after["file"]["agents"]["main"]["allowlist"][0];
    assert_eq!(
        (&entry["source"], entry["pattern"].as_str().map(|p| p.ends_with("/ls"))),
        (&json!("allow-always"), Some(true))
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(after["path"].as_str().unwrap()).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);

    let again = operator.agent("b", &exec("ls -d .")).await.unwrap();
    assert!(reply(&again).contains('.'), "{again}");
    assert!(operator.call("exec.approval.list", json!({})).await.as_array().unwrap().is_empty());
    let question = asked(&mut operator, "c", "ls -d . ; ls -d /").await;
    operator.call("exec.approval.resolve", json!({"id": question["id"], "decision": "deny"})).await;
    operator.wait_for("c").await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_list_lets_through_what_it_names_and_the_rest_is_refused_without_asking() {
    let bench = Bench::start(r#"tools: { exec: { mode: "allowlist" } },"#).await;
    let operator = bench.operator().await;
    set(
        &operator,
        json!({"version": 1, "agents": {"*": {"allowlist": [{"pattern": "touch"}, {"pattern": "echo"}]}}}),
    )
    .await;
    let file = |name: &str| marker(&bench.gateway, name).display().to_string();
    for (name, command, runs) in [
        ("listed", format!("touch {}", file("listed")), true),
        ("chained", format!("echo a && touch {}", file("chained")), true),
        ("unlisted", format!("cp /dev/null {}", file("unlisted")), false),
        ("hidden", format!("echo $(cp /dev/null {})", file("hidden")), false),
        ("wrapped", format!("sh -c 'echo a; cp /dev/null {}'", file("wrapped")), false),
        ("prefixed", format!("X=1 touch {}", file("prefixed")), false),
        ("carried", format!("env touch {}", file("carried")), false),
    ] {
        operator.agent(name, &exec(&command)).await.unwrap();
        assert_eq!(marker(&bench.gateway, name).exists(), runs, "{command}");
    }
    let with_variable = json!({"command": format!("touch {}", file("variable")), "env": {"HOME": "/tmp"}});
    operator.agent("v", &format!("TOOL:exec {with_variable}")).await.unwrap();
    assert!(!marker(&bench.gateway, "variable").exists(), "a variable can change what a program does");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_stricter_of_configuration_and_document_holds_and_a_broken_document_allows_nothing() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let touch = |name: &str| exec(&format!("touch {}", marker(&bench.gateway, name).display()));
    operator.agent("a", &touch("a")).await.unwrap();
    assert!(marker(&bench.gateway, "a").exists(), "nothing is said: everything runs");
    let first = set(&operator, json!({"version": 1, "defaults": {"security": "deny"}})).await;
    assert_eq!(first["resolvedDefaults"]["security"], "deny");
    operator.agent("b", &touch("b")).await.unwrap();
    assert!(!marker(&bench.gateway, "b").exists());

    let wrong = json!({"version": 1, "defaults": {"security": "lax"}});
    let error =
        operator.refused("exec.approvals.set", json!({"file": wrong, "baseHash": first["hash"]})).await;
    assert!(error.message.contains("lax"), "{error}");
    let unknown = json!({"version": 1, "defaults": {"sekurity": "full"}});
    let error =
        operator.refused("exec.approvals.set", json!({"file": unknown, "baseHash": first["hash"]})).await;
    assert!(error.message.contains("/defaults/sekurity"), "{error}");
    let full = json!({"version": 1, "defaults": {"security": "full"}});
    for (params, says) in [
        (json!({"file": full}), "base hash required"),
        (json!({"file": full, "baseHash": "0"}), "changed since last load"),
    ] {
        let error = operator.refused("exec.approvals.set", params).await;
        assert!(error.message.contains(says), "{error}");
    }
    std::fs::write(first["path"].as_str().unwrap(), "{").unwrap();
    operator.agent("c", &touch("c")).await.unwrap();
    assert!(!marker(&bench.gateway, "c").exists());
    assert!(operator.refused("exec.approvals.get", json!({})).await.message.contains("exec-approvals.json"));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_aborted_run_takes_its_question_back() {
    let bench = Bench::start(ALWAYS).await;
    let mut operator = bench.operator().await;
    let file = marker(&bench.gateway, "a");
    let question = asked(&mut operator, "a", &format!("touch {}", file.display())).await;
    operator.call("chat.abort", json!({"sessionKey": MAIN})).await;
    resolved(&mut operator).await;
    let late = operator
        .refused("exec.approval.resolve", json!({"id": question["id"], "decision": "allow-once"}))
        .await;
    assert_eq!(late.message, "approval already resolved");
    let kept = operator.call("approval.get", json!({"id": question["id"]})).await;
    assert_eq!(
        (&kept["approval"]["status"], &kept["approval"]["reason"]),
        (&json!("cancelled"), &json!("run-aborted"))
    );
    assert!(!file.exists());
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_client_asks_in_two_phases_and_only_where_somebody_can_answer() {
    let bench = Bench::start("").await;
    let alone = bench.operator().await;
    let ask = json!({"command": "rm -rf /tmp/x", "cwd": "/", "host": "gateway", "agentId": "main", "sessionKey": MAIN});
    let answer = alone.call("exec.approval.request", ask.clone()).await;
    assert_eq!(answer["decision"], Value::Null, "nobody can be asked");
    let mut other = bench.operator().await;
    let two_phases = {
        let mut ask = ask.clone();
        ask["twoPhase"] = json!(true);
        ask["id"] = json!("mine");
        ask
    };
    let mut accepted = Value::Null;
    let asking = alone.connection.call_two_phase("exec.approval.request", two_phases, PATIENCE, |first| {
        accepted = first.clone();
    });
    let deciding = async {
        let question = requested(&mut other).await;
        assert_eq!(question["request"]["allowedDecisions"], json!(["allow-once", "allow-always", "deny"]));
        let again = other.refused("exec.approval.request", json!({"command": "ls", "id": "mine"})).await;
        assert!(again.message.contains("already pending"), "{again}");
        other.call("approval.resolve", json!({"id": "mine", "kind": "exec", "decision": "allow-once"})).await
    };
    let (answer, resolved) = tokio::join!(asking, deciding);
    assert_eq!((&resolved["applied"], &resolved["approval"]["status"]), (&json!(true), &json!("allowed")));
    assert_eq!(answer.unwrap()["decision"], "allow-once");
    assert_eq!(
        (&accepted["status"], &accepted["deliveryRoute"]),
        (&json!("accepted"), &json!("approval-client"))
    );
    let second =
        other.call("approval.resolve", json!({"id": "mine", "kind": "exec", "decision": "deny"})).await;
    assert_eq!((&second["applied"], &second["approval"]["decision"]), (&json!(false), &json!("allow-once")));

    let short = json!({"command": "ls", "timeoutMs": 1});
    assert_eq!(alone.call("exec.approval.request", short).await["decision"], Value::Null);
    for (params, says) in [
        (json!({}), "command is required"),
        (json!({"command": "ls", "host": "node"}), "nodeId is required"),
        (json!({"command": "ls", "host": "node", "nodeId": "n"}), "systemRunPlan is required"),
        (json!({"command": "x".repeat(20_000)}), "display limit"),
    ] {
        let error = alone.refused("exec.approval.request", params).await;
        assert!(error.message.contains(says), "{error}");
    }
    bench.gateway.stop().await;
}

/// A gateway with a chat, which asks before it runs anything.
async fn asking(world: &World, account: &str) -> TestGateway {
    world.start_as(account, ALWAYS).await
}

fn touch(path: &Path) -> String {
    exec(&format!("touch {}", path.display()))
}

/// The id that the chat was told.
fn told_id(prompt: &str) -> String {
    let after = prompt.split("/approve ").nth(1).unwrap_or_else(|| panic!("{prompt}"));
    after.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn the_chat_that_asked_decides() {
    let world = World::new().await;
    let gateway = asking(
        &world,
        &format!(
            r#"allowFrom: [{FRIEND}], groupPolicy: "open", groups: {{ "*": {{ requireMention: false }} }},"#
        ),
    )
    .await;
    let file = world.dir.path().join("ran");
    world.fake.push_text(FRIEND, FRIEND, &touch(&file));
    let prompt = world.sent(1).await.remove(0);
    assert!(prompt.contains("touch") && prompt.contains("allow-once|deny"), "{prompt}");
    let id = told_id(&prompt);
    // Another chat's session does not see it, and somebody whom nobody named decides nothing anywhere.
    world.fake.push_text(-1005, FRIEND, &format!("/approve {id} allow-once"));
    assert!(world.sent(2).await[1].contains("no approval"));
    world.fake.push_text(-1005, STRANGER, &format!("/approve {id} allow-once"));
    assert!(world.sent(3).await[2].contains("may not decide"));
    world.fake.push_text(FRIEND, FRIEND, "/approve what");
    assert!(world.sent(4).await[3].contains("/approve ID"));
    assert!(!file.exists());
    world.fake.push_text(FRIEND, FRIEND, &format!("/approve {id} allow-once"));
    let sent = world.sent(6).await;
    assert!(sent.iter().any(|s| s.contains("Allowed once")), "{sent:?}");
    assert!(file.exists());
    gateway.stop().await;
}

#[tokio::test]
async fn a_restart_ends_what_waits_and_says_that_it_did_not_run() {
    let world = World::new().await;
    let account = format!("allowFrom: [{FRIEND}],");
    let first = asking(&world, &account).await;
    let file = world.dir.path().join("ran");
    world.fake.push_text(FRIEND, FRIEND, &touch(&file));
    let id = told_id(&world.sent(1).await[0]);
    first.stop().await;
    let second = asking(&world, &account).await;
    let sent = world.sent(3).await;
    assert!(sent.iter().any(|s| s.contains("has ended") && s.contains(&id)), "{sent:?}");
    let told = world.model.requests().last().unwrap().to_string();
    assert!(told.contains("while this call waited for approval"), "{told}");
    let operator = Operator::connect(&second).await;
    assert!(operator.call("exec.approval.list", json!({})).await.as_array().unwrap().is_empty());
    world.fake.push_text(FRIEND, FRIEND, &format!("/approve {id} allow-once"));
    assert!(world.sent(4).await[3].contains("no approval"));
    assert!(!file.exists());
    second.stop().await;
}
