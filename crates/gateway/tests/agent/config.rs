//! The configuration, changed over the wire and on disk while the gateway runs.

use crate::flow::{self, BOT_TOKEN, Bench, Operator, PATIENCE, asked, gateway_at, reply, telegram};
use client::EventFrame;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TOKEN, TestGateway, TestOptions};
use tokio::task::JoinSet;

const REDACTED: &str = "__OPENCLAW_REDACTED__";
const STRANGER: i64 = 999;

fn file(gateway: &TestGateway) -> PathBuf {
    gateway.state_dir().join("openclaw.json")
}

fn text(gateway: &TestGateway) -> String {
    std::fs::read_to_string(file(gateway)).unwrap()
}

/// As editors do it: another file, renamed over the old one.
fn save(gateway: &TestGateway, text: &str) {
    let other = gateway.state_dir().join(".openclaw.json.swp");
    std::fs::write(&other, text).unwrap();
    std::fs::rename(other, file(gateway)).unwrap();
}

async fn hash(operator: &Operator) -> String {
    operator.call("config.get", json!({})).await["hash"].as_str().unwrap().to_owned()
}

async fn patch(operator: &Operator, patch: Value) -> Value {
    let base = hash(operator).await;
    operator.call("config.patch", json!({"raw": patch.to_string(), "baseHash": base})).await
}

/// Waits until the report on reloading fits; a `health` event follows each change of it.
async fn reported(operator: &mut Operator, what: &str, fits: impl Fn(&Value) -> bool) {
    loop {
        let report = operator.call("status", json!({})).await["configReload"].clone();
        if fits(&report) {
            return;
        }
        operator.events.next(what, |e: &EventFrame| e.event == "health").await;
    }
}

async fn agents(operator: &Operator) -> Vec<String> {
    let list = operator.call("agents.list", json!({})).await;
    list["agents"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_patch_is_written_with_the_comments_kept_and_applies_at_once() {
    let bench = Bench::start("/* mine */ later: { kept: true },").await;
    let operator = bench.operator().await;
    let answer = patch(&operator, json!({"agents": {"entries": {"main": {}, "ops": {"name": "Ops"}}}})).await;
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["changedPaths"], json!(["agents.entries.main", "agents.entries.ops.name"]));
    assert_eq!(
        (&answer["applied"], &answer["restart"]["required"]),
        (&answer["changedPaths"], &json!(false))
    );
    assert_eq!(answer["sentinel"]["payload"]["stats"]["requiresRestart"], false);
    assert_eq!(agents(&operator).await, ["main", "ops"]);
    let text = text(&bench.gateway);
    assert!(text.contains("/* mine */ later: { kept: true }"), "{text}");
    assert!(bench.gateway.state_dir().join("openclaw.json.bak").exists());
    let again = patch(&operator, json!({"agents": {"entries": {"ops": {"name": "Ops"}}}})).await;
    assert_eq!((&again["noop"], &again["changedPaths"]), (&json!(true), &json!([])));
    let now = operator.call("config.get", json!({})).await;
    assert_eq!((&now["hash"], &now["configRevisionHash"]), (&again["hash"], &now["appliedConfigHash"]));
}

#[tokio::test]
async fn whoever_changes_a_file_says_which_one_they_mean() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let before = text(&bench.gateway);
    let known = hash(&operator).await;
    let raw = json!({"logging": {"level": "debug"}}).to_string();
    for method in ["config.patch", "config.set", "config.apply"] {
        let refused = operator.refused(method, json!({"raw": raw})).await;
        assert!(refused.message.starts_with("config base hash required"), "{method}: {}", refused.message);
    }
    save(&bench.gateway, &format!("// another hand\n{before}"));
    let stale = operator.refused("config.patch", json!({"raw": raw, "baseHash": known})).await;
    assert!(
        stale.message.starts_with("config changed since last load; re-run config.get and retry"),
        "{}",
        stale.message
    );
    let now = hash(&operator).await;
    let details = stale.details.unwrap();
    assert_eq!((&details["baseHash"], &details["hash"]), (&json!(known), &json!(now)));
    assert_eq!(text(&bench.gateway), format!("// another hand\n{before}"));
    for (raw, want) in [("{ logging", "raw:1:"), ("[1]", "the config must be an object")] {
        let refused = operator.refused("config.patch", json!({"raw": raw, "baseHash": now})).await;
        assert!(refused.message.contains(want), "{raw}: {}", refused.message);
    }
    let wrong = json!({"raw": "{ gateway: { port: 'x' } }", "baseHash": now});
    let refused = operator.refused("config.patch", wrong).await;
    assert!(refused.message.starts_with("invalid config: gateway.port: "), "{}", refused.message);
    assert_eq!(refused.details.unwrap()["issues"][0]["path"], "gateway.port");
    // Nothing restarts here: nobody is left to believe that it will.
    for method in ["config.patch", "config.apply"] {
        let later = json!({"raw": raw, "baseHash": now, "restartDelayMs": 2000});
        let refused = operator.refused(method, later).await;
        assert!(refused.message.contains("at /restartDelayMs: is not supported"), "{}", refused.message);
    }
    assert_eq!(text(&bench.gateway), format!("// another hand\n{before}"));
}

