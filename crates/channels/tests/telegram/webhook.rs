//! Deliveries: what Telegram says of them stands in the status, and each is taken in time.

use super::{DEADLINE, Memory, TOKEN, config_in};
use channels::{Telegram, TelegramConfig, Webhook};
use model::ManualClock;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::fake_telegram::FakeTelegram;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const URL: &str = "https://bot.example/hook";

fn hooked(fake: &FakeTelegram) -> Telegram {
    hooked_in(Path::new("/nonexistent"), fake)
}

fn hooked_in(dir: &Path, fake: &FakeTelegram) -> Telegram {
    let look_every = Duration::from_millis(20);
    let webhook = Some(Webhook { url: URL.into(), secret: "s".to_owned().into(), look_every });
    let config = TelegramConfig { webhook, ..config_in(dir, fake.url()) };
    Telegram::new(config, Arc::new(ManualClock::at(5_000))).unwrap()
}

/// Has it delivered to, until the task is dropped.
fn awaiting(telegram: &Telegram) -> JoinSet<()> {
    let (telegram, mut task) = (telegram.clone(), JoinSet::new());
    task.spawn(async move { telegram.await_deliveries(&inbox().0, &CancellationToken::new()).await });
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

/// A file that does not come yet.
fn slow_file() -> String {
    update(
        json!({"caption": "look", "document": {"file_id": "slow", "file_unique_id": "u", "file_name": "a.pdf"}}),
    )
}

#[tokio::test]
async fn a_file_that_takes_long_is_there_when_its_message_is_delivered_again() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeTelegram::start(TOKEN).await);
    let telegram = hooked_in(dir.path(), &fake);
    let task = awaiting(&telegram);
    until(&telegram, "ready").await;
    let (inbox, mut taken) = inbox();
    fake.put_file("slow", b"%PDF".to_vec());
    let go = fake.hold_next("getFile");
    // From here on time is what the deadlines say: the next one that is due is the first that counts.
    tokio::time::pause();
    let why = telegram.take(&inbox, &slow_file()).await.unwrap_err();
    tokio::time::resume();
    assert!(why.contains("still coming") && taken.try_recv().is_err(), "{why}");
    go.notify_one();
    telegram.take(&inbox, &slow_file()).await.unwrap();
    let message = taken.recv().await.unwrap().0.remove(0);
    let path = message.text.strip_prefix("look\n[document a.pdf, 4 bytes: saved as ").unwrap();
    assert_eq!(std::fs::read(path.trim_end_matches(']')).unwrap(), b"%PDF");
    assert_eq!((fake.calls("getFile"), message.said.as_deref()), (1, Some("look")));
    drop(task);
}

#[tokio::test]
async fn a_file_that_never_comes_is_named_in_its_message_which_is_taken_all_the_same() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeTelegram::start(TOKEN).await);
    let telegram = hooked_in(dir.path(), &fake);
    let task = awaiting(&telegram);
    until(&telegram, "ready").await;
    let (inbox, mut taken) = inbox();
    fake.put_file("slow", b"%PDF".to_vec());
    fake.hang_next("getFile");
    tokio::time::pause();
    let mut deliveries = 1;
    while telegram.take(&inbox, &slow_file()).await.is_err() {
        deliveries += 1;
    }
    assert!((2..=7).contains(&deliveries), "{deliveries} deliveries of ten seconds each");
    let message = taken.recv().await.unwrap().0.remove(0);
    assert!(message.text.starts_with("look\n[document a.pdf: could not be downloaded: "), "{}", message.text);
    drop(task);
}
