//! Tools and chat commands by RPC, and directories to pick from.

use crate::flow::{self, BOT_TOKEN, Bench, MAIN, PATIENCE};
use serde_json::{Value, json};
use testkit::fake_telegram::FakeTelegram;

fn names(payload: &Value) -> Vec<String> {
    let groups = payload["groups"].as_array().unwrap().iter();
    groups
        .flat_map(|g| g["tools"].as_array().unwrap())
        .map(|t| t["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_catalog_has_every_tool_and_an_agent_what_the_policy_leaves_it() {
    let bench = Bench::start(r#"tools: { deny: ["web_fetch", "exec"] },"#).await;
    let operator = bench.operator().await;
    let catalog = operator.call("tools.catalog", json!({})).await;
    let all = names(&catalog);
    assert!(all.contains(&"exec".to_owned()) && all.contains(&"web_fetch".to_owned()), "{all:?}");
    let effective = names(&operator.call("tools.effective", json!({"sessionKey": MAIN})).await);
    // Browsers are driven while a node has one.
    let left = all.into_iter().filter(|n| !["browser", "exec", "web_fetch"].contains(&n.as_str()));
    let mut left: Vec<String> = left.collect();
    let mut effective_sorted = effective;
    left.sort();
    effective_sorted.sort();
    assert_eq!(effective_sorted, left);
    operator.refused("tools.catalog", json!({"agentId": "nobody"})).await;
    let denied = operator.call("tools.invoke", json!({"name": "exec", "args": {"command": "true"}})).await;
    assert_eq!((&denied["ok"], &denied["error"]["code"]), (&json!(false), &json!("not_found")));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_call_of_a_tool_is_made_once_and_held_to_the_policy() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let log = bench.gateway.state_dir().join("log");
    let call = |key: &str| {
        let command = format!("echo once >> {}", log.display());
        json!({"name": "exec", "args": {"command": command}, "sessionKey": MAIN, "idempotencyKey": key})
    };
    let first = operator.call("tools.invoke", call("k")).await;
    assert_eq!(
        (&first["ok"], &first["toolName"], &first["output"]["details"]["exitCode"]),
        (&json!(true), &json!("exec"), &json!(0))
    );
    assert_eq!(operator.call("tools.invoke", call("k")).await, first);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "once\n");
    operator.call("tools.invoke", call("other")).await;
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "once\nonce\n");

    let wrong = operator.call("tools.invoke", json!({"name": "read", "args": {"path": "nowhere"}})).await;
    assert_eq!(wrong["error"]["code"], "internal_error");
    let before = operator.call("exec.approvals.get", json!({})).await;
    let deny = json!({"version": 1, "defaults": {"security": "deny"}});
    operator.call("exec.approvals.set", json!({"file": deny, "baseHash": before["hash"]})).await;
    let refused = operator.call("tools.invoke", call("third")).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("Not run"), "{refused}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_commands_that_are_listed_work_in_a_chat() {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let bench = Bench::start(&flow::telegram(&fake, "allowFrom: [777],")).await;
    let operator = bench.operator().await;
    let listed = operator.call("commands.list", json!({})).await;
    let listed: Vec<&Value> = listed["commands"].as_array().unwrap().iter().collect();
    assert!(listed.len() >= 6);
    for (n, command) in listed.iter().enumerate() {
        fake.push_text(777, 777, command["textAliases"][0].as_str().unwrap());
        fake.wait_for_sent(n + 1, PATIENCE).await.unwrap();
    }
    let sent: Vec<String> = fake.sent().into_iter().map(|s| s.plain).collect();
    for says in ["/approve ID", "Model: fake/test-model", "Nothing is under way", "new conversation"] {
        assert!(sent.iter().any(|s| s.contains(says)), "{says}: {sent:?}");
    }
    assert_eq!(bench.model.request_count(), 0, "no command is a message for the agent");
    fake.push_text(777, 777, "/unknown thing");
    let last = fake.wait_for_sent(listed.len() + 1, PATIENCE).await.unwrap().pop().unwrap();
    // `/usage` alone has answers say what they cost.
    assert!(last.plain.starts_with("echo: /unknown thing\n\nUsage: "), "{}", last.plain);
    assert!(
        operator.call("commands.list", json!({"scope": "native"})).await["commands"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_command_in_webchat_is_answered_like_a_message_and_begins_no_run() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    operator.send("c1", "/status").await;
    let answer = operator.events.chat("c1", "final").await;
    assert!(flow::text_of(&answer["message"]).contains("fake/test-model"), "{answer}");
    operator.agent("r", "hello").await.unwrap();
    operator.send("c2", "/new").await;
    operator.events.chat("c2", "final").await;
    assert!(operator.history().await.is_empty(), "a new conversation");
    assert_eq!(bench.model.request_count(), 1);
    let text = json!({"sessionKey": MAIN, "message": "/status", "idempotencyKey": "c3", "suppressCommandInterpretation": true});
    operator.call("chat.send", text).await;
    let answer = operator.events.chat("c3", "final").await;
    assert!(
        flow::text_of(&answer["message"]).starts_with("echo: "),
        "a message, where that is asked for: {answer}"
    );
    bench.gateway.stop().await;
}

#[tokio::test]
async fn directories_are_listed_within_what_may_be_seen() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let root = bench.gateway.state_dir().canonicalize().unwrap();
    for name in ["pick/b", "pick/a", "pick/.hidden"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    std::fs::write(root.join("pick/file"), "").unwrap();
    let path = root.join("pick").display().to_string();
    let listed = operator.call("fs.listDir", json!({"path": path})).await;
    let names: Vec<&str> =
        listed["entries"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", ".hidden"], "directories alone, hidden ones last");
    assert_eq!(
        (&listed["entries"][2]["hidden"], &listed["parent"]),
        (&json!(true), &json!(root.display().to_string()))
    );
    for (params, says) in
        [(json!({"path": "pick"}), "must be absolute"), (json!({"path": "/no/such"}), "/no/such")]
    {
        assert!(operator.refused("fs.listDir", params).await.message.contains(says));
    }
    assert_eq!(operator.refused("fs.listDir", json!({"nodeId": "n"})).await.message, "node not connected");

    let writer = operator_with(&bench, &["operator.write"]).await;
    let workspace = bench.gateway.state_dir().join("workspace").canonicalize().unwrap();
    std::fs::create_dir(workspace.join("inside")).unwrap();
    std::os::unix::fs::symlink(&root, workspace.join("out")).unwrap();
    let own = writer.call("fs.listDir", json!({}), PATIENCE).await.unwrap();
    let names: Vec<&str> =
        own["entries"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"inside") && !names.contains(&"out"), "{own}");
    assert_eq!(own.get("parent"), None, "nothing above it");
    let out = workspace.join("out").display().to_string();
    for params in [
        json!({"path": path}),
        json!({"path": out}),
        json!({"path": format!("{}/..", workspace.display())}),
        json!({"nodeId": "n"}),
    ] {
        let error = flow::refusal(writer.call("fs.listDir", params.clone(), PATIENCE).await);
        assert_eq!(error.details.unwrap()["missingScope"], "operator.admin", "{params}");
    }
    bench.gateway.stop().await;
}

async fn operator_with(bench: &Bench, scopes: &[&str]) -> client::Connection {
    let description = client::ClientDescription::new("cli", "cli", "1.0.0");
    let mut options = client::ConnectOptions::new(bench.gateway.url(), description);
    options.token = Some(testkit::gateway::TOKEN.to_owned().into());
    options.scopes = scopes.iter().map(|s| (*s).to_owned()).collect();
    client::Connection::open(&options).await.expect("the gateway lets the operator in")
}