#[tokio::test]
async fn secrets_go_out_as_a_placeholder_which_comes_back_as_the_secret() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let shown = operator.call("config.get", json!({})).await;
    assert!(!shown.to_string().contains(TOKEN), "{shown}");
    assert_eq!(shown["config"]["gateway"]["auth"]["token"], REDACTED);
    let mut whole = shown["parsed"].clone();
    whole["messages"] = json!({"queue": {"mode": "collect"}});
    for method in ["config.set", "config.apply"] {
        whole["messages"]["queue"]["cap"] = json!(method.len());
        let base = hash(&operator).await;
        let answer = operator.call(method, json!({"raw": whole.to_string(), "baseHash": base})).await;
        assert!(!answer.to_string().contains(TOKEN), "{answer}");
        assert!(answer["changedPaths"].to_string().contains("messages.queue.cap"), "{answer}");
        assert!(text(&bench.gateway).contains(TOKEN) && !text(&bench.gateway).contains(REDACTED));
    }
    let base = hash(&operator).await;
    let before = text(&bench.gateway);
    let raw = json!({"gateway": {"remote": {"token": REDACTED}}}).to_string();
    let refused = operator.refused("config.patch", json!({"raw": raw, "baseHash": base})).await;
    assert!(refused.message.contains("gateway.remote.token"), "{}", refused.message);
    assert_eq!(text(&bench.gateway), before);
    // The gateway still lets the same operators in.
    Operator::connect(&bench.gateway).await;
}

#[tokio::test]
async fn only_administrators_change_the_configuration() {
    let bench = Bench::start("").await;
    let mut options = client::ConnectOptions::new(
        bench.gateway.url(),
        client::ClientDescription::new("cli", "cli", "1.0.0"),
    );
    options.token = Some(TOKEN.to_owned().into());
    options.scopes = vec!["operator.read".into(), "operator.write".into()];
    let reader = client::Connection::open(&options).await.expect("let in");
    for (method, params) in [
        ("config.set", json!({"raw": "{}"})),
        ("config.patch", json!({"raw": "{}"})),
        ("config.apply", json!({"raw": "{}"})),
        ("channels.start", json!({"channel": "telegram"})),
        ("channels.stop", json!({"channel": "telegram"})),
    ] {
        let refused = flow::refusal(reader.call(method, params, PATIENCE).await);
        assert_eq!(refused.message, "missing scope: operator.admin", "{method}");
    }
    let schema = reader.call("config.schema", json!({}), PATIENCE).await.expect("readers may ask");
    assert_eq!(schema["schema"]["properties"]["gateway"]["properties"]["port"]["type"], "integer");
    assert_eq!(schema["uiHints"]["gateway.auth.token"], json!({"sensitive": true}));
    let auth =
        reader.call("config.schema.lookup", json!({"path": "gateway.auth"}), PATIENCE).await.expect("found");
    assert_eq!((&auth["path"], &auth["reloadKind"]), (&json!("gateway.auth"), &json!("restart")));
    let token = auth["children"].as_array().unwrap().iter().find(|c| c["key"] == "token").unwrap().clone();
    assert_eq!((&token["path"], &token["hint"]), (&json!("gateway.auth.token"), &json!({"sensitive": true})));
    let unknown =
        flow::refusal(reader.call("config.schema.lookup", json!({"path": "no.such"}), PATIENCE).await);
    assert_eq!(unknown.message, "config schema path not found");
}

