//! The commands against what an OpenClaw gateway was recorded to answer.

use crate::recorded::{Recorded, TOKEN};
use crate::support::{Home, Ran};
use serde_json::{Value, json};

fn run(gateway: &Recorded, args: &[&str]) -> Ran {
    Home::new().run(&[args, &["--port", &gateway.port, "--token", TOKEN]].concat())
}

#[test]
fn every_listing_reads_what_openclaw_sends() {
    let gateway = Recorded::start(&[]);
    for (args, parts) in [
        (&["health"][..], &["gateway   ok", "Telegram: connected, polling", "main: 5 sessions"][..]),
        (&["gateway", "health"], &["gateway   ok"]),
        (&["gateway", "status"], &["answers", "2026.9.6", "10m", "--port"]),
        (&["status"], &["running 2026.9.6, up 10m, auth token", "fake/test-model", "connected: capnode"]),
        (&["sessions"], &["agent:main:main", "test-model"]),
        (&["sessions", "list"], &["agent:main:load-1"]),
        (&["nodes", "status"], &["capnode", "connected", "load 3.0/2"]),
        (&["nodes", "list"], &["a547b623-dd07-4e6d-af92-1c9632c66b14", "sample-node", "capnode"]),
        (&["nodes", "pending"], &["sample-node", "system.which, system.run", "nodes approve REQUEST"]),
        (&["nodes", "describe", "--node", "capnode"], &["system.run.prepare", "approved"]),
        (&["devices", "list"], &["0d490cc4-dbe1-455b-b19b-ed4304fec79f", "node", "openclaw-tui"]),
        (&["logs"], &["2026-11-21T01:56:06Z INFO  gateway: device paired device=25c7"]),
    ] {
        let ran = run(&gateway, args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        for part in parts {
            assert!(ran.out.contains(part), "{args:?}, {part}: {}", ran.out);
        }
    }
}

#[test]
fn json_is_the_payload_and_nothing_else() {
    let gateway = Recorded::start(&[]);
    for (args, pointer, value) in [
        (&["health", "--json"][..], "/defaultAgentId", json!("main")),
        (&["gateway", "call", "health"], "/defaultAgentId", json!("main")),
        (&["status", "--json"], "/nodes/connected/0", json!("capnode")),
        (&["nodes", "list", "--json"], "/pending/0/displayName", json!("sample-node")),
        (&["nodes", "pending", "--json"], "/0/displayName", json!("sample-node")),
        (&["devices", "list", "--json"], "/pending/0/role", json!("node")),
        (&["sessions", "--json"], "/count", json!(5)),
    ] {
        let ran = run(&gateway, args);
        assert_eq!((ran.code, ran.json().pointer(pointer)), (0, Some(&value)), "{args:?}: {}", ran.err);
        assert!(ran.err.is_empty(), "{args:?}: {}", ran.err);
    }
    let logs = run(&gateway, &["logs", "--json"]);
    let lines: Vec<Value> = logs.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((&lines[0]["type"], &lines[1]["type"]), (&json!("meta"), &json!("log")));
}

#[test]
fn a_command_asks_for_no_more_than_it_needs_and_comes_without_a_device() {
    let gateway = Recorded::start(&[]);
    for (args, scopes) in [
        (&["health"][..], json!(["operator.read"])),
        (&["status", "--deep"], json!(["operator.read", "operator.pairing"])),
        (&["agent", "-m", "hi"], json!(["operator.write"])),
        (&["devices", "list"], json!(["operator.pairing"])),
    ] {
        let before = gateway.asked("connect").len();
        run(&gateway, args);
        let connects = gateway.asked("connect");
        assert_eq!(connects.len(), before + 1, "{args:?}");
        let last = connects.last().unwrap();
        assert_eq!((&last["scopes"], last.get("device")), (&scopes, None), "{args:?}");
        assert_eq!((&last["client"]["id"], &last["client"]["mode"]), (&json!("cli"), &json!("cli")));
    }
}

#[test]
fn an_agents_turn_prints_the_answer_of_the_second_response() {
    let gateway = Recorded::start(&[]);
    let ran = run(&gateway, &["agent", "-m", "hi there", "--session-key", "work", "--timeout", "5"]);
    assert!(ran.code == 0 && ran.out.starts_with("Echo from fake model"), "{}{}", ran.out, ran.err);
    let asked = gateway.asked("agent").remove(0);
    assert_eq!((&asked["message"], &asked["sessionKey"]), (&json!("hi there"), &json!("work")));
    assert_eq!((&asked["deliver"], &asked["timeout"]), (&json!(false), &json!(5)));
    assert!(asked["idempotencyKey"].as_str().is_some_and(|k| k.len() == 36));
    let id = "3f3b7f1b-d31a-488b-95ca-e98c235f6541";
    assert_eq!(run(&gateway, &["agent", "-m", "x", "--session-id", id]).code, 0);
    assert_eq!(gateway.asked("agent").last().unwrap()["sessionKey"], "agent:main:main");
    assert_eq!(run(&gateway, &["agent", "-m", "x", "--session-id", "none"]).code, 1);
}

#[test]
fn a_node_is_called_by_its_name_with_the_parameters_given() {
    let answer = json!({"ok":true,"nodeId":"n","command":"system.which","payload":{"bins":{"ls":"/bin/ls"}}});
    let gateway = Recorded::start(&[("node.invoke", answer)]);
    let params = "{\"bins\":[\"ls\"]}";
    let line = [
        "nodes",
        "invoke",
        "--node",
        "capnode",
        "--command",
        "system.which",
        "--params",
        params,
        "--idempotency-key",
        "k",
    ];
    let ran = run(&gateway, &line);
    assert!(ran.code == 0 && ran.out.contains("/bin/ls"), "{}{}", ran.out, ran.err);
    let asked = gateway.asked("node.invoke").remove(0);
    assert_eq!(asked["nodeId"], "413d238400aed70f7587d8ae16d01dab7011ac275448e57f9d952e86f2e2d3b8");
    assert_eq!((&asked["params"], &asked["idempotencyKey"]), (&json!({"bins":["ls"]}), &json!("k")));
    assert_eq!(asked["timeoutMs"], 15_000);
}

#[test]
fn approving_a_node_comes_back_with_the_scopes_that_the_request_names() {
    let gateway = Recorded::start(&[("node.pair.approve", json!({"requestId":"r","node":{}}))]);
    let ran = run(&gateway, &["nodes", "approve", "a547b623-dd07-4e6d-af92-1c9632c66b14"]);
    assert!(ran.code == 0 && ran.out.contains("sample-node may now be called"), "{}{}", ran.out, ran.err);
    let scopes: Vec<Value> = gateway.asked("connect").iter().map(|c| c["scopes"].clone()).collect();
    assert_eq!(scopes, [json!(["operator.pairing"]), json!(["operator.pairing", "operator.admin"])]);
    let unknown = run(&gateway, &["nodes", "approve", "nope"]);
    assert!(unknown.code == 1 && unknown.err.contains("openclaw nodes pending"), "{}", unknown.err);
}

#[test]
fn approving_a_device_takes_its_exact_id() {
    let gateway = Recorded::start(&[("device.pair.approve", json!({"requestId":"r","device":{}}))]);
    let preview = run(&gateway, &["devices", "approve", "--latest"]);
    let command = "openclaw devices approve 0d490cc4-dbe1-455b-b19b-ed4304fec79f";
    assert!(preview.code == 1 && preview.err.contains(command), "{}", preview.err);
    assert!(gateway.asked("device.pair.approve").is_empty());
    let ran = run(&gateway, &["devices", "approve", "0d490cc4-dbe1-455b-b19b-ed4304fec79f"]);
    assert!(ran.code == 0 && ran.out.contains("openclaw nodes pending"), "{}{}", ran.out, ran.err);
}

#[test]
fn approving_more_for_a_device_shows_and_takes_what_it_has_already() {
    let pending = json!({"requestId":"r","deviceId":"d","displayName":"mac","role":"operator",
        "scopes":["operator.write"],"ts":1});
    let paired =
        json!({"deviceId":"d","displayName":"mac","roles":["operator"],"scopes":["operator.approvals"]});
    let other = json!({"deviceId":"e","roles":["operator"],"scopes":["operator.admin"]});
    let gateway = Recorded::start(&[
        ("device.pair.list", json!({"pending":[pending],"paired":[other, paired]})),
        ("device.pair.approve", json!({"requestId":"r","device":{}})),
    ]);
    let both = "operator.write (has operator.approvals)";
    assert!(run(&gateway, &["devices", "list"]).out.contains(both));
    let preview = run(&gateway, &["devices", "approve"]);
    assert!(preview.code == 1 && preview.err.contains(both), "{}", preview.err);
    let ran = run(&gateway, &["devices", "approve", "r"]);
    assert!(ran.code == 0 && ran.out.contains("and keeps operator.approvals"), "{}{}", ran.out, ran.err);
    let connects = gateway.asked("connect");
    let asked = json!(["operator.pairing", "operator.write", "operator.approvals"]);
    assert_eq!(connects.last().map(|connect| &connect["scopes"]), Some(&asked));
}

#[test]
fn people_are_listed_and_let_in_by_their_code() {
    let requests = json!({"accounts":[],"requests":[{"requestId":"AB12CD","channel":"telegram","channelLabel":"Telegram",
        "accountId":"default","senderId":"42","senderLabel":"Ada","createdAt":"2026-11-21T01:53:20Z",
        "lastSeenAt":"2026-11-21T01:53:20Z","expiresAt":"2026-11-21T02:53:20Z","notifySupported":true}],
        "commandOwnerConfigured":false,"limits":{"pendingPerAccount":3,"ttlMs":3_600_000}});
    let done = json!({"requestId":"AB12CD","senderId":"42","notification":"not-requested",
        "commandOwnerBootstrap":"not-requested"});
    let gateway = Recorded::start(&[("channels.pairing.list", requests), ("channels.pairing.approve", done)]);
    assert!(run(&gateway, &["pairing", "list", "telegram"]).out.contains("AB12CD"));
    for line in [&["pairing", "approve", "telegram", "AB12CD"][..], &["pairing", "approve", "AB12CD"]] {
        let ran = run(&gateway, line);
        assert!(ran.code == 0 && ran.out.contains("Ada may now speak"), "{line:?}: {}", ran.err);
        let asked = gateway.asked("channels.pairing.approve");
        assert_eq!(
            asked.last(),
            Some(&json!({"channel":"telegram","accountId":"default","requestId":"AB12CD","notify":false})),
            "{line:?}"
        );
    }
    assert_eq!(run(&gateway, &["pairing", "approve", "ZZ"]).code, 1);
}

#[test]
fn a_message_goes_to_its_target() {
    let gateway = Recorded::start(&[]);
    let ran = run(
        &gateway,
        &["message", "send", "--channel", "telegram", "--target", "-100777", "--message", "hi"],
    );
    assert!(ran.code == 0 && ran.out.contains("message 103"), "{}{}", ran.out, ran.err);
    let asked = gateway.asked("send").remove(0);
    assert_eq!(
        (&asked["to"], &asked["channel"], &asked["message"]),
        (&json!("-100777"), &json!("telegram"), &json!("hi"))
    );
}

#[test]
fn a_wrong_token_is_exit_code_4_and_says_where_tokens_come_from() {
    let gateway = Recorded::start(&[]);
    let ran = Home::new().run(&["health", "--port", &gateway.port, "--token", "wrong"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("token mismatch") && ran.err.contains("gateway.auth.token"), "{}", ran.err);
    assert!(!ran.err.contains("wrong"), "{}", ran.err);
}

#[test]
fn a_refused_call_is_exit_code_1_with_the_gateways_words() {
    let gateway = Recorded::start(&[]);
    let ran = run(&gateway, &["gateway", "call", "no.such"]);
    assert!(ran.code == 1 && ran.err.contains("unknown method: no.such"), "{}", ran.err);
    let json = run(&gateway, &["gateway", "call", "no.such", "--json"]).json();
    assert_eq!(json["error"]["code"], "INVALID_REQUEST");
}

#[test]
fn a_turn_that_is_refused_in_its_second_response_fails() {
    let error = json!({"error":{"code":"AGENT_TIMEOUT","message":"the agent did not finish in time"}});
    let gateway = Recorded::start(&[("agent", error)]);
    assert_eq!(run(&gateway, &["agent", "-m", "hi"]).code, 5);
}

#[test]
fn a_gateway_that_wants_a_device_gets_one_with_its_signature() {
    let gateway = Recorded::wanting_a_device();
    let home = Home::new();
    let ran = home.run(&["health", "--port", &gateway.port, "--token", TOKEN]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let connects = gateway.asked("connect");
    assert_eq!(connects.len(), 2);
    assert!(connects[0].get("device").is_none() && connects[1]["device"]["signature"].is_string());
    assert!(home.state().join("identity/operator.json").exists());
}
