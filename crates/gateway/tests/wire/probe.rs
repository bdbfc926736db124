//! `health` and `channels.status` with `probe`: the platforms are asked now.

use crate::flow::{BOT_TOKEN, Bench, PATIENCE, telegram};
use crate::support::Raw;
use crate::support::ask::Ask;
use serde_json::json;
use testkit::fake_telegram::{BOT_USERNAME, FakeTelegram};

#[tokio::test]
async fn a_probe_asks_the_platform_and_says_what_it_answered() {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let bench = Bench::start(&telegram(&fake, "")).await;
    let operator = bench.operator().await;
    fake.wait_for_calls("getUpdates", 1, PATIENCE).await.unwrap();
    let asked = fake.calls("getMe");
    let plain = operator.call("health", json!({})).await;
    assert_eq!(plain["channels"]["telegram"].get("probe"), None);
    assert_eq!(fake.calls("getMe"), asked, "who does not ask for it causes no call");

    let probed = operator.call("health", json!({"probe": true})).await;
    let probe = &probed["channels"]["telegram"]["probe"];
    assert_eq!((&probe["ok"], &probe["bot"]["username"]), (&json!(true), &json!(BOT_USERNAME)), "{probe}");
    assert!(probed["channels"]["telegram"]["lastProbeAt"].is_i64());

    let refusal = json!({"ok": false, "error_code": 401, "description": "Unauthorized"});
    fake.fail_next("getMe", 401, refusal);
    let probed = operator.call("health", json!({"probe": true})).await;
    let probe = &probed["channels"]["telegram"]["probe"];
    let error = probe["error"].as_str().expect("an error");
    assert!(probe["ok"] == false && error.contains("Unauthorized") && !error.contains(BOT_TOKEN), "{probe}");

    let asked = fake.calls("getMe");
    let mut nobody = Raw::connected(bench.gateway.port(), &Ask::operator().scopes(&[])).await;
    let seen = nobody.call("health", json!({"probe": true})).await;
    assert_eq!(seen["channels"]["telegram"].get("probe"), None);
    assert_eq!(fake.calls("getMe"), asked, "whoever may not read makes the gateway call nobody");
    nobody.leave().await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_status_of_channels_says_what_the_platform_answers_now() {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let bench = Bench::start(&telegram(&fake, "")).await;
    let operator = bench.operator().await;
    fake.wait_for_calls("getUpdates", 1, PATIENCE).await.unwrap();
    let asked = fake.calls("getMe");
    for params in [json!({}), json!({"probe": false}), json!({"probe": true, "channel": "signal"})] {
        operator.call("channels.status", params).await;
    }
    assert_eq!(fake.calls("getMe"), asked, "who does not ask for it causes no call");

    let status = operator.call("channels.status", json!({"probe": true, "timeoutMs": 5000})).await;
    for shown in [&status["channels"]["telegram"], &status["channelAccounts"]["telegram"][0]] {
        assert_eq!(shown["probe"]["bot"]["username"], BOT_USERNAME, "{shown}");
        assert!(shown["probe"]["ok"] == true && shown["lastProbeAt"].is_i64(), "{shown}");
    }
    let refusal = json!({"ok": false, "error_code": 401, "description": "Unauthorized"});
    fake.fail_next("getMe", 401, refusal);
    let status = operator.call("channels.status", json!({"probe": true, "channel": "telegram"})).await;
    let probe = &status["channels"]["telegram"]["probe"];
    let error = probe["error"].as_str().expect("an error");
    assert!(probe["ok"] == false && error.contains("Unauthorized") && !error.contains(BOT_TOKEN), "{probe}");
    fake.hang_next("getMe");
    let status = operator.call("channels.status", json!({"probe": true, "timeoutMs": 50})).await;
    let error = status["channels"]["telegram"]["probe"]["error"].as_str().expect("an error");
    assert!(error.contains("within 50 ms"), "{error}");
    bench.gateway.stop().await;
}
