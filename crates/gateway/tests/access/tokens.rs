//! Device tokens, names, scopes and setup codes over the wire: who may change what, and what it does to those who are here.
use crate::support::ask::{Ask, Device};
use crate::support::logged::Logged;
use crate::support::{Raw, gateway_of, gateway_with, pass};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::gateway::{TestGateway, TestOptions};

/// No silent approval, so that what is approved is what was approved.
const ASKED_ABOUT: &str = "nodes: { pairing: { autoApproveLocal: false } },";

/// Asks, is approved, and connects: the ask that holds its token.
async fn paired(port: u16, owner: &mut Raw, ask: &Ask) -> Ask {
    let (error, _) = Raw::refused(port, ask).await;
    owner.call("device.pair.approve", json!({"requestId": error["details"]["requestId"]})).await;
    let connected = Raw::connected(port, ask).await;
    let token = connected.hello["auth"]["deviceToken"].clone();
    connected.leave().await;
    ask.clone().auth(json!({"deviceToken": token}))
}

fn operator(device: u8, scopes: &[&str]) -> Ask {
    Ask::operator().device(Device::new(device)).scopes(scopes)
}

fn token_of(ask: &Ask) -> Value {
    ask.params["auth"]["deviceToken"].clone()
}

#[tokio::test]
async fn a_device_manages_its_own_token_and_no_other() {
    let gateway = gateway_with(ASKED_ABOUT).await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let scopes = ["operator.read", "operator.pairing"];
    let (one, two) = (operator(1, &scopes), operator(2, &["operator.read"]));
    let one = paired(port, &mut owner, &one).await;
    paired(port, &mut owner, &two).await;
    paired(port, &mut owner, &Ask::node(Device::new(1), &[])).await;
    let mut first = Raw::connected(port, &one).await;
    let of = |device: u8, role: &str| json!({"deviceId": Device::new(device).id(), "role": role});
    for (params, reason) in [
        (of(2, "operator"), "device-ownership-mismatch"),
        (of(9, "operator"), "device-ownership-mismatch"),
        (of(1, "node"), "role-management-requires-admin"),
    ] {
        for (method, act) in [("device.token.rotate", "rotation"), ("device.token.revoke", "revocation")] {
            let error = first.fails(method, params.clone()).await;
            assert_eq!(error["code"], "INVALID_REQUEST");
            assert_eq!(
                error["details"],
                json!({"code": "DEVICE_TOKEN_DENIED", "reason": reason}),
                "{params}"
            );
            let message = error["message"].as_str().unwrap();
            assert!(message.starts_with(&format!("device token {act} denied")), "{message}");
        }
    }
    for (method, params) in [
        ("device.pair.remove", json!({"deviceId": Device::new(2).id()})),
        ("device.pair.rename", json!({"deviceId": Device::new(2).id(), "label": "mine now"})),
    ] {
        assert_eq!(
            first.fails(method, params).await["details"]["missingScope"],
            "operator.admin",
            "{method}"
        );
    }
    let listed = first.call("device.pair.list", json!({})).await;
    let ids: Vec<&Value> = listed["paired"].as_array().unwrap().iter().map(|d| &d["deviceId"]).collect();
    assert_eq!(ids, [&json!(Device::new(1).id())], "it sees itself");

    let rotated = first.call("device.token.rotate", of(1, "operator")).await;
    assert_eq!(rotated["tokenDelivery"], "in-band");
    assert_ne!(rotated["token"], token_of(&one));
    let new = one.clone().auth(json!({"deviceToken": rotated["token"]}));
    Raw::connected(port, &new).await.leave().await;
    Raw::refused(port, &one).await;
    let answer = first.call("device.token.revoke", of(1, "operator")).await;
    assert!(answer["revokedAtMs"].is_i64(), "the answer comes before the end: {answer}");
    assert_eq!(first.closed().await, (1008, "device token revoked".to_owned()));
    Raw::refused(port, &new).await;
}

