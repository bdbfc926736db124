//! The commands that ask a gateway, against one with a node, a model and Telegram: first while there is nothing, then with
//! one of everything.

use crate::book::{Book, Scene};
use crate::live::{self, Gateway, PATIENCE, Places, Program, TOKEN, config};
use crate::recorded::{self, Recorded};
use crate::support::Home;
use client::{ClientDescription, ConnectOptions, Connection};
use serde_json::json;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;

/// Every device waits for its approval.
const STRICT: &str = "gateway: { nodes: { pairing: { autoApproveLocal: false } }, ";
/// Strangers get a code.
const PAIRING: &str = r#"dmPolicy: "pairing", allowFrom: []"#;
/// Whoever is let in here.
const PERSON: &str = "7";

pub(crate) async fn run(book: &Book) {
    let (telegram, model) = (FakeTelegram::start("123:abc").await, FakeModel::start().await);
    let places = Places {
        model: &model.url(),
        api: "openai-completions",
        telegram: &telegram.url(),
        dm: PAIRING,
        more: "",
    };
    let home = Home::with_config(&config(&places).replacen("gateway: { ", STRICT, 1));
    book.know(home.path().to_str().unwrap(), "/home/me");
    let gateway = Gateway::start(&home);
    let scene = Scene { book, home: &home, gateway: Some(&gateway), vars: &[] };
    nothing_yet(&scene);
    people(&scene, &telegram).await;
    sessions(&scene);
    agents(&scene);
    jobs(&scene);
    let nodes = nodes(&scene);
    approvals(&scene, &url(&gateway)).await;
    devices(&scene, nodes);
    looks(&scene);
    joining(&scene);
}

fn url(gateway: &Gateway) -> String {
    format!("ws://127.0.0.1:{}", gateway.port)
}

fn nothing_yet(scene: &Scene) {
    for args in [
        &["sessions", "list"][..],
        &["sessions", "tail"],
        &["channels", "dead-letters", "list"],
        &["channels", "dead-letters", "resubmit", "17"],
        &["channels", "dead-letters", "drop", "17"],
        &["agents", "list"],
        &["pairing", "list"],
        &["nodes", "list"],
        &["nodes", "status"],
        &["nodes", "pending"],
        &["devices", "list"],
        &["cron", "status"],
        &["cron", "list"],
        &["cron", "runs"],
        &["approvals", "pending"],
        &["usage"],
        &["system", "heartbeat", "last"],
    ] {
        scene.shows_when("with nothing there yet", args);
    }
}

async fn people(scene: &Scene<'_>, telegram: &FakeTelegram) {
    telegram.push_text(7, 7, "let me in");
    telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    let waiting = scene.json(&["pairing", "list"]);
    let code = waiting["requests"][0]["requestId"].as_str().unwrap();
    scene.book.know(code, "<pairing code>");
    scene.shows(&["pairing", "list"]);
    scene.shows(&["pairing", "approve", "telegram", "WRONGONE"]);
    scene.shows(&["pairing", "approve", "telegram", code]);
    let to = ["--channel", "telegram", "--target", PERSON];
    let sent = scene.json(&[&["message", "send"], &to[..], &["--message", "hello"]].concat());
    let id = sent["messageId"].as_str().unwrap();
    let about = [&to[..], &["--message-id", id]].concat();
    scene.shows(&[&["message", "send"], &to[..], &["--message", "how are you?"]].concat());
    scene.shows(&[&["message", "react"], &about[..], &["--emoji", "👍"]].concat());
    scene.shows(&[&["message", "edit"], &about[..], &["--message", "bye"]].concat());
    scene.shows(&[&["message", "pin"], &about[..]].concat());
    scene.shows(&[&["message", "unpin"], &about[..]].concat());
    scene.shows(&[&["message", "read"], &to[..], &["--limit", "2"]].concat());
    scene.shows(&[&["message", "delete"], &about[..]].concat());
    let both = ["--targets", PERSON, "-100", "--message", "back in an hour"];
    scene.shows(&[&["message", "broadcast"], &both[..]].concat());
    scene.shows(&[&["message", "broadcast"], &both[..], &["--dry-run"]].concat());
    let poll = ["--poll-question", "Lunch?", "--poll-option", "yes", "--poll-option", "no"];
    scene.shows(&[&["message", "poll"], &to[..], &poll].concat());
    scene.shows(&[&["message", "sticker", "send"], &to[..], &["--sticker-id", "CAACAgIAAxkBAAI"]].concat());
    scene.shows(&["message", "send", "--channel", "irc", "--target", "x", "--message", "hello"]);
}

