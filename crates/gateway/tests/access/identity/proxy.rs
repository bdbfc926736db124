//! `gateway.auth.mode: "trusted-proxy"`. The proxy is on this host, which `allowLoopback` allows.

use super::page;
use crate::support::ask::{Ask, Device};
use crate::support::{Raw, gateway_of};
use serde_json::{Value, json};
use testkit::gateway::TestGateway;

const PAGE: &str = "https://claw.example.com";

async fn gateway(proxy: &str, auth: &str) -> TestGateway {
    gateway_of(format!(
        r#"{{ gateway: {{ trustedProxies: ["127.0.0.1"], controlUi: {{ allowedOrigins: ["{PAGE}"] }},
            auth: {{ mode: "trusted-proxy", {auth} trustedProxy: {{ userHeader: "X-User", {proxy} }} }} }} }}"#
    ))
    .await
}

fn behind_proxy(ask: Ask, user: &str) -> Ask {
    ask.header("x-forwarded-for", "203.0.113.9").header("x-user", user)
}

fn scopes(raw: &Raw) -> Vec<String> {
    serde_json::from_value(raw.hello["auth"]["scopes"].clone()).unwrap()
}

async fn reason(gateway: &TestGateway, ask: &Ask) -> Value {
    Raw::refused(gateway.port(), ask).await.0["details"]["authReason"].clone()
}

#[tokio::test]
async fn a_users_name_goes_for_the_secret_and_the_device_is_still_asked_about() {
    let gateway = gateway(
        "allowLoopback: true, allowUsers: ['ann@example.com'], requiredHeaders: ['x-proof']",
        "password: 'for-this-host',",
    )
    .await;
    let ann = |number| behind_proxy(page(number, PAGE), "ann@example.com").header("x-proof", "1");
    let (refused, _) = Raw::refused(gateway.port(), &ann(1)).await;
    assert_eq!(
        (&refused["code"], &refused["details"]["code"]),
        (&json!("NOT_PAIRED"), &json!("PAIRING_REQUIRED"))
    );
    // The owner on this host proves the password, and approves.
    let owner = Ask::operator().auth(json!({"password": "for-this-host"}));
    let mut owner = Raw::connected(gateway.port(), &owner).await;
    let request = json!({"requestId": refused["details"]["requestId"]});
    owner.call("device.pair.approve", request).await;
    let ann = Raw::connected(gateway.port(), &ann(1)).await;
    assert_eq!(ann.hello["snapshot"]["authMode"], "trusted-proxy");
    assert!(scopes(&ann).contains(&"operator.admin".to_owned()));

    let wrong = [
        (
            behind_proxy(page(2, PAGE), "eve@example.com").header("x-proof", "1"),
            "trusted_proxy_user_not_allowed",
        ),
        (behind_proxy(page(2, PAGE), "ann@example.com"), "trusted_proxy_missing_header_x-proof"),
        (behind_proxy(page(2, PAGE), " ").header("x-proof", "1"), "trusted_proxy_user_missing"),
        // The password is for this host alone.
        (
            behind_proxy(page(2, PAGE), "eve@example.com")
                .header("x-proof", "1")
                .auth(json!({"password": "for-this-host"})),
            "trusted_proxy_user_not_allowed",
        ),
        // Without a proxy, the header is nobody's word.
        (
            page(2, PAGE)
                .header("x-user", "ann@example.com")
                .header("x-proof", "1")
                .auth(json!({"password": "wrong"})),
            "password_mismatch",
        ),
    ];
    for (ask, expected) in wrong {
        assert_eq!(reason(&gateway, &ask).await, expected);
    }
    // A header of the proxy's network, without the address of whom it forwards for, is turned away at the door.
    let nobody = [("x-forwarded-proto", "https".to_owned()), ("x-user", "ann@example.com".to_owned())];
    assert_eq!(Raw::upgrade(gateway.port(), &nobody).await.err(), Some(403));
    gateway.stop().await;
}

#[tokio::test]
async fn a_proxy_on_this_host_is_believed_only_where_that_was_allowed() {
    let gateway = gateway("", "").await;
    let ask = behind_proxy(page(1, PAGE), "ann@example.com");
    assert_eq!(reason(&gateway, &ask).await, "trusted_proxy_loopback_source");
    gateway.stop().await;
}

