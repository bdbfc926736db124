//! Who gets in and with what: credentials, scopes and requests, apart from the recorded life.

use super::ASKED_ABOUT;
use crate::support::ask::{Ask, Device};
use crate::support::{Raw, gateway_of, gateway_with, pass};
use serde_json::{Value, json};
use std::time::Duration;

/// A page of the gateway's own on this host.
fn page(port: u16, token: &str) -> Ask {
    Ask::operator().auth(json!({"token": token})).header("origin", &format!("http://127.0.0.1:{port}"))
}

#[tokio::test]
async fn guessing_in_a_browser_is_locked_out_and_programs_on_the_host_are_not() {
    let limit = "maxAttempts: 3, windowMs: 60000, lockoutMs: 300000";
    let token = testkit::gateway::TOKEN;
    let auth = format!(r#"auth: {{ mode: "token", token: "{token}", rateLimit: {{ {limit} }} }}"#);
    let gateway = gateway_of(format!("{{ gateway: {{ {auth} }} }}")).await;
    let port = gateway.port();
    for _ in 0..3 {
        let (error, _) = Raw::refused(port, &page(port, "wrong")).await;
        assert_eq!(error["details"]["code"], "AUTH_TOKEN_MISMATCH");
        // A program that gets in meanwhile does not start the count again.
        Raw::connected(port, &Ask::operator()).await.leave().await;
    }
    let (error, (code, reason)) = Raw::refused(port, &page(port, token)).await;
    assert_eq!(error["details"]["code"], "AUTH_RATE_LIMITED", "{error}");
    assert_eq!(error["details"]["recommendedNextStep"], "wait_then_retry");
    assert_eq!(error["retryable"], true);
    let left = error["retryAfterMs"].as_u64().unwrap();
    assert!((1..=300_000).contains(&left), "{left}");
    assert_eq!((code, reason.as_str()), (1008, error["message"].as_str().unwrap()));

    Raw::connected(port, &Ask::operator()).await.leave().await;
    let (error, _) = Raw::refused(port, &page(port, token)).await;
    assert_eq!(error["details"]["code"], "AUTH_RATE_LIMITED", "the program's success is not the page's");

    pass(Duration::from_millis(left + 1000)).await;
    Raw::connected(port, &page(port, token)).await.leave().await;
}

#[tokio::test]
async fn without_authentication_an_operator_on_this_host_needs_no_secret() {
    let gateway = gateway_of(r#"{ gateway: { auth: { mode: "none" } } }"#.into()).await;
    let anyone = Ask::operator().auth(json!({}));
    let operator = Raw::connected(gateway.port(), &anyone).await;
    assert_eq!(operator.hello["auth"]["method"], "none");
    assert_eq!(operator.hello["snapshot"]["authMode"], "none");
    let node = Ask { device: None, ..Ask::node(Device::new(1), &[]) }.auth(json!({}));
    let (error, _) = Raw::refused(gateway.port(), &node).await;
    assert_eq!(error["details"]["code"], "DEVICE_IDENTITY_REQUIRED");
}

#[tokio::test]
async fn a_password_opens_in_either_field_and_its_refusals_name_it() {
    let config = r#"{ gateway: { auth: { mode: "password", password: "open sesame, please" } } }"#;
    let gateway = gateway_of(config.into()).await;
    let port = gateway.port();
    let ask = Ask::operator;
    for auth in [json!({"password": "open sesame, please"}), json!({"token": "open sesame, please"})] {
        let operator = Raw::connected(port, &ask().auth(auth)).await;
        assert_eq!(operator.hello["auth"]["method"], "password");
    }
    let cases = [
        (ask().auth(json!({"password": "wrong"})), "AUTH_PASSWORD_MISMATCH", "password_mismatch"),
        (ask().device(Device::new(1)).auth(json!({})), "AUTH_PASSWORD_MISSING", "password_missing"),
    ];
    for (ask, code, reason) in cases {
        let (error, closed) = Raw::refused(port, &ask).await;
        assert_eq!(
            (&error["details"]["code"], &error["details"]["authReason"]),
            (&json!(code), &json!(reason))
        );
        assert_eq!(closed.0, 1008);
    }
}

#[tokio::test]
async fn a_scope_that_is_unknown_or_missing_grants_nothing() {
    let gateway = gateway_with("").await;
    let everything = [
        ("status", json!({}), "operator.read"),
        ("agent.wait", json!({"runId": "x"}), "operator.write"),
        ("node.pair.list", json!({}), "operator.pairing"),
        ("sessions.reset", json!({"key": "main"}), "operator.admin"),
    ];
    let cases: [(&[&str], &[&str]); 6] = [
        (&["operator.nuke"], &[]),
        (&["OPERATOR.ADMIN", "admin", "*", "operator.*"], &[]),
        (&[], &[]),
        (&["operator.read"], &["status"]),
        (&["operator.write"], &["status", "agent.wait"]),
        (&["operator.pairing"], &["node.pair.list"]),
    ];
    for (scopes, allowed) in cases {
        let mut operator = Raw::connected(gateway.port(), &Ask::operator().scopes(scopes)).await;
        for (method, params, scope) in &everything {
            let answer = operator.call_frame(method, params.clone()).await;
            let forbidden = json!({
                "code": "FORBIDDEN", "message": format!("missing scope: {scope}"),
                "details": {"code": "MISSING_SCOPE", "missingScope": scope, "requiredScopes": [scope]},
            });
            let is_forbidden = answer["error"] == forbidden;
            assert_eq!(is_forbidden, !allowed.contains(method), "{method} with {scopes:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn an_operator_gives_away_no_scope_that_it_lacks() {
    let gateway = gateway_with(ASKED_ABOUT).await;
    let port = gateway.port();
    let (error, _) = Raw::refused(port, &Ask::operator().device(Device::new(1))).await;
    let request = json!({"requestId": error["details"]["requestId"]});
    let mut lesser = Raw::connected(port, &Ask::operator().scopes(&["operator.pairing"])).await;
    let error = lesser.fails("device.pair.approve", request.clone()).await;
    assert_eq!((&error["code"], &error["details"]["code"]), (&json!("FORBIDDEN"), &json!("MISSING_SCOPE")));
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("device pairing approval denied: missing scope: "),
        "clients look for it: {message}"
    );
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    owner.call("device.pair.approve", request).await;

    let mut node =
        Raw::connected(port, &Ask::node(paired_node(port, &mut owner).await.0, &["system.run"])).await;
    node.assert_open().await;
    let request =
        json!({"requestId": owner.call("node.pair.list", json!({})).await["pending"][0]["requestId"]});
    let error = lesser.fails("node.pair.approve", request.clone()).await;
    assert_eq!(error["details"]["missingScope"], "operator.admin");
    owner.call("node.pair.approve", request).await;
}

/// A paired node's device and its token.
async fn paired_node(port: u16, owner: &mut Raw) -> (Device, String) {
    let ask = Ask::node(Device::new(7), &[]);
    let (error, _) = Raw::refused(port, &ask).await;
    owner.call("device.pair.approve", json!({"requestId": error["details"]["requestId"]})).await;
    let node = Raw::connected(port, &ask).await;
    let token = node.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
    node.leave().await;
    (Device::new(7), token)
}

#[tokio::test]
async fn a_device_token_works_for_its_own_key_and_role_alone() {
    let gateway = gateway_with(ASKED_ABOUT).await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let (device, token) = paired_node(port, &mut owner).await;
    for field in ["token", "deviceToken"] {
        let auth = json!({field: token});
        let node = Ask::node(device.clone(), &[]).auth(auth.clone());
        Raw::connected(port, &node).await.leave().await;
        let stolen = Ask::node(Device::new(8), &[]).auth(auth.clone());
        let as_operator =
            Ask::operator().device(device.clone()).scopes(&["operator.read"]).auth(auth.clone());
        let claimed =
            Ask::node(Device::new(8), &[]).auth(auth.clone()).forged(|p| p.id = Device::new(7).id());
        let both = claimed
            .clone()
            .forged(|p| (p.id, p.public_key) = (Device::new(7).id(), Device::new(7).public_key()));
        let bare = Ask { device: None, ..Ask::operator() }.auth(auth);
        for (what, ask, code) in [
            ("another key", stolen, None),
            ("another role", as_operator, None),
            ("its id with another key", claimed, Some("DEVICE_AUTH_DEVICE_ID_MISMATCH")),
            ("its id and key, signed by another", both, Some("DEVICE_AUTH_SIGNATURE_INVALID")),
            ("no device at all", bare, Some("")),
        ] {
            let (error, closed) = Raw::refused(port, &ask).await;
            let mismatch =
                if field == "token" { "AUTH_TOKEN_MISMATCH" } else { "AUTH_DEVICE_TOKEN_MISMATCH" };
            let bare_code = if field == "token" { mismatch } else { "DEVICE_IDENTITY_REQUIRED" };
            let code = code.map_or(mismatch, |c| if c.is_empty() { bare_code } else { c });
            assert_eq!(error["details"]["code"], code, "{what} in auth.{field}: {error}");
            assert_eq!(closed.0, 1008);
        }
    }
    assert_eq!(
        owner.call("device.pair.list", json!({})).await["pending"],
        json!([]),
        "and nobody is asked about it"
    );
}

#[tokio::test]
async fn a_request_keeps_its_id_until_another_thing_is_asked_for() {
    let gateway = gateway_with(ASKED_ABOUT).await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let ask = |scopes: &[&str]| Ask::operator().device(Device::new(1)).scopes(scopes);
    let id = async |ask: Ask| Raw::refused(port, &ask).await.0["details"]["requestId"].clone();
    let (read, same) = tokio::join!(id(ask(&["operator.read"])), id(ask(&["operator.read"])));
    assert!(read.is_string());
    assert_eq!(read, same, "at the same time");
    assert_eq!(read, id(ask(&["operator.read"])).await, "again");
    let both = id(ask(&["operator.read", "operator.write"])).await;
    assert_ne!(read, both, "more is asked for");
    assert_eq!(both, id(ask(&["operator.write", "operator.read"])).await, "in another order");

    let pending = owner.call("device.pair.list", json!({})).await["pending"].clone();
    assert_eq!(
        pending.as_array().map(Vec::len),
        Some(1),
        "the larger request took the smaller one's place: {pending}"
    );
    let error = owner.fails("device.pair.approve", json!({"requestId": read})).await;
    assert!(error["message"].as_str().unwrap().contains("unknown requestId"), "{error}");
    let announced: Vec<&Value> = owner
        .events
        .iter()
        .filter(|e| e["event"] == "device.pair.requested")
        .map(|e| &e["payload"]["requestId"])
        .collect();
    assert_eq!(announced, [&read, &both], "each is announced once");
}

#[tokio::test]
async fn a_node_that_declares_more_keeps_what_was_approved() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let mut owner = Raw::connected(port, &Ask::operator()).await;
    let pending = async |owner: &mut Raw| owner.call("node.pair.list", json!({})).await["pending"].clone();
    let first = Raw::connected(port, &Ask::node(Device::new(1), &["system.which"])).await;
    owner.event(0, |e| e["event"] == "node.pair.requested").await;
    let id = pending(&mut owner).await[0]["requestId"].clone();
    first.leave().await;
    let again = Raw::connected(port, &Ask::node(Device::new(1), &["system.which"])).await;
    let mut node = again;
    node.assert_open().await;
    assert_eq!(pending(&mut owner).await[0]["requestId"], id, "the same declaration is the same request");
    owner.call("node.pair.approve", json!({"requestId": id})).await;
    node.leave().await;

    let mut node = Raw::connected(port, &Ask::node(Device::new(1), &["system.which", "system.run"])).await;
    node.assert_open().await;
    assert_ne!(pending(&mut owner).await[0]["requestId"], id, "a larger one is a new request");
    let call = |command: &str| json!({"nodeId": Device::new(1).id(), "command": command, "params": {}, "idempotencyKey": command});
    let error = owner.fails("node.invoke", call("system.run")).await;
    assert_eq!(error["details"], json!({"reason": "command not approved", "command": "system.run"}));
    let waiting = owner.request("node.invoke", call("system.which")).await;
    let invoked = node.invoked().await;
    node.result(&invoked, &json!({"bins": {}})).await;
    assert_eq!(owner.response(&waiting).await["ok"], true);
}

#[tokio::test]
async fn a_node_is_paired_silently_from_where_nodes_are_expected_and_nobody_else_is() {
    let token = testkit::gateway::TOKEN;
    let gateway = gateway_of(format!(
        r#"{{ gateway: {{ auth: {{ mode: "token", token: "{token}" }}, trustedProxies: ["127.0.0.1"],
            nodes: {{ pairing: {{ autoApproveLocal: false, autoApproveCidrs: ["192.168.7.0/24", "127.0.0.0/8"] }} }} }} }}"#
    ))
    .await;
    let port = gateway.port();
    let from = |ask: Ask, ip: &str| ask.header("x-forwarded-for", ip);
    let node = |number: u8| Ask::node(Device::new(number), &["system.which"]);

    // What it offers is nobody's yet: that is approved apart.
    let paired = Raw::connected(port, &from(node(1), "192.168.7.9")).await;
    let pending = Raw::connected(port, &Ask::operator()).await.call("node.pair.list", json!({})).await;
    assert_eq!(pending["pending"][0]["nodeId"], Device::new(1).id().as_str(), "{pending}");
    paired.leave().await;

    let operator = Ask::operator().device(Device::new(4));
    let wrong = node(5).auth(json!({"token": "wrong"}));
    for (ask, ip, code) in [
        (node(2), "192.168.8.9", "PAIRING_REQUIRED"),
        (
            node(3).header("origin", "https://elsewhere.example"),
            "192.168.7.9",
            "CONTROL_UI_ORIGIN_NOT_ALLOWED",
        ),
        (operator, "192.168.7.9", "PAIRING_REQUIRED"),
        (wrong, "192.168.7.9", "AUTH_TOKEN_MISMATCH"),
    ] {
        let (error, _) = Raw::refused(port, &from(ask, ip)).await;
        assert_eq!(error["details"]["code"], code, "{ip}: {error}");
    }
    // The proxy itself is within a range, and that is not where those are for whom it speaks.
    let (error, _) = Raw::refused(port, &node(6).header("host", "127.0.0.2")).await;
    assert_eq!(error["details"]["code"], "PAIRING_REQUIRED", "{error}");
    gateway.stop().await;
}
