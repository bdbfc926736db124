//! The commands that ask one thing and show it: agents, models, channels, presence, and which gateway answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/live.rs"]
mod live;
mod support;

use live::{Gateway, Places, TOKEN, config};
use serde_json::{Value, json};
use support::{Home, free_port};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;

/// A gateway with a model and Telegram, and its home.
async fn world() -> (FakeTelegram, FakeModel, Home, Gateway) {
    let telegram = FakeTelegram::start("123:abc").await;
    let model = FakeModel::start().await;
    let (url, root) = (model.url(), telegram.url());
    let dm = r#"dmPolicy: "pairing", allowFrom: []"#;
    let places = Places { model: &url, api: "openai-completions", telegram: &root, dm, more: "" };
    let home = Home::with_config(&config(&places));
    let gateway = Gateway::start(&home);
    (telegram, model, home, gateway)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_models_channels_and_presence_are_listed() {
    let (_telegram, _model, home, gateway) = world().await;
    let agents = gateway.json(&home, &["agents", "list"]);
    assert_eq!((&agents[0]["id"], &agents[0]["isDefault"]), (&json!("main"), &json!(true)), "{agents}");
    let models = gateway.json(&home, &["models", "list"]);
    assert_eq!(models["models"][0]["id"], "some-model", "{models}");
    let channels = gateway.json(&home, &["channels", "status", "--probe"]);
    assert_eq!(channels["channels"]["telegram"]["configured"], true, "{channels}");
    let presence = gateway.json(&home, &["system", "presence"]);
    assert!(presence.as_array().is_some_and(|all| !all.is_empty()), "{presence}");
    let keys = gateway.json(&home, &["models", "status"]);
    assert_eq!(keys["providers"][0]["apiKey"], json!({"source": "config"}), "{keys}");
    assert_eq!(gateway.json(&home, &["plugins", "list"])["plugins"], json!([]));
    assert_eq!(gateway.json(&home, &["update", "status"])["updateAvailable"], json!(null));
    for (command, shown) in [
        (["agents", "list"], "main"),
        (["models", "list"], "local/some-model"),
        (["models", "status"], "the configuration"),
        (["plugins", "list"], "no plugins"),
        (["update", "status"], "knows of no newer version"),
        (["channels", "status"], "Telegram"),
        (["system", "presence"], "HOST"),
    ] {
        let ran = gateway.run(&home, &command);
        assert!(ran.code == 0 && ran.out.contains(shown), "{command:?}: {}{}", ran.out, ran.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_tells_every_gateway_that_could_be_meant() {
    let (_telegram, _model, home, gateway) = world().await;
    let here = gateway.json(&home, &["gateway", "probe"]);
    let target = &here["targets"][0];
    assert_eq!(
        (&here["ok"], &here["degraded"], &target["connect"]["rpcOk"]),
        (&json!(true), &json!(false), &json!(true))
    );
    assert_eq!(
        (&here["primaryTargetId"], &here["capability"]),
        (&json!("localLoopback"), &json!("read_only"))
    );
    assert!(!here.to_string().contains(TOKEN));
    let status = gateway.json(&home, &["gateway", "status", "--require-rpc"]);
    assert_eq!(status["rpc"]["ok"], true, "{status}");

    // From a home whose gateway is elsewhere: that one first, then this host's own, which is not there.
    let port = free_port();
    let remote = json!({"url": format!("ws://127.0.0.1:{}", gateway.port), "token": TOKEN});
    let laptop =
        json!({"gateway": {"mode": "remote", "port": port.parse::<u16>().unwrap(), "remote": remote}});
    let laptop = Home::with_config(&laptop.to_string());
    let both = laptop.run(&["gateway", "probe", "--json"]).json();
    let seen: Vec<(&Value, &Value)> =
        both["targets"].as_array().unwrap().iter().map(|t| (&t["id"], &t["connect"]["ok"])).collect();
    assert_eq!(seen, [(&json!("configRemote"), &json!(true)), (&json!("localLoopback"), &json!(false))]);

    // Nobody there at all.
    let lonely = Home::with_config(&format!("{{ gateway: {{ port: {} }} }}", free_port()));
    let ran = lonely.run(&["gateway", "probe"]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("localLoopback") && ran.err.contains("openclaw gateway run"),
        "{}{}",
        ran.out,
        ran.err
    );
    assert_eq!(lonely.run(&["gateway", "status", "--no-probe"]).code, 0);
}
