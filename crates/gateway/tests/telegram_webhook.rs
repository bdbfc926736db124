//! Telegram's deliveries: taken once they are stored, from nobody but Telegram, and once.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod flow;

use flow::{BOT_TOKEN, PATIENCE, gateway_at};
use serde_json::{Value, json};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, config_with_model};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
        // Free a moment ago; nobody else is given it so soon.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let account = format!(
            r#"allowFrom: [{FRIEND}], webhookUrl: "https://bot.example/hook", webhookSecret: "{SECRET}", webhookPath: "/hook", webhookPort: {port},"#
        );
        let config = config_with_model(&model.url(), &flow::telegram(&fake, &account));
        let gateway = gateway_at(dir.path(), config.clone()).await;
        fake.know_chat(FRIEND);
        fake.wait_for_calls("setWebhook", 1, PATIENCE).await.unwrap();
        Self { dir, _model: model, config, fake, gateway, port }
    }

    /// The head of the answer.
    async fn post(&self, path: &str, secret: Option<&str>, body: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let secret = secret.map(|s| format!("X-Telegram-Bot-Api-Secret-Token: {s}\r\n")).unwrap_or_default();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{secret}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // Who is refused at once need not listen to the rest.
        let _sent = stream.write_all(body.as_bytes()).await;
        let mut answer = Vec::new();
        let _read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8_lossy(&answer).to_lowercase()
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