#[tokio::test]
async fn a_rotation_gives_nobody_more_than_was_approved_or_than_the_caller_has() {
    let gateway = gateway_with(ASKED_ABOUT).await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let held = paired(port, &mut owner, &operator(1, &["operator.write", "operator.pairing"])).await;
    let mut device = Raw::connected(port, &held.clone().scopes(&["operator.pairing"])).await;
    let rotate =
        |scopes: &[&str]| json!({"deviceId": Device::new(1).id(), "role": "operator", "scopes": scopes});
    // Asked again and again, as an attacker would.
    for _ in 0..3 {
        for scopes in [&["operator.admin"][..], &["operator.write"], &["operator.pairing", "operator.admin"]]
        {
            let error = device.fails("device.token.rotate", rotate(scopes)).await;
            assert_eq!(error["details"]["reason"], "caller-missing-scope", "{scopes:?}");
        }
        let error = owner.fails("device.token.rotate", rotate(&["operator.admin"])).await;
        assert_eq!(error["details"]["reason"], "scope-outside-approved-baseline");
    }
    let narrowed = owner.call("device.token.rotate", rotate(&["operator.read"])).await;
    assert_eq!(narrowed["scopes"], json!(["operator.read"]));
    let (error, _) = Raw::refused(port, &held).await;
    assert_eq!(error["details"]["code"], "AUTH_SCOPE_MISMATCH", "the old one has the new limit at once");
    let read = Raw::connected(port, &held.clone().scopes(&["operator.read"])).await;
    let new = held.clone().auth(json!({"deviceToken": read.hello["auth"]["deviceToken"]}));
    Raw::connected(port, &new.clone().scopes(&["operator.read"])).await.leave().await;
    // One command brings it back to what was approved, and no further.
    owner.call("device.token.rotate", rotate(&["operator.write", "operator.pairing"])).await;
    Raw::connected(port, &new).await.leave().await;
}

#[tokio::test]
async fn a_revoked_node_is_gone_at_once_and_its_calls_with_it() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let ask = Ask::node(Device::new(1), &["system.which"]);
    let mut node = Raw::connected(port, &ask).await;
    let (_, requested) = owner.event(0, |e| e["event"] == "node.pair.requested").await;
    owner.call("node.pair.approve", json!({"requestId": requested["payload"]["requestId"]})).await;
    let node_id = Device::new(1).id();
    let call = json!({"nodeId": node_id, "command": "system.which", "params": {}, "idempotencyKey": "k"});
    let waiting = owner.request("node.invoke", call).await;
    node.invoked().await;
    owner.call("device.token.revoke", json!({"deviceId": node_id, "role": "node"})).await;
    assert_eq!(owner.response(&waiting).await["error"]["details"]["code"], "DISCONNECTED");
    assert_eq!(node.closed().await.0, 1008);
    let token = node.hello["auth"]["deviceToken"].clone();
    Raw::refused(port, &ask.clone().auth(json!({"token": token}))).await;
    let (error, _) = Raw::refused(port, &ask).await;
    assert_eq!(error["code"], "NOT_PAIRED", "the owner's secret is not enough any more: {error}");
    owner.call("device.token.rotate", json!({"deviceId": node_id, "role": "node"})).await;
    let again = Raw::connected(port, &ask).await;
    assert!(again.hello["auth"]["deviceToken"].is_string(), "one command restores it");
    Raw::refused(port, &ask.auth(json!({"token": token}))).await;
}

async fn revoke_operator(owner: &mut Raw, device: u8) {
    let of = json!({"deviceId": Device::new(device).id(), "role": "operator"});
    owner.call("device.token.revoke", of).await;
}

/// The operator's token of the only device.
async fn listed_token(owner: &mut Raw) -> Value {
    let listed = owner.call("device.pair.list", json!({})).await;
    let tokens = listed["paired"][0]["tokens"].as_array().unwrap();
    tokens.iter().find(|token| token["role"] == "operator").unwrap().clone()
}

