//! Agents that are made, changed and deleted over the wire.

use crate::flow::{Bench, Operator, PATIENCE, refusal, reply};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use testkit::gateway::TOKEN;
use tokio::task::JoinSet;

fn text(bench: &Bench) -> String {
    std::fs::read_to_string(bench.gateway.state_dir().join("openclaw.json")).unwrap()
}

async fn listed(operator: &Operator) -> Vec<Value> {
    operator.call("agents.list", json!({})).await["agents"].as_array().unwrap().clone()
}

async fn ids(operator: &Operator) -> Vec<String> {
    listed(operator).await.iter().map(|agent| agent["id"].as_str().unwrap().to_owned()).collect()
}

async fn session_keys(operator: &Operator) -> Vec<String> {
    let all = operator.call("sessions.list", json!({})).await;
    all["sessions"].as_array().unwrap().iter().map(|s| s["key"].as_str().unwrap().to_owned()).collect()
}

/// What lies in the trash, by name.
fn trash(bench: &Bench) -> Vec<PathBuf> {
    let Ok(dir) = std::fs::read_dir(bench.gateway.state_dir().join("trash")) else { return vec![] };
    dir.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn an_agent_is_made_with_its_workspace_and_answers_at_once() {
    let bench = Bench::start("/* mine */ later: { kept: true },").await;
    let operator = bench.operator().await;
    let made = operator.call("agents.create", json!({"name": " Night  Watch ", "emoji": "🌙"})).await;
    let work = bench.gateway.state_dir().join("workspace-night-watch");
    assert_eq!(
        made,
        json!({"ok": true, "agentId": "night-watch", "name": "Night Watch", "workspace": work.display().to_string()})
    );
    assert!(work.join("SOUL.md").exists(), "the workspace is there when the answer is");
    assert!(text(&bench).contains("/* mine */ later: { kept: true }"), "{}", text(&bench));
    let agents = listed(&operator).await;
    assert_eq!((&agents[0]["id"], &agents[1]["id"]), (&json!("main"), &json!("night-watch")));
    assert_eq!(agents[1]["identity"], json!({"name": "Night Watch", "emoji": "🌙"}));
    let default = operator.call("agents.list", json!({})).await["defaultId"].clone();
    assert_eq!(default, "main", "whoever was there stays the default");
    let turn = json!({"message": "hello", "agentId": "night-watch", "idempotencyKey": "n1"});
    assert_eq!(reply(&operator.agent_with(turn).await.unwrap()), "echo: hello");
}

#[tokio::test]
async fn values_change_and_null_takes_the_model_back() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let model = listed(&operator).await[0]["model"]["primary"].clone();
    let elsewhere = tempfile::tempdir().unwrap();
    let work = elsewhere.path().join("ops");
    let made = operator.call("agents.create", json!({"name": "ops", "model": model})).await;
    assert_eq!(made["model"], model);
    let change =
        json!({"agentId": "ops", "name": "Ops", "workspace": work, "avatar": "ops.png", "model": null});
    assert_eq!(operator.call("agents.update", change).await, json!({"ok": true, "agentId": "ops"}));
    let ops = listed(&operator).await[1].clone();
    assert_eq!((&ops["name"], &ops["workspace"]), (&json!("Ops"), &json!(work)));
    assert_eq!(ops["identity"]["avatar"], "ops.png");
    assert!(work.join("AGENTS.md").exists());
    let config = operator.call("config.get", json!({})).await["config"].clone();
    assert!(config["agents"]["entries"]["ops"].get("model").is_none(), "{config}");
    // The agent that no configuration names has a name from now on.
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.call("agents.update", json!({"agentId": "main", "name": "Ann"})).await;
    assert_eq!(
        (ids(&operator).await, &listed(&operator).await[0]["name"]),
        (vec!["main".into()], &json!("Ann"))
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_nothing_is_written() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.call("agents.create", json!({"name": "ops"})).await;
    let before = text(&bench);
    let file = bench.gateway.state_dir().join("openclaw.json");
    for (method, params, says) in [
        ("agents.create", json!({"name": "OPS"}), "agent \"ops\" already exists"),
        ("agents.create", json!({"name": "Main"}), "\"main\" is reserved"),
        ("agents.create", json!({"name": "🦞"}), "makes no id"),
        ("agents.create", json!({"name": "ünïcode"}), "makes no id"),
        ("agents.create", json!({"name": "a", "workspace": "here"}), "write it from / or ~ on"),
        ("agents.create", json!({"name": "a", "workspace": file}), "nothing was written"),
        ("agents.create", json!({"name": "a", "model": "fake/nothing"}), "not available"),
        ("agents.create", json!({"name": "a", "emoji": "x".repeat(33)}), "at /emoji"),
        ("agents.update", json!({"agentId": "nobody", "name": "x"}), "agent \"nobody\" not found"),
        ("agents.delete", json!({"agentId": "nobody"}), "agent \"nobody\" not found"),
        ("agents.delete", json!({"agentId": "../agents"}), "not found"),
        ("agents.delete", json!({"agentId": "main"}), "\"main\" cannot be deleted"),
    ] {
        let refused = operator.refused(method, params.clone()).await;
        assert!(refused.message.contains(says), "{method} {params}: {}", refused.message);
    }
    assert_eq!(text(&bench), before);
    assert_eq!(ids(&operator).await, ["main", "ops"]);
    let mut options = client::ConnectOptions::new(
        bench.gateway.url(),
        client::ClientDescription::new("cli", "cli", "1.0.0"),
    );
    options.token = Some(TOKEN.to_owned().into());
    options.scopes = vec!["operator.write".into()];
    let writer = client::Connection::open(&options).await.expect("let in");
    for (method, params) in [
        ("agents.create", json!({"name": "x"})),
        ("agents.update", json!({"agentId": "ops"})),
        ("agents.delete", json!({"agentId": "ops"})),
    ] {
        let refused = refusal(writer.call(method, params, PATIENCE).await);
        assert_eq!(refused.message, "missing scope: operator.admin", "{method}");
    }
}

#[tokio::test]
async fn a_deleted_agent_leaves_no_session_and_its_folders_are_in_the_trash() {
    let bench = Bench::start("bindings: [{ agentId: 'ops', match: { channel: 'telegram' } }],").await;
    let operator = bench.operator().await;
    operator.call("agents.create", json!({"name": "ops"})).await;
    let work = bench.gateway.state_dir().join("workspace-ops");
    std::fs::write(work.join("note"), "mine").unwrap();
    let turn = json!({"message": "the word is heliotrope", "agentId": "ops", "idempotencyKey": "o1"});
    operator.agent_with(turn).await.unwrap();
    operator.agent("m1", "hello").await.unwrap();
    for (name, agent) in [("rounds", "ops"), ("tea", "main")] {
        let job = json!({"name": name, "agentId": agent, "schedule": {"kind": "every", "everyMs": 3_600_000},
            "sessionTarget": "isolated", "wakeMode": "now", "payload": {"kind": "agentTurn", "message": name},
            "delivery": {"mode": "none"}});
        operator.call("cron.add", job).await;
    }
    // One turn that is under way when the agent goes.
    let running = bench.operator().await;
    let mut turns = JoinSet::new();
    turns.spawn(async move {
        let message = format!("TOOL:exec {}", json!({"command": "sleep 60"}));
        running.agent_with(json!({"message": message, "agentId": "ops", "sessionKey": "agent:ops:slow", "idempotencyKey": "o2"})).await
    });
    bench.model.wait_for_requests(3).await;

    let gone = operator.call("agents.delete", json!({"agentId": "ops"})).await;
    assert_eq!((&gone["removedBindings"], gone.get("purgeFailed")), (&json!(1), None), "{gone}");
    assert_eq!(gone["removed"][0], json!({"path": work.display().to_string(), "method": "trash"}), "{gone}");
    assert_eq!((&gone["removed"][1]["method"], &gone["failed"]), (&json!("missing"), &json!([])), "{gone}");
    // Its caller hears of the end: nothing goes on behind the agent's back.
    let ended = turns.join_next().await.unwrap().unwrap();
    assert!(!format!("{ended:?}").contains("\"status\":\"ok\""), "{ended:?}");
    assert!(!work.exists());
    let moved = trash(&bench);
    assert_eq!(moved.len(), 1, "{moved:?}");
    assert_eq!(std::fs::read_to_string(moved[0].join("note")).unwrap(), "mine");
    assert_eq!(ids(&operator).await, ["main"]);
    assert_eq!(session_keys(&operator).await, ["agent:main:main"]);
    let jobs = operator.call("cron.list", json!({"includeDisabled": true})).await["jobs"].clone();
    let mut left: Vec<_> = jobs.as_array().unwrap().iter().map(|job| job["name"].clone()).collect();
    left.retain(|name| *name != "heartbeat-main");
    assert_eq!(left, ["tea"], "{jobs}");
    let found = operator.call("sessions.search", json!({"query": "heliotrope"})).await;
    assert!(!found.to_string().contains("agent:ops"), "{found}");
    let after = json!({"message": "anyone?", "sessionKey": "agent:ops:main", "idempotencyKey": "o3"});
    let refused = refusal(operator.agent_with(after).await);
    assert!(refused.message.contains("unknown agent \"ops\""), "{}", refused.message);
    assert!(!text(&bench).contains("ops"), "{}", text(&bench));
}

#[tokio::test]
async fn folders_stay_where_that_is_asked_for_or_others_use_them() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let state = bench.gateway.state_dir().to_owned();
    operator.call("agents.create", json!({"name": "kept"})).await;
    let gone = operator.call("agents.delete", json!({"agentId": "kept", "deleteFiles": false})).await;
    assert_eq!((gone.get("removed"), gone.get("failed")), (None, None), "{gone}");
    assert!(state.join("workspace-kept/SOUL.md").exists());

    let shared: &Path = &state.join("workspace");
    for (name, place) in
        [("same", shared.to_owned()), ("inner", shared.join("inner")), ("around", state.clone())]
    {
        operator.call("agents.create", json!({"name": name, "workspace": place})).await;
        let gone = operator.call("agents.delete", json!({"agentId": name})).await;
        assert_eq!(gone["failed"][0]["path"], json!(place), "{gone}");
        assert!(gone["failed"][0]["reason"].as_str().unwrap().starts_with("kept: "), "{gone}");
        assert!(place.join("SOUL.md").exists(), "{name}");
    }
    assert!(trash(&bench).is_empty());
    assert_eq!(reply(&operator.agent("k1", "hello").await.unwrap()), "echo: hello");
}