#[tokio::test]
async fn what_a_user_may_do_is_for_that_connection_and_the_proxy_may_narrow_it() {
    let gateway = gateway(
        "allowLoopback: true",
        "identityScopes: { 'Ann@example.com': ['operator.read', 'operator.write'] },",
    )
    .await;
    let without = |user: &str| Ask { device: None, ..behind_proxy(page(1, PAGE), user) };
    let ann = Raw::connected(gateway.port(), &without("ann@EXAMPLE.com")).await;
    assert_eq!(scopes(&ann), ["operator.read", "operator.write"]);
    let narrow = without("ann@example.com").header("x-openclaw-scopes", "operator.read");
    assert_eq!(scopes(&Raw::connected(gateway.port(), &narrow).await), ["operator.read"]);
    let other = Raw::connected(gateway.port(), &without("bob@example.com")).await;
    assert_eq!(scopes(&other), [] as [&str; 0], "what a page claims for itself is worth nothing");
    // A program that is no page needs a device.
    let program = behind_proxy(Ask::operator().auth(json!({})), "ann@example.com");
    assert_eq!(Raw::refused(gateway.port(), &program).await.0["details"]["code"], "DEVICE_IDENTITY_REQUIRED");
    gateway.stop().await;
}

#[tokio::test]
async fn whoever_came_in_by_name_is_closed_when_the_rules_change_and_comes_back_only_if_they_say_so() {
    let allowing = |users: &str| {
        format!(
            r#"{{ gateway: {{ trustedProxies: ["127.0.0.1"], controlUi: {{ allowedOrigins: ["{PAGE}"] }},
            auth: {{ mode: "trusted-proxy", password: "for-this-host",
              trustedProxy: {{ userHeader: "x-user", allowLoopback: true, allowUsers: {users} }} }} }} }}"#
        )
    };
    let gateway = gateway_of(allowing(r#"["ann", "bob"]"#)).await;
    let ask = |user: &str| Ask { device: None, ..behind_proxy(page(1, PAGE), user) };
    let mut ann = Raw::connected(gateway.port(), &ask("ann")).await;
    let bob = ask("bob");
    let mut bob_there = Raw::connected(gateway.port(), &bob).await;
    let owner = Ask::operator().auth(json!({"password": "for-this-host"}));
    let mut owner = Raw::connected(gateway.port(), &owner).await;
    std::fs::write(gateway.state_dir().join("openclaw.json"), allowing(r#"["bob"]"#)).unwrap();
    assert_eq!(ann.closed().await.0, 1012);
    assert_eq!(bob_there.closed().await.0, 1012);
    assert_eq!(reason(&gateway, &ask("ann")).await, "trusted_proxy_user_not_allowed");
    Raw::connected(gateway.port(), &bob).await;
    owner.assert_open().await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_device_that_an_operator_revoked_is_not_paired_again_by_a_name() {
    let gateway =
        gateway("allowLoopback: true, deviceAutoApprove: { enabled: true }", "password: 'for-this-host',")
            .await;
    let ask = behind_proxy(page(1, PAGE), "ann").scopes(&["operator.read"]);
    let mut ann = Raw::connected(gateway.port(), &ask).await;
    let owner = Ask::operator().auth(json!({"password": "for-this-host"}));
    let mut owner = Raw::connected(gateway.port(), &owner).await;
    owner.call("device.token.revoke", json!({"deviceId": Device::new(1).id(), "role": "operator"})).await;
    ann.closed().await;
    assert_eq!(Raw::refused(gateway.port(), &ask).await.0["details"]["code"], "PAIRING_REQUIRED");
    gateway.stop().await;
}

#[tokio::test]
async fn devices_are_paired_by_themselves_only_where_that_is_on_and_only_for_its_scopes() {
    let gateway = gateway("allowLoopback: true, deviceAutoApprove: { enabled: true }", "").await;
    let wants = |number, scopes: &[&str]| behind_proxy(page(number, PAGE), "ann@example.com").scopes(scopes);
    let raw = Raw::connected(gateway.port(), &wants(1, &["operator.read", "operator.admin"])).await;
    assert_eq!(scopes(&raw), ["operator.questions", "operator.read"], "never more than the list");
    let capped = wants(2, &["operator.read", "operator.write"]).header("x-openclaw-scopes", "operator.read");
    let raw = Raw::connected(gateway.port(), &capped).await;
    assert_eq!(scopes(&raw), ["operator.read"]);
    assert_eq!(raw.hello["auth"]["scopes"], json!(["operator.read"]));
    // It is the device that was paired, with what it got: its token gives no more without the proxy, either.
    let token = raw.hello["auth"]["deviceToken"].clone();
    let alone = page(2, "http://127.0.0.1").auth(json!({"deviceToken": token})).scopes(&["operator.write"]);
    assert_eq!(reason(&gateway, &alone).await, "scope_mismatch");
    let node = behind_proxy(Ask::node(Device::new(3), &[]).auth(json!({})), "ann@example.com");
    assert_eq!(Raw::refused(gateway.port(), &node).await.0["details"]["code"], "PAIRING_REQUIRED");
    gateway.stop().await;
}