#[tokio::test]
async fn a_revoked_token_comes_back_with_what_is_given_now_and_not_with_what_it_had() {
    let gateway = gateway_with(ASKED_ABOUT).await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let held = paired(port, &mut owner, &operator(1, &["operator.admin"])).await;
    revoke_operator(&mut owner, 1).await;
    Raw::refused(port, &held).await;
    let near = json!({"publicUrl": "ws://192.168.1.9:18789"});
    let made = owner.call("device.pair.setupCode", near).await;
    assert_eq!(made["access"], "limited");
    let code = json!({"bootstrapToken": decoded(&made["setupCode"])["bootstrapToken"]});
    let back = Raw::connected(port, &operator(1, &["operator.read"]).auth(code)).await;
    let limited = json!(["operator.approvals", "operator.read", "operator.talk.secrets", "operator.write"]);
    assert_eq!(listed_token(&mut owner).await["scopes"], limited);
    let token = json!({"deviceToken": back.hello["auth"]["deviceToken"]});
    let (error, _) = Raw::refused(port, &operator(1, &["operator.admin"]).auth(token.clone())).await;
    assert_eq!(error["details"]["code"], "AUTH_SCOPE_MISMATCH");
    Raw::connected(port, &operator(1, &["operator.write"]).auth(token)).await.leave().await;
}

/// The request that waits for this device and role.
async fn waiting(owner: &mut Raw, device: u8, role: &str) -> Value {
    let listed = owner.call("device.pair.list", json!({})).await;
    let id = Device::new(device).id();
    let pending = listed["pending"].as_array().unwrap();
    pending.iter().find(|r| r["deviceId"] == id && r["role"] == role).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_revoked_device_is_out_with_the_secret_too_until_somebody_decides_and_never_silently() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let first = Raw::connected(port, &operator(1, &["operator.write"])).await;
    assert!(first.hello["auth"]["deviceToken"].is_string());
    revoke_operator(&mut owner, 1).await;
    for wish in [&["operator.read"][..], &["operator.read", "operator.admin"], &["operator.read"]] {
        let (error, _) = Raw::refused(port, &operator(1, wish)).await;
        assert_eq!(error["code"], "NOT_PAIRED", "{wish:?}: {error}");
        assert_eq!(error["details"]["reason"], "not-paired", "{error}");
        assert_eq!(error["details"]["approvedRoles"], json!([]), "{error}");
        let request = waiting(&mut owner, 1, "operator").await;
        assert_eq!(error["details"]["requestId"], request["requestId"], "{error}");
        assert_eq!((&request["isRepair"], &request["scopes"]), (&json!(true), &json!(wish)));
    }
    // Another role is no way around, and the same goes for it.
    let node = Ask::node(Device::new(1), &["system.which"]);
    Raw::connected(port, &node).await.leave().await;
    let of_node = json!({"deviceId": Device::new(1).id(), "role": "node"});
    owner.call("device.token.revoke", of_node.clone()).await;
    let (error, _) = Raw::refused(port, &node).await;
    assert_eq!(error["details"]["reason"], "not-paired", "{error}");
    // One command for each: the request, or another token.
    let request = waiting(&mut owner, 1, "operator").await;
    owner.call("device.pair.approve", json!({"requestId": request["requestId"]})).await;
    let back = Raw::connected(port, &operator(1, &["operator.read"])).await;
    assert!(back.hello["auth"]["deviceToken"].is_string());
    let (error, _) = Raw::refused(port, &node).await;
    assert_eq!(error["details"]["reason"], "role-upgrade", "{error}");
    assert_eq!(error["details"]["approvedRoles"], json!(["operator"]), "{error}");
    owner.call("device.token.rotate", of_node).await;
    let back = Raw::connected(port, &node).await;
    assert!(back.hello["auth"]["deviceToken"].is_string());
    // What it was let in for before it was revoked is over.
    assert_eq!(listed_token(&mut owner).await["scopes"], json!(["operator.read"]));
}

