//! Deliveries: what Telegram says of them stands in the status, and each is taken in time.

use super::{DEADLINE, Memory, TOKEN, config_in};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channels::{Telegram, TelegramConfig, Webhook};
use model::ManualClock;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::fake_telegram::FakeTelegram;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const URL: &str = "https://bot.example/hook";

pub(super) fn hooked(fake: &FakeTelegram) -> Telegram {
    hooked_in(Path::new("/nonexistent"), fake)
}

fn hooked_in(dir: &Path, fake: &FakeTelegram) -> Telegram {
    with_certificate(dir, fake, None)
}

fn with_certificate(dir: &Path, fake: &FakeTelegram, certificate: Option<PathBuf>) -> Telegram {
    let look_every = Duration::from_millis(20);
    let secret = "s".to_owned().into();
    let webhook = Some(Webhook { url: URL.into(), secret, certificate, look_every });
    let config = TelegramConfig { webhook, ..config_in(dir, fake.url()) };
    Telegram::new(config, Arc::new(ManualClock::at(5_000))).unwrap()
}

/// Has it delivered to, until the task is dropped.
pub(super) fn awaiting(telegram: &Telegram) -> JoinSet<()> {
    let (telegram, mut task) = (telegram.clone(), JoinSet::new());
    task.spawn(async move { telegram.await_deliveries(&CancellationToken::new()).await });
    task
}

async fn until(telegram: &Telegram, lifecycle: &str) -> String {
    let mut watch = telegram.watch();
    let status = tokio::time::timeout(DEADLINE, watch.wait_for(|s| s.lifecycle == lifecycle)).await;
    let status = status.unwrap_or_else(|_| panic!("{lifecycle}: {:?}", telegram.status()));
    status.unwrap().last_error.clone().unwrap_or_default()
}

fn inbox() -> (Memory, mpsc::UnboundedReceiver<(Vec<model::Inbound>, String)>) {
    let (batches, taken) = mpsc::unbounded_channel();
    (Memory { batches, refusals: Mutex::new(0) }, taken)
}

fn update(content: Value) -> String {
    let mut message = json!({"message_id": 1, "date": 1, "chat": {"id": 7, "type": "private"},
        "from": {"id": 7, "is_bot": false, "first_name": "Ada"}});
    message.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    json!({"update_id": 1, "message": message}).to_string()
}

#[tokio::test]
async fn what_telegram_cannot_deliver_is_in_the_status_until_something_comes() {
    let fake = FakeTelegram::start(TOKEN).await;
    // Of before the start, and told of for ever: nothing to worry about.
    fake.cannot_deliver("Connection refused", 2);
    let telegram = hooked(&fake);
    let task = awaiting(&telegram);
    until(&telegram, "ready").await;
    fake.wait_for_calls("getWebhookInfo", 3, DEADLINE).await.unwrap();
    assert_eq!(telegram.status().lifecycle, "ready");

    fake.cannot_deliver("Connection timed out", 3);
    let told = until(&telegram, "backing-off").await;
    for part in [URL, "3 updates wait", "Connection timed out", "webhookPort"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(fake.calls("setWebhook"), 1);
    let (inbox, mut taken) = inbox();
    telegram.take(&inbox, &update(json!({"text": "at last"}))).await.unwrap();
    assert_eq!(taken.recv().await.unwrap().0[0].text, "at last");
    assert_eq!((telegram.status().lifecycle, telegram.status().last_error), ("ready", None));
    let looks = fake.calls("getWebhookInfo");
    fake.wait_for_calls("getWebhookInfo", looks + 3, DEADLINE).await.unwrap();
    assert_eq!(telegram.status().lifecycle, "ready", "it is over with, whatever Telegram goes on to say");
    drop(task);
}

#[tokio::test]
async fn a_webhook_that_knows_another_secret_is_set_again_and_so_is_one_of_a_token_that_was_not_valid() {
    let fake = FakeTelegram::start(TOKEN).await;
    let telegram = hooked(&fake);
    let task = awaiting(&telegram);
    until(&telegram, "ready").await;
    fake.cannot_deliver("Wrong response from the webhook: 401 Unauthorized", 1);
    assert!(until(&telegram, "backing-off").await.contains("another secret"));
    fake.wait_for_calls("setWebhook", 2, DEADLINE).await.unwrap();
    let looks = fake.calls("getWebhookInfo");
    fake.wait_for_calls("getWebhookInfo", looks + 2, DEADLINE).await.unwrap();
    assert_eq!(
        (telegram.status().lifecycle, fake.calls("setWebhook")),
        ("backing-off", 2),
        "nothing has come yet"
    );
    fake.has_delivered();
    until(&telegram, "ready").await;

    fake.fail_next(
        "getWebhookInfo",
        401,
        json!({"ok": false, "error_code": 401, "description": "Unauthorized"}),
    );
    fake.wait_for_calls("setWebhook", 3, DEADLINE).await.unwrap();
    until(&telegram, "ready").await;
    assert_eq!(fake.calls("setWebhook"), 3);
    drop(task);
}

#[tokio::test]
async fn a_delivery_is_taken_before_its_file_has_come() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeTelegram::start(TOKEN).await);
    let telegram = hooked_in(dir.path(), &fake);
    let task = awaiting(&telegram);
    until(&telegram, "ready").await;
    let (inbox, mut taken) = inbox();
    fake.put_file("slow", b"%PDF".to_vec());
    let document = json!({"file_id": "slow", "file_unique_id": "u", "file_name": "a.pdf"});
    telegram.take(&inbox, &update(json!({"caption": "look", "document": document}))).await.unwrap();
    let message = taken.recv().await.unwrap().0.remove(0);
    assert_eq!((message.text.as_str(), message.coming.len(), fake.calls("getFile")), ("look", 1, 0));
    let message = telegram.fetch(message, true).await.0;
    let path = message.text.strip_prefix("look\n[document a.pdf, 4 bytes: saved as ").unwrap();
    assert_eq!(std::fs::read(path.trim_end_matches(']')).unwrap(), b"%PDF");
    assert_eq!((message.said.as_deref(), message.coming), (Some("look"), vec![]));
    drop(task);
}

#[tokio::test]
async fn a_certificate_that_nobody_knows_goes_with_the_address_and_its_key_does_not() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeTelegram::start(TOKEN).await);
    let path = dir.path().join("bot.pem");
    let telegram = with_certificate(dir.path(), &fake, Some(path.clone()));
    let task = awaiting(&telegram);
    // Until it is there, the status says what is missing.
    let told = until(&telegram, "backing-off").await;
    assert!(told.contains("webhookCertPath") && told.contains("bot.pem"), "{told}");
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&path, format!("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n{pem}"))
        .unwrap();
    until(&telegram, "ready").await;
    let requests = fake.requests();
    let set = &requests.iter().find(|(method, _)| method == "setwebhook").unwrap().1;
    assert_eq!((set["url"].as_str(), set["secret_token"].as_str()), (Some(URL), Some("s")));
    let sent = STANDARD.decode(set["certificate"]["bytes"].as_str().unwrap()).unwrap();
    assert_eq!(String::from_utf8(sent).unwrap(), pem);
    assert!(set["allowed_updates"].as_str().unwrap().contains("message_reaction"), "{set}");
    drop(task);
}