#[tokio::test]
async fn a_file_that_is_saved_is_taken_up_and_one_that_is_broken_is_not() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let before = text(&bench.gateway);
    let with_agents = before.replace("agents: {", "agents: { entries: { main: {}, night: {} },");
    save(&bench.gateway, &with_agents);
    reported(&mut operator, "reload", |r| r["appliedAtMs"].is_i64()).await;
    assert_eq!(agents(&operator).await, ["main", "night"]);

    let broken = with_agents.replace("{ main: {}", "{\n  main: { workspace: 7 }");
    let line = 1 + broken.lines().position(|line| line.contains("workspace: 7")).unwrap();
    save(&bench.gateway, &broken);
    reported(&mut operator, "problem", |r| r["ok"] == false).await;
    let status = operator.call("status", json!({})).await["configReload"].clone();
    let place = format!("{}:{line}:22: agents.entries.main.workspace", file(&bench.gateway).display());
    assert!(status["problem"].as_str().unwrap().contains(&place), "{status} {place}");
    assert_eq!(agents(&operator).await, ["main", "night"], "the last good one goes on");
    let shown = operator.call("config.get", json!({})).await;
    assert_eq!((&shown["valid"], &shown["issues"][0]["line"]), (&json!(false), &json!(line)));
    assert!(!shown.to_string().contains(TOKEN));

    std::fs::remove_file(file(&bench.gateway)).unwrap();
    reported(&mut operator, "gone", |r| r["problem"].as_str().is_some_and(|p| p.ends_with("is gone"))).await;
    assert_eq!(agents(&operator).await, ["main", "night"]);

    save(&bench.gateway, &before);
    reported(&mut operator, "recovery", |r| r["ok"] == true).await;
    assert_eq!(agents(&operator).await, ["main"]);
    assert_eq!(reply(&operator.agent("k1", "hello").await.unwrap()), "echo: hello");
}

#[tokio::test]
async fn an_included_file_that_is_saved_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let agents_file = dir.path().join("agents.json5");
    std::fs::write(&agents_file, "{ entries: { main: {} } }").unwrap();
    let config = format!(
        "{{ agents: {{ $include: './agents.json5' }}, gateway: {{ auth: {{ mode: 'token', token: '{TOKEN}' }} }} }}"
    );
    let gateway = gateway_at(dir.path(), config.clone()).await;
    let mut operator = Operator::connect(&gateway).await;
    std::fs::write(&agents_file, "{ entries: { main: {}, more: {} } }").unwrap();
    reported(&mut operator, "reload", |r| r["appliedAtMs"].is_i64()).await;
    assert_eq!(agents(&operator).await, ["main", "more"]);
    let shown = operator.call("config.get", json!({})).await;
    assert_eq!(shown["includedPaths"].as_array().unwrap().len(), 1);
    assert_eq!(shown["parsed"]["agents"], json!({"$include": "./agents.json5"}));
    assert_eq!(shown["config"]["agents"]["entries"], json!({"main": {}, "more": {}}));
    patch(&operator, json!({"agents": {"defaults": {"timeoutSeconds": 77}}})).await;
    assert!(text(&gateway).contains("$include: './agents.json5'"), "{}", text(&gateway));
    gateway.stop().await;
}