#[tokio::test]
async fn a_name_given_by_the_owner_stays_whatever_the_device_calls_itself() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let id = Device::new(1).id();
    Raw::connected(port, &Ask::node(Device::new(1), &["system.which"])).await.leave().await;
    let named = owner.call("node.rename", json!({"nodeId": id, "displayName": "  Kitchen Mac "})).await;
    assert_eq!(named, json!({"nodeId": id, "displayName": "Kitchen Mac"}));
    let ask = Ask::node(Device::new(1), &["system.which"]).with("/client/displayName", json!("other"));
    let _node = Raw::connected(port, &ask).await;
    assert_eq!(owner.call("node.describe", json!({"nodeId": id})).await["displayName"], "Kitchen Mac");
    let listed = owner.call("device.pair.list", json!({})).await;
    assert_eq!(listed["paired"][0]["operatorLabel"], "Kitchen Mac");
    let label = json!({"deviceId": id, "label": "Cellar"});
    assert_eq!(owner.call("device.pair.rename", label.clone()).await, label);
    assert_eq!(owner.call("node.list", json!({})).await["nodes"][0]["displayName"], "Cellar");
    for (method, params) in [
        ("device.pair.rename", json!({"deviceId": id, "label": " "})),
        ("device.pair.rename", json!({"deviceId": id, "label": "x".repeat(65)})),
        ("device.pair.rename", json!({"deviceId": id, "label": "a\u{1b}[2J"})),
        ("device.pair.rename", json!({"deviceId": "nobody", "label": "x"})),
        ("node.rename", json!({"nodeId": "nobody", "displayName": "x"})),
    ] {
        assert_eq!(owner.fails(method, params.clone()).await["code"], "INVALID_REQUEST", "{params}");
    }
}

#[tokio::test]
async fn a_connected_device_asks_for_more_scopes_and_hears_the_decision() {
    let gateway = gateway_with(ASKED_ABOUT).await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let held = paired(port, &mut owner, &operator(1, &["operator.read"])).await;
    let mut device = Raw::connected(port, &held).await;
    let upgrade = "device.scopes.requestUpgrade";
    for (scopes, problem) in [
        (json!([]), "1 to 8"),
        (json!(["operator.nuke", "operator.read"]), "unknown operator scope"),
        (json!(["operator.pairing"]), "must include"),
        (json!(["operator.read"]), "approved already"),
    ] {
        let error = device.fails(upgrade, json!({"scopes": scopes})).await;
        assert!(error["message"].as_str().unwrap().contains(problem), "{error}");
    }
    let error = owner.fails(upgrade, json!({"scopes": ["operator.admin"]})).await;
    assert_eq!(error["details"]["code"], "DEVICE_IDENTITY_REQUIRED");

    let wish = json!({"scopes": ["operator.read", "operator.write"]});
    let asked = device.call(upgrade, wish.clone()).await;
    assert_eq!(device.call(upgrade, wish.clone()).await, asked, "the same wish keeps its id");
    let waiting = device.request("device.scopes.waitUpgrade", asked.clone()).await;
    owner.call("device.pair.reject", asked.clone()).await;
    let rejected = json!({"status": "rejected", "requestId": asked["requestId"]});
    assert_eq!(device.response(&waiting).await["payload"], rejected);

    let asked = device.call(upgrade, wish).await;
    let waiting = device.request("device.scopes.waitUpgrade", asked.clone()).await;
    owner.call("device.pair.approve", asked.clone()).await;
    let approved = device.response(&waiting).await["payload"].clone();
    assert_eq!((&approved["status"], &approved["requestId"]), (&json!("approved"), &asked["requestId"]));
    device.fails("agent.wait", json!({"runId": "x"})).await;
    let more = held
        .scopes(&["operator.read", "operator.write"])
        .auth(json!({"deviceToken": approved["deviceToken"]}));
    Raw::connected(port, &more).await.leave().await;
    let foreign = json!({"requestId": asked["requestId"]});
    let other = paired(port, &mut owner, &operator(2, &["operator.read"])).await;
    let mut other = Raw::connected(port, &other).await;
    let heard = other.call("device.scopes.waitUpgrade", foreign).await;
    assert_eq!(heard, json!({"status": "expired", "requestId": asked["requestId"]}), "and no token");
}

