//! Every command that asks a gateway, against a running one of this build, with a node, a model and Telegram.

use crate::live::{self, Gateway, Node, PATIENCE, Program, TOKEN};
use crate::support::Home;
use crate::world::World;
use serde_json::{Value, json};

impl World {
    /// What the command prints, which must succeed.
    fn text(&self, args: &[&str]) -> String {
        let ran = self.gateway.run(&self.home, args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.out
    }
}

fn assert_all_in(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_and_health_show_the_whole_gateway() {
    let world = World::start().await;
    let _node = Node::start(&world.gateway, "box");
    world.telegram.push_text(7, 7, "let me in");
    world.telegram.wait_for_sent(1, PATIENCE).await.unwrap();

    assert_all_in(&world.text(&["health"]), &["gateway   ok", "Telegram"]);
    assert_eq!(world.text(&["health"]).lines().next(), world.text(&["gateway", "health"]).lines().next());
    assert_all_in(&world.text(&["gateway", "status"]), &["answers", env!("CARGO_PKG_VERSION"), "--port"]);
    let status = world.text(&["status"]);
    assert_all_in(&status, &["auth token", "local/some-model", "connected: box", "Telegram", "main"]);
    let deep = world.text(&["status", "--deep"]);
    assert_all_in(
        &deep,
        &["1 node (openclaw nodes pending)", "1 person (openclaw pairing list)", "health    ok"],
    );
    assert_all_in(&world.text(&["status", "--all"]), &["openclaw.json", "(this program)"]);

    let health = world.json(&["health"]);
    assert_eq!((&health["ok"], &health["defaultAgentId"]), (&json!(true), &json!("main")));
    assert_eq!(world.json(&["gateway", "call", "health"])["ok"], true);
    let status = world.json(&["status", "--deep"]);
    assert_eq!((&status["nodes"]["connected"], &status["waiting"]["people"]), (&json!(["box"]), &json!(1)));
    assert!(!status.to_string().contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_answers_and_its_sessions_are_listed() {
    let world = World::start().await;
    assert!(world.text(&["sessions"]).starts_with("no sessions yet"));
    assert_eq!(world.text(&["agent", "-m", "hello there"]).trim(), "echo: hello there");
    let answer = world.json(&["agent", "-m", "again", "--session-key", "work"]);
    assert_eq!(
        (&answer["status"], &answer["result"]["payloads"][0]["text"]),
        (&json!("ok"), &json!("echo: again"))
    );
    let expected = world.json(&[
        "gateway",
        "call",
        "agent",
        "--expect-final",
        "--params",
        r#"{"message":"third","idempotencyKey":"k-1"}"#,
    ]);
    assert_eq!(expected["result"]["payloads"][0]["text"], "echo: third");
    assert_eq!(world.model.request_count(), 3);

    assert_all_in(&world.text(&["sessions"]), &["agent:main:main", "agent:main:work", "some-model"]);
    let sessions = world.json(&["sessions", "list", "--limit", "1"]);
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);
    let id = sessions["sessions"][0]["sessionId"].as_str().unwrap().to_owned();
    assert_eq!(world.text(&["agent", "-m", "by id", "--session-id", &id]).trim(), "echo: by id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_approved_listed_described_and_called() {
    let world = World::start().await;
    let node = Node::start(&world.gateway, "box");
    let identity = node.home.run(&["node", "identity", "--json"]).json();
    let id = identity["deviceId"].as_str().unwrap();

    let invoke =
        ["nodes", "invoke", "--node", "box", "--command", "system.which", "--params", r#"{"bins":["sh"]}"#];
    let refused = world.gateway.run(&world.home, &invoke);
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
    assert_all_in(&refused.err, &["system.which", "openclaw nodes"]);

    assert_all_in(&world.text(&["nodes", "pending"]), &["box", "system.", "nodes approve REQUEST"]);
    let pending = world.json(&["nodes", "pending"]);
    assert_eq!(pending[0]["nodeId"], id);
    let request = pending[0]["requestId"].as_str().unwrap();
    assert_all_in(&world.text(&["nodes", "approve", request]), &["box may now be called with", "system.run"]);
    node.program
        .wait_for_json("the decision", |v| (v["type"] == "decided" && v["approved"] == true).then_some(()));
    assert_eq!(world.json(&["nodes", "pending"]), json!([]));

    assert_all_in(&world.text(&["nodes", "list"]), &["box", "connected", "approved"]);
    assert_all_in(
        &world.text(&["nodes", "describe", "--node", &id[..12]]),
        &["system.run.prepare", "approved"],
    );
    assert_eq!(world.json(&["nodes", "status"])["nodes"][0]["displayName"], "box");
    let called = world.json(&invoke);
    assert_eq!(
        (&called["ok"], &called["payload"]["bins"]["sh"]),
        (&json!(true), &json!("/usr/bin/sh")),
        "{called}"
    );
    let device = world.json(&["devices", "list"]);
    assert_eq!(device["paired"][0]["deviceId"], id, "{device}");

    assert_eq!(node.program.stop("-TERM"), Some(0));
    let gone = world.gateway.run(&world.home, &invoke);
    assert_eq!(gone.code, 1);
    assert_all_in(&gone.err, &["not connected", "openclaw node run"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_not_let_in_by_itself_waits_for_its_approval() {
    let world = World::start().await;
    let port = world.gateway.port.clone();
    assert_eq!(world.gateway.program.stop("-TERM"), Some(0));
    let file = world.home.state().join("openclaw.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let strict = r#"gateway: { nodes: { pairing: { autoApproveLocal: false } }, "#;
    std::fs::write(&file, text.replacen("gateway: { ", strict, 1)).unwrap();
    let gateway = Gateway::start_with(&world.home, &["--port", &port]);

    let node_home = Home::new();
    let mut command = node_home.command(&["node", "run", "--json", "--host", "127.0.0.1", "--port", &port]);
    command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN).env("PATH", live::PATH);
    let node = Program::start("node", command);
    let (request, told) = node.wait_for_json("its request", |v| {
        let text = |name: &str| v[name].as_str().map(str::to_owned);
        (v["type"] == "pairing-required").then(|| (text("requestId").unwrap(), text("command").unwrap()))
    });
    assert_eq!(told, format!("openclaw devices approve {request}"));
    let waiting = gateway.json(&world.home, &["devices", "list"]);
    assert_eq!(waiting["pending"][0]["requestId"], request.as_str(), "{waiting}");

    let preview = gateway.run(&world.home, &["devices", "approve", "--latest"]);
    assert!(preview.code == 1 && preview.err.contains(&told), "{}", preview.err);
    let approved = gateway.run(&world.home, &["devices", "approve", &request]);
    assert!(
        approved.code == 0 && approved.out.contains("openclaw nodes pending"),
        "{}{}",
        approved.out,
        approved.err
    );
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    let pending = gateway.json(&world.home, &["nodes", "pending"]);
    assert_eq!(pending.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_let_in_by_their_code_and_written_to() {
    let world = World::start().await;
    assert!(world.text(&["pairing", "list"]).starts_with("nobody is waiting"));
    world.telegram.push_text(7, 7, "let me in");
    world.telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    let waiting = world.json(&["pairing", "list", "telegram"]);
    let request = &waiting["requests"][0];
    assert_eq!((&request["channel"], &request["senderId"]), (&json!("telegram"), &json!("7")), "{waiting}");
    let code = request["requestId"].as_str().unwrap();
    assert_all_in(&world.text(&["pairing", "list"]), &[code, "user7", "pairing approve CHANNEL CODE"]);
    let wrong = world.gateway.run(&world.home, &["pairing", "approve", "telegram", "WRONGONE"]);
    assert_eq!(wrong.code, 1, "{}", wrong.err);
    let approved = world.json(&["pairing", "approve", code]);
    assert_eq!(approved["senderId"], "7", "{approved}");

    let before = world.telegram.sent().len();
    let sent = world.json(&[
        "message",
        "send",
        "--channel",
        "telegram",
        "--target",
        "7",
        "--message",
        "**hi** there",
    ]);
    assert!(sent["messageId"].is_string(), "{sent}");
    let all = world.telegram.wait_for_sent(before + 1, PATIENCE).await.unwrap();
    assert_eq!((all[before].chat_id, all[before].plain.as_str()), (7, "hi there"));
    let id = sent["messageId"].as_str().unwrap();
    let about =
        |args: &[&str]| world.json(&[&["message"], args, &["--target", "7", "--message-id", id]].concat());
    let now = || world.telegram.shown(7, id.parse().unwrap());
    assert_eq!(about(&["react", "--emoji", "👍"])["added"], "👍");
    about(&["edit", "--message", "bye"]);
    about(&["pin"]);
    let shown = now().unwrap();
    assert_eq!((shown.text.as_str(), shown.reaction.as_deref(), shown.pinned), ("bye", Some("👍"), true));
    about(&["react", "--remove"]);
    about(&["unpin"]);
    assert_eq!(now().map(|shown| (shown.reaction, shown.pinned)), Some((None, false)));
    assert_eq!(about(&["delete"])["deleted"], true);
    assert_eq!(now(), None);
    let poll = ["message", "poll", "--target", "7", "--poll-question", "Tea?", "--poll-option", "yes"];
    let asked = world.json(&[&poll[..], &["--poll-option", "no", "--poll-multi"]].concat());
    let poll_id = asked["messageId"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.telegram.shown(7, poll_id).unwrap().text, "Tea?");
    let one = world.gateway.run(&world.home, &poll);
    assert!(one.code != 0 && one.err.contains("2 to 12 options"), "{}", one.err);
    let unknown =
        world.gateway.run(&world.home, &["message", "send", "--channel", "irc", "--target", "7", "-m", "x"]);
    assert!(unknown.code == 1 && unknown.err.contains("telegram"), "{}", unknown.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_waits_for_the_platform_is_neither_sent_nor_failed() {
    let world = World::start().await;
    let busy = json!({"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 600}});
    world.telegram.know_chat(7);
    world.telegram.fail_next("sendMessage", 429, busy);
    let send = ["message", "send", "--target", "7", "--message", "are you there?"];
    let kept = world.gateway.run(&world.home, &send);
    assert_eq!(kept.code, 0, "{}{}", kept.out, kept.err);
    assert!(kept.out.contains("not sent yet") && !kept.out.contains("sent over"), "{}", kept.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_shown_to_people_and_to_programs() {
    let world = World::start().await;
    world.telegram.push_text(7, 7, "let me in");
    world.telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_all_in(&world.text(&["logs"]), &["INFO", "a stranger asks to be let in"]);
    let ran = world.gateway.run(&world.home, &["logs", "--json", "--limit", "500"]);
    let lines: Vec<Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["type"], "meta");
    assert!(lines.iter().skip(1).all(|l| l["type"] == "log"), "{}", ran.out);
    assert!(!ran.out.contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_running_gateway_read_is_what_config_get_shows() {
    let world = World::start().await;
    let local = world.home.run(&["config", "get", "agents.defaults.model.primary"]);
    assert_eq!((local.code, local.out.trim()), (0, "local/some-model"));
    let remote = world.json(&["gateway", "call", "config.get"]);
    assert_eq!(
        remote.pointer("/config/agents/defaults/model/primary"),
        Some(&json!("local/some-model")),
        "{remote}"
    );
    assert!(!remote.to_string().contains(TOKEN));
}
