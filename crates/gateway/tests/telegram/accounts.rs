//! Several Telegram accounts: each with its own bot, its own people and its own position, and none in another's way.

use crate::flow::{BOT_TOKEN, Bench, PATIENCE, gateway_at};
use serde_json::json;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::config_with_model;

const FRIEND: i64 = 777;
const OTHER: i64 = 778;
const ALERTS: &str = "77:alerts-token";

/// Two bots, each at a platform of its own.
struct World {
    main: FakeTelegram,
    alerts: FakeTelegram,
}

impl World {
    async fn start() -> Self {
        Self { main: FakeTelegram::start(BOT_TOKEN).await, alerts: FakeTelegram::start(ALERTS).await }
    }

    fn config(&self, alerts: &str) -> String {
        format!(
            r#"channels: {{ telegram: {{ botToken: "{BOT_TOKEN}", apiRoot: "{}", allowFrom: [{FRIEND}], {POLICY}
                accounts: {{ Alerts: {{ botToken: "{ALERTS}", apiRoot: "{}", {alerts} }} }} }} }},"#,
            self.main.url(),
            self.alerts.url(),
        )
    }
}

const POLICY: &str = r#"dmPolicy: "allowlist","#;

async fn answer(fake: &FakeTelegram, count: usize) -> String {
    fake.wait_for_sent(count, PATIENCE).await.unwrap().pop().unwrap().plain
}

#[tokio::test]
async fn each_account_hears_its_own_people_and_answers_by_its_own_bot() {
    let world = World::start().await;
    let bench = Bench::start(&world.config(&format!("allowFrom: [{OTHER}],"))).await;
    let operator = bench.operator().await;
    // Not let in by this account, and the next one is: both have been looked at once that is answered.
    world.alerts.push_text(FRIEND, FRIEND, "not here");
    world.alerts.push_text(OTHER, OTHER, "alerts, please");
    assert!(answer(&world.alerts, 1).await.contains("alerts, please"));
    world.main.push_text(FRIEND, FRIEND, "main, please");
    assert!(answer(&world.main, 1).await.contains("main, please"));
    assert_eq!((world.main.sent().len(), world.alerts.sent().len()), (1, 1));

    // Who does not say which sends by the default account.
    let send = |key: &str, account: Option<&str>| {
        let mut send = json!({"to": "777", "message": key, "channel": "telegram", "idempotencyKey": key});
        if let Some(account) = account {
            send["accountId"] = json!(account);
        }
        send
    };
    world.alerts.know_chat(FRIEND);
    operator.call("send", send("by default", None)).await;
    operator.call("send", send("by name", Some("alerts"))).await;
    assert_eq!(answer(&world.main, 2).await, "by default");
    assert_eq!(answer(&world.alerts, 2).await, "by name");
    let refused = operator.refused("send", send("by nobody", Some("nobody"))).await;
    assert!(refused.message.contains("there are: alerts, default"), "{}", refused.message);

    let status = operator.call("channels.status", json!({"probe": true})).await;
    let names: Vec<_> =
        status["channelAccounts"]["telegram"].as_array().unwrap().iter().map(|a| &a["accountId"]).collect();
    assert_eq!(names, ["alerts", "default"], "{status}");
    assert_eq!(status["channelAccounts"]["telegram"][0]["probe"]["ok"], true, "{status}");
    assert_eq!(status["channelDefaultAccountId"]["telegram"], "default");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_account_is_stopped_started_and_broken_for_itself() {
    let world = World::start().await;
    let bench = Bench::start(&world.config("")).await;
    let operator = bench.operator().await;
    let stop = json!({"channel": "telegram", "accountId": "alerts"});
    assert_eq!(operator.call("channels.stop", stop.clone()).await["stopped"], true);
    world.alerts.push_text(FRIEND, FRIEND, "nobody hears it yet");
    world.main.push_text(FRIEND, FRIEND, "and this one?");
    assert!(answer(&world.main, 1).await.contains("and this one?"));
    assert_eq!(world.alerts.pending_updates(), 1);
    operator.call("channels.start", stop).await;
    // What the section allows holds for the account, which says nothing of its own.
    assert!(answer(&world.alerts, 1).await.contains("nobody hears it yet"));
    bench.gateway.stop().await;

    let broken = world.config("").replace(&format!("botToken: \"{ALERTS}\","), "");
    let bench = Bench::start(&broken).await;
    let operator = bench.operator().await;
    world.main.push_text(FRIEND, FRIEND, "still there?");
    assert!(answer(&world.main, 2).await.contains("still there?"));
    let status = operator.call("channels.status", json!({})).await;
    let issue = &status["statusIssues"][0];
    assert_eq!(issue["accountId"], "alerts", "{status}");
    let message = issue["message"].as_str().unwrap();
    assert!(message.contains("channels.telegram.accounts.alerts.botToken"), "{message}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn of_two_accounts_with_one_bot_the_second_is_off_and_says_which_one_has_it() {
    let world = World::start().await;
    let twice = format!(
        r#"channels: {{ telegram: {{ botToken: "{BOT_TOKEN}", apiRoot: "{}", allowFrom: [{FRIEND}], {POLICY}
            accounts: {{ twin: {{ botToken: "{BOT_TOKEN}", allowFrom: [{OTHER}] }} }} }} }},"#,
        world.main.url(),
    );
    let bench = Bench::start(&twice).await;
    let operator = bench.operator().await;
    world.main.push_text(OTHER, OTHER, "let in by the twin alone");
    for n in 1..4 {
        world.main.push_text(FRIEND, FRIEND, &format!("number {n}"));
        assert!(answer(&world.main, n).await.contains(&format!("number {n}")));
    }
    let sent = world.main.sent();
    assert!(sent.iter().all(|sent| sent.chat_id == FRIEND), "{sent:?}");
    let status = operator.call("channels.status", json!({})).await;
    let issue = &status["statusIssues"][0];
    assert_eq!(issue["accountId"], "twin", "{status}");
    let message = issue["message"].as_str().unwrap();
    assert!(message.contains("has the bot of the account \"default\""), "{message}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn each_account_goes_on_where_it_was() {
    let (world, dir, model) = (World::start().await, tempfile::tempdir().unwrap(), FakeModel::start().await);
    let config = config_with_model(&model.url(), &world.config(""));
    let gateway = gateway_at(dir.path(), config.clone()).await;
    // The same ids on both sides: chats and messages of two bots are two things.
    let first = world.main.push_text(FRIEND, FRIEND, "one");
    world.alerts.push_text(FRIEND, FRIEND, "two");
    answer(&world.main, 1).await;
    answer(&world.alerts, 1).await;
    world.main.wait_for_offset(first + 1, PATIENCE).await.unwrap();
    gateway.stop().await;
    world.alerts.push_text(FRIEND, FRIEND, "three");
    let gateway = gateway_at(dir.path(), config).await;
    assert!(answer(&world.alerts, 2).await.contains("three"));
    assert_eq!((world.main.sent().len(), world.alerts.sent().len()), (1, 2));
    gateway.stop().await;
}