fn sessions(scene: &Scene) {
    scene.shows(&["agent", "--message", "hello there"]);
    for text in ["one", "two", "three"] {
        scene.json(&["agent", "--session-key", "work", "--message", text]);
    }
    scene.json(&["gateway", "call", "sessions.create", "--params", r#"{"key":"old"}"#]);
    scene.shows(&["sessions", "list"]);
    scene.shows(&["sessions", "tail", "--session-key", "work", "--tail", "3"]);
    scene.shows(&["sessions", "compact", "agent:main:work", "--max-lines", "2"]);
    scene.shows(&["sessions", "archive", "agent:main:old", "agent:main:none", "--dry-run"]);
    scene.shows(&["sessions", "archive", "agent:main:old"]);
    scene.shows(&["sessions", "cleanup", "--dry-run"]);
    scene.shows(&["sessions", "cleanup", "--fix-missing"]);
    scene.shows(&["sessions", "delete", "agent:main:work"]);
    scene.shows(&["sessions", "delete", "agent:main:work", "--yes"]);
    for args in [&["usage", "--days", "2"][..], &["gateway", "usage-cost", "--days", "2", "--all-agents"]] {
        scene.shows(args);
    }
}

fn agents(scene: &Scene) {
    scene.shows(&["agents", "add", "writer", "--emoji", "✏️"]);
    scene.shows(&["agents", "list"]);
    scene.shows(&["agents", "set-identity", "--agent", "writer", "--name", "Ada", "--emoji", "🖋"]);
    scene.shows(&["agents", "delete", "writer"]);
    scene.shows(&["agents", "delete", "writer", "--force", "--keep-files"]);
}

fn jobs(scene: &Scene) {
    let often =
        ["cron", "add", "--name", "look", "--every", "10d", "--message", "what is new?", "--no-deliver"];
    scene.shows(&often);
    let daily = ["--cron", "0 8 * * *", "--tz", "Europe/Berlin", "--message", "the weather", "--no-deliver"];
    scene.json(&[&["cron", "add", "--name", "morning", "--disabled"], &daily[..]].concat());
    let jobs = scene.json(&["cron", "list", "--all"]);
    let id = |name: &str| {
        let job = jobs["jobs"].as_array().unwrap().iter().find(|job| job["name"] == name);
        job.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let ids = [id("look"), id("morning")];
    scene.shows(&["cron", "list", "--all"]);
    scene.shows(&["cron", "run", &ids[0], "--wait"]);
    scene.shows(&["cron", "runs", &ids[0]]);
    scene.shows(&["cron", "edit", &ids[1], "--cron", "0 9 * * *", "--timeout-seconds", "60"]);
    scene.shows(&["cron", "edit", &ids[1], "--webhook", "https://example.com"]);
    scene.shows(&["cron", "edit", &ids[1]]);
    scene.shows(&["cron", "disable", &ids[0]]);
    scene.shows(&["cron", "enable", &ids[0]]);
    scene.shows(&["cron", "status"]);
    scene.shows(&["cron", "get", &ids[1]]);
    scene.shows(&["cron", "rm", &ids[1]]);
    scene.shows(&["cron", "rm", "nothing"]);
    scene.shows(&["system", "event", "--text", "the backup is done"]);
    scene.shows(&["system", "heartbeat", "disable"]);
    scene.shows(&["system", "heartbeat", "enable"]);
}

/// A node that waits to be let in; its request.
fn waiting(scene: &Scene, name: &str) -> (Program, Home, String) {
    let home = Home::with_config(crate::browser::CONFIG);
    scene.book.know(home.path().to_str().unwrap(), &format!("/home/{name}"));
    let port = &scene.gateway.unwrap().port;
    let flags = ["--host", "127.0.0.1", "--port", port, "--display-name", name];
    let mut command = home.command(&[&["node", "run", "--json"], &flags[..]].concat());
    command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN).env("PATH", live::PATH);
    let node = Program::start(name, command);
    let request = node.wait_for_json("its request", |line| {
        (line["type"] == "pairing-required").then(|| line["requestId"].as_str().unwrap().to_owned())
    });
    (node, home, request)
}

/// The node `box`, approved, and the device of one that was not.
struct Nodes {
    program: Program,
    _home: Home,
    device: String,
}

fn nodes(scene: &Scene) -> Nodes {
    let (node, home, request) = waiting(scene, "box");
    let (other, _gone, unwanted) = waiting(scene, "stranger");
    other.kill();
    scene.shows(&["devices", "list"]);
    scene.shows(&["devices", "approve"]);
    scene.shows(&["devices", "approve", &request]);
    scene.shows(&["devices", "reject", &unwanted]);
    scene.shows(&["devices", "approve", "nothing"]);
    node.wait_for_json("a connection", |line| (line["type"] == "connected").then_some(()));
    let pending = scene.json(&["nodes", "pending"]);
    let request = pending[0]["requestId"].as_str().unwrap();
    let commands: Vec<&str> =
        pending[0]["commands"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    scene.book.know(&commands.join(", "), "<commands>");
    scene.shows(&["nodes", "list"]);
    scene.shows(&["nodes", "pending"]);
    scene.shows(&["nodes", "approve", request]);
    scene.shows(&["nodes", "reject", request]);
    node.wait_for_json("the decision", |line| (line["type"] == "decided").then_some(()));
    scene.shows(&["nodes", "list"]);
    scene.shows(&["nodes", "status"]);
    scene.shows(&["nodes", "describe", "--node", "box"]);
    scene.shows(&["nodes", "describe", "--node", "nowhere"]);
    scene.shows(&["system", "presence"]);
    let which = ["nodes", "invoke", "--node", "box", "--command", "system.which"];
    scene.shows(&[&which[..], &["--params", r#"{"bins":["sh"]}"#]].concat());
    let devices: [&[&str]; 6] = [
        &["camera", "list"],
        &["camera", "snap"],
        &["camera", "clip"],
        &["screen", "record"],
        &["location", "get"],
        &["notify", "--title", "Ping"],
    ];
    for device in devices {
        scene.shows_when("a computer has none of these", &[&["nodes"], device, &["--node", "box"]].concat());
    }
    crate::browser::run(scene);
    let device = pending[0]["nodeId"].as_str().unwrap().to_owned();
    Nodes { program: node, _home: home, device }
}

/// A command on the node asks before it runs, since somebody is there who may decide.
async fn approvals(scene: &Scene<'_>, url: &str) {
    let mut options = ConnectOptions::new(url.to_owned(), ClientDescription::new("cli", "cli", "0"));
    options.token = Some(TOKEN.into());
    options.role = "operator".into();
    options.scopes = vec!["operator.approvals".into()];
    let _approver = Connection::open(&options).await.unwrap();
    let document = "{ version: 1, defaults: { security: 'allowlist', ask: 'on-miss' } }";
    std::fs::write(scene.home.path().join("node.json5"), document).unwrap();
    scene.shows(&["approvals", "set", "--node", "box", "--file", "node.json5"]);
    scene.shows(&["approvals", "get", "--node", "box"]);
    scene.shows(&["approvals", "allowlist", "add", "--gateway", "/usr/bin/git"]);
    scene.shows(&["approvals", "get", "--gateway"]);
    scene.shows(&["approvals", "allowlist", "remove", "--gateway", "/usr/bin/git"]);
    let call = json!({"command": "touch /tmp/never-made", "host": "node", "node": "box"});
    let message = format!("TOOL:exec {call}");
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| scene.run(&["agent", "--message", &message, "--timeout", "120"]));
        let until = tokio::time::Instant::now() + PATIENCE;
        let id = loop {
            let pending = scene.json(&["approvals", "pending"]);
            if let Some(id) = pending["approvals"][0]["id"].as_str() {
                break id.to_owned();
            }
            // The command has a deadline of its own.
            assert!(!asking.is_finished() && tokio::time::Instant::now() < until, "nobody was asked");
        };
        scene.shows(&["approvals", "pending"]);
        scene.shows(&["approvals", "resolve", &id, "deny"]);
        scene.shows(&["approvals", "resolve", &id, "deny"]);
        asking.join().unwrap();
    });
}

fn devices(scene: &Scene, nodes: Nodes) {
    // It would come again, and ask to be let in.
    nodes.program.kill();
    let device = ["--device", nodes.device.as_str()];
    scene.shows(&["devices", "list"]);
    scene.shows(&[&["devices", "rename"], &device[..], &["--name", "the box"]].concat());
    scene.shows(&[&["devices", "rotate"], &device[..], &["--role", "node"]].concat());
    scene.shows(&["nodes", "rename", "--node", "the box", "--name", "desk"]);
    scene.shows(&["nodes", "remove", "--node", "desk"]);
    scene.shows(&[&["devices", "revoke"], &device[..], &["--role", "node"]].concat());
    scene.shows(&["devices", "remove", nodes.device.as_str()]);
}

fn looks(scene: &Scene) {
    for args in [
        &["health"][..],
        &["health", "--verbose"],
        &["gateway", "health"],
        &["status"],
        &["status", "--deep"],
        &["status", "--all"],
        &["gateway", "status", "--require-rpc"],
        &["gateway", "probe"],
        &["gateway", "call", "models.list"],
        &["gateway", "call", "no.such"],
        &["channels", "status"],
        &["models", "list"],
        &["models", "status"],
        &["tasks", "list", "--status", "queued"],
        &["tasks", "show", "no-such"],
        &["tasks", "cancel", "no-such"],
        &["audit", "--run", "no-such"],
        &["plugins", "list"],
        &["update", "status"],
    ] {
        scene.shows(args);
    }
}

/// Of a gateway whose log is always the same.
pub(crate) fn logs(book: &Book) {
    let (recorded, home) = (Recorded::start(&[]), Home::new());
    let vars =
        [("OPENCLAW_GATEWAY_PORT", recorded.port.as_str()), ("OPENCLAW_GATEWAY_TOKEN", recorded::TOKEN)];
    Scene { book, home: &home, gateway: None, vars: &vars }.shows(&["logs"]);
}

fn joining(scene: &Scene) {
    let here = url(scene.gateway.unwrap());
    scene.shows(&["qr", "--public-url", &here, "--limited"]);
    scene.shows(&["qr", "--public-url", &here, "--node", "--setup-code-only"]);
    scene.shows(&["devices", "join-code", "--public-url", &here]);
    let made = scene.json(&["qr", "--public-url", &here, "--node"]);
    let laptop = Home::new();
    scene.book.know(laptop.path().to_str().unwrap(), "/home/laptop");
    let code = made["setupCode"].as_str().unwrap();
    let there = Scene { book: scene.book, home: &laptop, gateway: None, vars: &[] };
    there.shows(&["connect", code, "--pair-only", "--display-name", "laptop"]);
    there.shows(&["connect", code, "--pair-only"]);
}
