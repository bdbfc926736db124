//! Telegram's deliveries: taken once they are stored, from nobody but Telegram, and once.

use crate::flow::{self, BOT_TOKEN, Operator, PATIENCE, gateway_at};
use serde_json::{Value, json};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::{FakeTelegram, deliver};
use testkit::gateway::{TestGateway, config_with_model};

const FRIEND: i64 = 777;
const SECRET: &str = "what-only_Telegram-knows";

struct World {
    dir: tempfile::TempDir,
    _model: FakeModel,
    config: String,
    fake: FakeTelegram,
    gateway: TestGateway,
    port: u16,
}

impl World {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
        let account = format!(
            r#"allowFrom: [{FRIEND}], webhookUrl: "https://bot.example/hook", webhookSecret: "{SECRET}", webhookPath: "/hook", webhookPort: 0,"#
        );
        let config = config_with_model(&model.url(), &flow::telegram(&fake, &account));
        let gateway = gateway_at(dir.path(), config.clone()).await;
        fake.know_chat(FRIEND);
        fake.wait_for_calls("setWebhook", 1, PATIENCE).await.unwrap();
        // Where the system has put it.
        let status = Operator::connect(&gateway).await.call("channels.status", json!({})).await;
        let port = status["channelAccounts"]["telegram"][0]["port"].as_u64().unwrap();
        Self { dir, _model: model, config, fake, gateway, port: u16::try_from(port).unwrap() }
    }

    /// The answer.
    async fn post(&self, path: &str, secret: Option<&str>, body: &str) -> String {
        deliver(self.port, path, secret, body).await.unwrap()
    }
}

fn update(id: i64, message: i64, text: &str) -> String {
    let user = json!({"id": FRIEND, "is_bot": false, "first_name": "Ada"});
    let chat = json!({"id": FRIEND, "type": "private"});
    let message: Value = json!({"message_id": message, "date": 1, "chat": chat, "from": user, "text": text});
    json!({"update_id": id, "message": message}).to_string()
}

#[tokio::test]
async fn what_telegram_delivers_is_answered_once_and_what_others_bring_never() {
    let world = World::start().await;
    let told = world.fake.requests().into_iter().find(|(method, _)| method == "setwebhook").unwrap().1;
    assert_eq!((&told["url"], &told["secret_token"]), (&json!("https://bot.example/hook"), &json!(SECRET)));
    assert_eq!(told["max_connections"], 1);
    for secret in [None, Some(""), Some("guessed"), Some("what-only_Telegram-know")] {
        let answer = world.post("/hook", secret, &update(1, 1, "let me in")).await;
        assert!(answer.starts_with("http/1.1 401"), "{secret:?}: {answer}");
    }
    let answer = world.post("/elsewhere", Some(SECRET), &update(1, 1, "x")).await;
    assert!(answer.starts_with("http/1.1 404"), "{answer}");
    let large = "x".repeat(2 * 1024 * 1024);
    let answer = world.post("/hook", Some(SECRET), &large).await;
    assert!(answer.is_empty() || answer.starts_with("http/1.1 413"), "{answer}");
    // Twice and out of order, and what cannot be read is not delivered for ever.
    for body in
        [update(7, 7, "second"), update(6, 6, "first"), update(7, 7, "second"), "{}".into(), "no json".into()]
    {
        let answer = world.post("/hook", Some(SECRET), &body).await;
        let durable =
            answer.starts_with("http/1.1 200") && answer.contains("x-openclaw-delivery-accepted: durable");
        assert!(durable, "{body}: {answer}");
    }
    let sent = world.fake.wait_for_sent(2, PATIENCE).await.unwrap();
    // What was delivered is on disk: a start finds nothing left to answer.
    let World { dir, config, fake, gateway, _model, .. } = world;
    gateway.stop().await;
    let gateway = gateway_at(dir.path(), config).await;
    fake.wait_for_calls("setWebhook", 2, PATIENCE).await.unwrap();
    assert_eq!((sent.len(), fake.sent().len()), (2, 2));
    assert_eq!(fake.calls("getUpdates"), 0, "and nothing is fetched beside it");
    gateway.stop().await;
}