#[tokio::test]
async fn what_needs_another_start_is_said_and_does_not_happen() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let change = json!({"gateway": {"port": 1, "auth": {"token": "another-token-altogether"}}, "logging": {"level": "warn"}});
    let answer = patch(&operator, change).await;
    assert_eq!(answer["applied"], json!(["logging.level"]));
    assert_eq!(answer["restart"], json!({"required": true, "paths": ["gateway.auth.token", "gateway.port"]}));
    assert_eq!(answer["sentinel"]["payload"]["stats"]["requiresRestart"], true);
    let waiting = operator.call("status", json!({})).await["configReload"]["restartRequired"].clone();
    assert_eq!(waiting, json!(["gateway.auth.token", "gateway.port"]));
    Operator::connect(&bench.gateway).await;
    let back = json!({"gateway": {"port": null, "auth": {"token": TOKEN}}});
    patch(&operator, back).await;
    let waiting = operator.call("status", json!({})).await["configReload"]["restartRequired"].clone();
    assert_eq!(waiting, json!([]), "it is as it was at the start");
}

#[tokio::test]
async fn reload_mode_off_leaves_everything_to_the_next_start() {
    let model = FakeModel::start().await;
    let dir = tempfile::tempdir().unwrap();
    let config = testkit::gateway::config_with_model(&model.url(), "")
        .replace("gateway: {", "gateway: { reload: { mode: 'off' },");
    let gateway = gateway_at(dir.path(), config).await;
    let operator = Operator::connect(&gateway).await;
    let answer = patch(&operator, json!({"agents": {"entries": {"main": {}, "ops": {}}}})).await;
    assert_eq!((&answer["applied"], &answer["restart"]["required"]), (&json!([]), &json!(true)));
    assert_eq!(agents(&operator).await, ["main"]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_turn_goes_by_the_configuration_that_it_began_with() {
    let bench = Bench::start("").await;
    let other = FakeModel::start().await;
    let operator = bench.operator().await;
    let gate = bench.gateway.state_dir().join("gate");
    let wait = format!("while [ ! -e {} ]; do sleep 0.01; done", gate.display());
    let message = format!("TOOL:exec {}", json!({"command": wait}));
    let running = bench.operator().await;
    let mut turn = JoinSet::new();
    turn.spawn(async move { running.agent("slow", &message).await });
    bench.model.wait_for_requests(1).await;
    let change = json!({"models": {"providers": {"fake": {"baseUrl": other.url()}}}});
    assert_eq!(patch(&operator, change).await["applied"], json!(["models.providers.fake.baseUrl"]));
    std::fs::write(&gate, "").unwrap();
    turn.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(other.requests().len(), 0, "the turn stayed with its model");
    operator.agent("next", "hello").await.unwrap();
    let asked_of_other: Vec<String> = other.requests().iter().map(asked).collect();
    assert_eq!(asked_of_other.len(), 1);
    assert!(asked_of_other[0].contains("hello"), "{asked_of_other:?}");
}

#[tokio::test]
async fn who_may_speak_changes_without_a_restart_of_the_channel() {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let bench = Bench::start(&telegram(&fake, "dmPolicy: 'allowlist', allowFrom: [1],")).await;
    let operator = bench.operator().await;
    let started = |status: &Value| status["channels"]["telegram"]["lastStartAt"].clone();
    let before = operator.call("channels.status", json!({})).await;
    let answer = patch(&operator, json!({"channels": {"telegram": {"allowFrom": [1, STRANGER]}}})).await;
    assert_eq!(answer["applied"], json!(["channels.telegram.allowFrom"]));
    fake.push_text(STRANGER, STRANGER, "now?");
    let sent = fake.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_eq!((sent[0].chat_id, sent[0].plain.as_str()), (STRANGER, "echo: now?"));
    let after = operator.call("channels.status", json!({})).await;
    assert_eq!(started(&before), started(&after));
}

#[tokio::test]
async fn a_stopped_channel_receives_nothing_until_it_is_started() {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let bench = Bench::start(&telegram(&fake, "dmPolicy: 'open', allowFrom: ['*'],")).await;
    let mut operator = bench.operator().await;
    fake.push_text(STRANGER, STRANGER, "one");
    fake.wait_for_sent(1, PATIENCE).await.unwrap();
    let stopped = operator.call("channels.stop", json!({"channel": "telegram"})).await;
    assert_eq!(stopped, json!({"channel": "telegram", "accountId": "default", "stopped": true}));
    let running =
        operator.call("channels.status", json!({})).await["channels"]["telegram"]["running"].clone();
    assert_eq!(running, false);
    // A change of its configuration does not start what an operator has stopped.
    patch(&operator, json!({"channels": {"telegram": {"pollTimeoutSeconds": 20}}})).await;
    let running =
        operator.call("channels.status", json!({})).await["channels"]["telegram"]["running"].clone();
    assert_eq!(running, false);
    fake.push_text(STRANGER, STRANGER, "two");
    let started = operator.call("channels.start", json!({"channel": "telegram"})).await;
    assert_eq!(started, json!({"channel": "telegram", "accountId": "default", "started": true}));
    let sent = fake.wait_for_sent(2, PATIENCE).await.unwrap();
    assert_eq!(sent[1].plain, "echo: two");
    for (params, want) in [
        (json!({"channel": "discord"}), "invalid channels.start channel"),
        (
            json!({"channel": "telegram", "accountId": "other"}),
            "unknown account \"other\"; there are: default",
        ),
    ] {
        assert_eq!(operator.refused("channels.start", params).await.message, want);
    }
    // Taken out of the configuration, it is gone; put back, it receives again.
    let section = json!({"channels": {"telegram": {"enabled": false}}});
    patch(&operator, section).await;
    operator
        .events
        .next("the channel is gone", |e| e.event == "health" && e.payload["channels"] == json!({}))
        .await;
    fake.push_text(STRANGER, STRANGER, "three");
    patch(&operator, json!({"channels": {"telegram": {"enabled": true}}})).await;
    let sent = fake.wait_for_sent(3, PATIENCE).await.unwrap();
    assert_eq!(sent[2].plain, "echo: three");
}

#[tokio::test]
async fn the_demos_model_makes_way_for_the_first_one_that_is_configured_and_comes_back() {
    let model = FakeModel::start().await;
    let demo: Arc<dyn llm::Model> = Arc::new(llm::DemoModel::with_clock(Arc::new(model::SystemClock)));
    let gateway = TestGateway::with(TestOptions { model: Some(demo), ..TestOptions::default() }).await;
    let operator = Operator::connect(&gateway).await;
    let answered = |answer: Value| answer["result"]["meta"]["agentMeta"]["provider"].clone();
    assert_eq!(answered(operator.agent("k1", "hello").await.unwrap()), "demo");
    let fake = json!({"baseUrl": model.url(), "apiKey": "none", "api": "openai-completions", "models": [{"id": "m", "name": "M"}]});
    let primary = |name: Value| json!({"agents": {"defaults": {"model": {"primary": name}}}});
    let mut change = primary(json!("fake/m"));
    change["models"] = json!({"providers": {"fake": fake}});
    patch(&operator, change).await;
    let answer = operator.agent("k2", "hello").await.unwrap();
    assert_eq!((reply(&answer), answered(answer.clone())), ("echo: hello", json!("fake")));
    patch(&operator, primary(Value::Null)).await;
    assert_eq!(answered(operator.agent("k3", "hello").await.unwrap()), "demo");
}
