//! The commands that ask one thing and show it: agents, models, channels, presence, and which gateway answers.

use crate::live::{self, TOKEN};
use crate::support::{Home, free_port};
use crate::world::World;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_models_channels_and_presence_are_listed() {
    let World { telegram: _telegram, model: _model, home, gateway } = World::start().await;
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
    // What the log says of the platforms, and of nothing else.
    let said = gateway.json(&home, &["channels", "logs", "--channel", "telegram", "--lines", "5"]);
    let lines = said["lines"].as_array().unwrap();
    let of_channels = |line: &Value| {
        let target = line["target"].as_str().unwrap();
        target.starts_with("channels::") || target.starts_with("gateway::")
    };
    assert!(
        lines.len() <= 5 && lines.iter().all(of_channels) && !said.to_string().contains("workspace seeded")
    );
    for (command, shown) in [
        (["agents", "list"], "main"),
        (["models", "list"], "local/some-model"),
        (["models", "status"], "the configuration"),
        (["plugins", "list"], "no plugins"),
        (["update", "status"], "does not look for newer versions"),
        (["channels", "status"], "Telegram"),
        (["system", "presence"], "HOST"),
    ] {
        let ran = gateway.run(&home, &command);
        assert!(ran.code == 0 && ran.out.contains(shown), "{command:?}: {}{}", ran.out, ran.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_tells_every_gateway_that_could_be_meant() {
    let World { telegram: _telegram, model: _model, home, gateway } = World::start().await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_of_a_url_asks_that_one_alone_and_says_why_it_is_not_let_in() {
    let World { telegram: _telegram, model: _model, home, gateway } = World::start().await;
    let url = format!("ws://127.0.0.1:{}", gateway.port);
    // The home's own gateway answers, with a secret that the home has: it is not what was asked about.
    let nowhere = format!("ws://127.0.0.1:{}", free_port());
    let ran = home.run(&["gateway", "probe", "--json", "--url", &nowhere, "--token", TOKEN]);
    let report = &ran.json()["error"]["details"];
    let asked: Vec<&Value> = report["targets"].as_array().unwrap().iter().map(|t| &t["id"]).collect();
    assert_eq!((ran.code, asked), (3, vec![&json!("explicit")]), "{report}");

    let ran = home.run(&["gateway", "probe", "--json", "--url", &url, "--token", "not-the-one"]);
    let error = &ran.json()["error"];
    assert_eq!((ran.code, &error["code"]), (4, &json!("AUTH_TOKEN_MISMATCH")), "{error}");
    assert_eq!(error["details"]["ok"], false, "{error}");
    let ran = home.run(&["gateway", "probe", "--url", &url, "--token", "not-the-one"]);
    assert!(!ran.err.contains("gateway run") && ran.out.contains("explicit"), "{}{}", ran.out, ran.err);
    let ran = home.run(&["gateway", "probe", "--url", &url, "--token", TOKEN]);
    assert!(ran.code == 0 && !ran.out.contains("localLoopback"), "{}{}", ran.out, ran.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_platforms_are_asked_for_a_probe_and_their_answer_is_shown() {
    let World { telegram, model: _model, home, gateway } = World::start().await;
    telegram.wait_for_calls("getUpdates", 1, live::PATIENCE).await.unwrap();
    let asked = telegram.calls("getMe");
    assert!(!gateway.run(&home, &["channels", "status"]).out.contains("probe"));
    assert_eq!(telegram.calls("getMe"), asked);
    let well = gateway.run(&home, &["channels", "status", "--probe"]);
    let shown = format!("answers as @{}", testkit::fake_telegram::BOT_USERNAME);
    assert!(well.code == 0 && well.out.contains(&shown), "{}{}", well.out, well.err);
    assert_eq!(telegram.calls("getMe"), asked + 1);
    let refusal = json!({"ok": false, "error_code": 401, "description": "Unauthorized"});
    telegram.fail_next("getMe", 401, refusal);
    let ill = gateway.run(&home, &["channels", "status", "--probe"]);
    assert!(
        ill.out.contains("asked, and not well") && ill.out.contains("Unauthorized"),
        "{}{}",
        ill.out,
        ill.err
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_there_is_can_be_seen_without_a_gateway_and_nothing_is_written() {
    let World { telegram, model: _model, home, gateway } = World::start().await;
    let port = free_port();
    let path = home.state().join("openclaw.json");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, config.replacen("port: 18789", &format!("port: {port}"), 1)).unwrap();
    telegram.push_text(7, 7, "let me in");
    telegram.wait_for_sent(1, live::PATIENCE).await.unwrap();
    gateway.json(&home, &["agent", "--message", "hello"]);
    let looks: [&[&str]; 5] = [
        &["agents", "list"],
        &["models", "list"],
        &["models", "status"],
        &["sessions"],
        &["pairing", "list"],
    ];
    let known: Vec<Value> = looks.iter().map(|look| gateway.json(&home, look)).collect();

    // One that runs is asked: it may know more than its files.
    let unreachable = home.run(&["sessions"]);
    assert_eq!(unreachable.code, 3, "{}{}", unreachable.out, unreachable.err);
    gateway.program.kill();
    let file = home.state().join("state").join("gateway.sqlite");
    let (before, log) =
        (std::fs::read(&file).unwrap(), std::fs::read(file.with_extension("sqlite-wal")).unwrap());
    let seen: Vec<Value> = looks
        .iter()
        .map(|look| {
            let ran = home.run(&[look, &["--json"][..]].concat());
            assert!(ran.code == 0 && ran.err.contains("no gateway runs"), "{look:?}: {}{}", ran.out, ran.err);
            ran.json()
        })
        .collect();
    assert_eq!((&seen[0], &seen[1]), (&known[0], &known[1]));
    assert_eq!(
        (&seen[2]["providers"], &seen[2]["defaultModel"]),
        (&known[2]["providers"], &known[2]["defaultModel"])
    );
    let session = |all: &Value| {
        let first = &all["sessions"][0];
        (
            all["totalCount"].clone(),
            first["key"].clone(),
            first["totalTokens"].clone(),
            first["model"].clone(),
        )
    };
    assert_eq!(session(&seen[3]), session(&known[3]));
    assert_eq!((&seen[4], seen[4]["requests"].as_array().map(Vec::len)), (&known[4], Some(1)));
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(std::fs::read(file.with_extension("sqlite-wal")).unwrap(), log);
    // Where a port or an address is named, that gateway is meant and no file.
    let named = home.run(&["sessions", "--port", &port]);
    assert_eq!(named.code, 3, "{}{}", named.out, named.err);
}