/// What is in a setup code.
fn decoded(code: &Value) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(code.as_str().unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn phone(device: u8, token: &Value) -> Ask {
    Ask::node(Device::new(device), &["system.which"]).auth(json!({"bootstrapToken": token}))
}

#[tokio::test]
async fn a_setup_code_that_is_guessed_at_a_thousand_times_is_locked_out_and_logged_once() {
    let (logged, _listening) = Logged::listen();
    let token = testkit::gateway::TOKEN;
    let auth =
        format!(r#"auth: {{ mode: "token", token: "{token}", rateLimit: {{ exemptLoopback: false }} }}"#);
    let gateway = gateway_of(format!("{{ gateway: {{ {auth} }} }}")).await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let near = json!({"publicUrl": "ws://192.168.1.9:18789"});
    let made = owner.call("device.pair.setupCode", near).await;
    let good = decoded(&made["setupCode"])["bootstrapToken"].clone();
    for n in 0..1000 {
        let (error, _) = Raw::refused(port, &phone(1, &json!(format!("guess-{n}")))).await;
        let expected = if n < 10 { "AUTH_BOOTSTRAP_TOKEN_INVALID" } else { "AUTH_RATE_LIMITED" };
        assert_eq!(error["details"]["code"], expected, "{n}: {error}");
    }
    let (error, _) = Raw::refused(port, &phone(1, &good)).await;
    assert_eq!(error["details"]["code"], "AUTH_RATE_LIMITED", "the right one is no other now");
    let lines = logged.lines();
    let told = lines.iter().filter(|line| line.contains("the address is locked out")).count();
    assert_eq!(told, 1, "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("guess-")), "{lines:?}");
    pass(Duration::from_secs(301)).await;
    Raw::connected(port, &phone(1, &good)).await.leave().await;
}

#[tokio::test]
async fn a_setup_code_lets_one_device_in_for_what_it_says_and_no_more() {
    let gateway = gateway_with(ASKED_ABOUT).await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let error = owner.fails("device.pair.setupCode", json!({})).await;
    assert_eq!(
        error["message"],
        "Gateway is only bound to loopback. Set gateway.bind=lan, enable tailscale serve, or configure plugins.entries.device-pair.config.publicUrl."
    );
    let near = json!({"publicUrl": "ws://192.168.1.9:18789"});
    let made = owner.call("device.pair.setupCode", near).await;
    assert_eq!((&made["access"], &made["accessDowngraded"]), (&json!("limited"), &json!(true)), "{made}");
    let code = decoded(&made["setupCode"]);
    assert_eq!(code["url"], made["gatewayUrl"]);
    let token = &code["bootstrapToken"];
    let status = json!({"setupId": made["setupId"]});
    assert_eq!(owner.call("device.pair.setupStatus", status.clone()).await, json!({}));

    // Nobody else's credential, role or scope goes with it.
    let (error, _) = Raw::refused(port, &phone(1, &json!("made-up"))).await;
    assert_eq!(error["details"]["code"], "AUTH_BOOTSTRAP_TOKEN_INVALID");
    let admin = operator(1, &["operator.admin"]).auth(json!({"bootstrapToken": token}));
    assert_eq!(Raw::refused(port, &admin).await.0["details"]["code"], "AUTH_SCOPE_MISMATCH");
    let bare = Ask { device: None, ..phone(1, token) };
    assert_eq!(Raw::refused(port, &bare).await.0["details"]["code"], "DEVICE_IDENTITY_REQUIRED");

    let mut first = Raw::connected(port, &phone(1, token)).await;
    let auth = first.hello["auth"].clone();
    assert_eq!(
        (&auth["method"], &auth["role"], &auth["scopes"]),
        (&json!("bootstrap-token"), &json!("node"), &json!([]))
    );
    let limited = ["operator.approvals", "operator.read", "operator.talk.secrets", "operator.write"];
    assert_eq!(auth["deviceTokens"][0]["scopes"], json!(limited));
    let (_, done) = owner.event(0, |e| e["event"] == "device.pair.setup.completed").await;
    assert_eq!(done["payload"]["deviceId"], Device::new(1).id());
    assert_eq!(owner.call("device.pair.setupStatus", status).await, json!({"completion": done["payload"]}));
    first.fails("node.event", json!({"event": "node.host.stats"})).await;
    assert_eq!(
        owner.call("node.pair.list", json!({})).await["paired"],
        json!([]),
        "its commands wait as always"
    );

    assert_eq!(
        Raw::refused(port, &phone(2, token)).await.0["details"]["code"],
        "AUTH_BOOTSTRAP_TOKEN_INVALID"
    );
    let again = Raw::connected(port, &phone(1, token)).await;
    assert_eq!(
        again.hello["auth"]["deviceToken"], auth["deviceToken"],
        "an answer that was lost comes again"
    );
    let with_token = phone(1, &Value::Null).auth(json!({"deviceToken": auth["deviceToken"]}));
    Raw::connected(port, &with_token).await.leave().await;
    Raw::refused(port, &phone(1, token)).await;
    let app = operator(1, &limited).auth(json!({"deviceToken": auth["deviceTokens"][0]["deviceToken"]}));
    Raw::connected(port, &app).await.leave().await;
}

#[tokio::test]
async fn a_setup_code_ends_with_its_time_and_asks_for_an_administrator() {
    let clock = std::sync::Arc::new(model::ManualClock::at(1_800_000_000_000));
    let config = format!(
        r#"{{ gateway: {{ {ASKED_ABOUT} auth: {{ mode: "token", token: "{}" }} }} }}"#,
        testkit::gateway::TOKEN
    );
    let options = TestOptions { config, clock: clock.clone(), ..TestOptions::default() };
    let gateway = TestGateway::with(options).await;
    let port = gateway.port();
    let mut lesser = Raw::connected(port, &Ask::operator().scopes(&["operator.pairing"])).await;
    let secure = json!({"publicUrl": "wss://gw.example.com", "bootstrapProfile": "node"});
    let error = lesser.fails("device.pair.setupCode", secure.clone()).await;
    assert_eq!(error["details"]["missingScope"], "operator.admin");
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let made = owner.call("device.pair.setupCode", secure.clone()).await;
    assert_eq!(made["access"], "node");
    let token = &decoded(&made["setupCode"])["bootstrapToken"];
    let as_operator = operator(1, &["operator.read"]).auth(json!({"bootstrapToken": token}));
    assert_eq!(Raw::refused(port, &as_operator).await.0["details"]["code"], "AUTH_SCOPE_MISMATCH");
    clock.advance_ms(600_000);
    Raw::refused(port, &phone(1, token)).await;
    let made = owner.call("device.pair.setupCode", secure).await;
    let node = Raw::connected(port, &phone(1, &decoded(&made["setupCode"])["bootstrapToken"])).await;
    assert_eq!(node.hello["auth"]["deviceTokens"], Value::Null);
    assert!(is_kept(&gateway, made["setupId"].as_str().unwrap()), "this is where codes are looked for");
    for secret in [token, &decoded(&made["setupCode"])["bootstrapToken"], &node.hello["auth"]["deviceToken"]]
    {
        assert!(!is_kept(&gateway, secret.as_str().unwrap()), "it is derived and not kept");
    }
}

/// Whether a text stands in the database, or in what is not written back to it yet.
fn is_kept(gateway: &TestGateway, text: &str) -> bool {
    let state = gateway.state_dir().join("state");
    ["gateway.sqlite", "gateway.sqlite-wal"].iter().any(|name| {
        let bytes = std::fs::read(state.join(name)).unwrap();
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    })
}
