//! Files that come with messages: only what follows in their own chat waits for them, and a start goes on with them.

use super::{FRIEND, bench};
use crate::flow::{self, BOT_TOKEN, Bench, PATIENCE, gateway_at};
use serde_json::json;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::config_with_model;

const OTHER: i64 = 888;

/// The account of two friends, each of whose messages is answered by itself.
fn account(fake: &FakeTelegram) -> String {
    let account = flow::telegram(fake, &format!("allowFrom: [{FRIEND}, {OTHER}],"));
    format!(r#"{account} messages: {{ queue: {{ mode: "followup" }} }},"#)
}

async fn two_friends() -> (Bench, FakeTelegram) {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    fake.put_file("slow", b"%PDF".to_vec());
    fake.put_file("jpeg", b"\xff\xd8\xffjpeg".to_vec());
    (Bench::start(&account(&fake)).await, fake)
}

fn send_document(fake: &FakeTelegram, chat: i64, caption: &str) -> i64 {
    let document = json!({"file_id": "slow", "file_unique_id": "u", "file_name": "a.pdf"});
    fake.push_message(chat, chat, json!({"caption": caption, "document": document}))
}

/// Waits until somebody has so many answers, and gives them.
async fn answers(fake: &FakeTelegram, chat: i64, count: usize) -> Vec<String> {
    let in_chat = || fake.chat(chat);
    assert!(fake.wait_until(|| in_chat().len() >= count, PATIENCE).await, "{:?}", in_chat());
    in_chat()
}

#[tokio::test]
async fn a_file_that_comes_slowly_holds_up_what_follows_in_its_chat_and_nothing_else() {
    let (bench, fake) = two_friends().await;
    let come = fake.hold_next("getFile");
    send_document(&fake, FRIEND, "first: read this");
    fake.push_text(FRIEND, FRIEND, "second: and now?");
    let last = fake.push_text(OTHER, OTHER, "hello from elsewhere");
    let elsewhere = answers(&fake, OTHER, 1).await;
    assert!(elsewhere[0].contains("hello from elsewhere"), "{elsewhere:?}");
    fake.wait_for_offset(last + 1, PATIENCE).await.unwrap();
    // A command waits for no file.
    fake.push_text(FRIEND, FRIEND, "/status");
    answers(&fake, FRIEND, 1).await;
    come.notify_one();
    let here = answers(&fake, FRIEND, 3).await;
    assert!(
        here[1].contains("first: read this") && here[1].contains("a.pdf, 4 bytes: saved as /"),
        "{here:?}"
    );
    assert!(here[2].contains("second: and now?"), "{here:?}");
    assert_eq!(fake.calls("getFile"), 1);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn who_sends_many_files_leaves_room_for_those_of_others() {
    let (bench, fake) = two_friends().await;
    let come = [fake.hold_next("getFile"), fake.hold_next("getFile")];
    for _ in 0..5 {
        send_document(&fake, FRIEND, "mine");
    }
    fake.wait_for_calls("getFile", 2, PATIENCE).await.unwrap();
    send_document(&fake, OTHER, "theirs");
    let elsewhere = answers(&fake, OTHER, 1).await;
    assert!(elsewhere[0].contains("theirs") && elsewhere[0].contains("saved as /"), "{elsewhere:?}");
    assert_eq!((fake.calls("getFile"), fake.chat(FRIEND).len()), (3, 0));
    for come in come {
        come.notify_one();
    }
    answers(&fake, FRIEND, 5).await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_parts_of_an_album_wait_for_each_other() {
    let (bench, fake) = two_friends().await;
    let come = fake.hold_next("getFile");
    let photo = json!([{"file_id": "jpeg", "width": 10, "height": 10}]);
    for caption in ["one", "two"] {
        fake.push_message(
            FRIEND,
            FRIEND,
            json!({"caption": caption, "photo": photo, "media_group_id": "album"}),
        );
    }
    fake.push_text(OTHER, OTHER, "hello");
    answers(&fake, OTHER, 1).await;
    fake.wait_for_calls("getFile", 2, PATIENCE).await.unwrap();
    assert!(fake.chat(FRIEND).is_empty());
    come.notify_one();
    let here = answers(&fake, FRIEND, 1).await;
    assert!(here[0].contains("one\ntwo"), "{here:?}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_stop_is_for_what_waits_for_its_file_too() {
    let (bench, fake) = two_friends().await;
    let come = fake.hold_next("getFile");
    send_document(&fake, FRIEND, "first: read this");
    fake.push_text(FRIEND, FRIEND, "second: and now?");
    fake.wait_for_calls("getFile", 1, PATIENCE).await.unwrap();
    fake.push_text(FRIEND, FRIEND, "/stop");
    let here = answers(&fake, FRIEND, 1).await;
    assert!(here[0].contains("Stopped"), "{here:?}");
    come.notify_one();
    fake.push_text(FRIEND, FRIEND, "third: go on");
    let here = answers(&fake, FRIEND, 2).await;
    assert!(here[1].contains("third: go on") && bench.model.requests().len() == 1, "{here:?}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_file_whose_place_is_asked_for_before_the_network_is_there_comes_all_the_same() {
    let (bench, fake) = two_friends().await;
    fake.cut_next("getFile");
    send_document(&fake, FRIEND, "read this");
    let here = answers(&fake, FRIEND, 1).await;
    assert!(here[0].contains("saved as /"), "{here:?}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_file_that_was_coming_at_the_end_is_there_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
    let config = config_with_model(&model.url(), &account(&fake));
    let gateway = gateway_at(dir.path(), config.clone()).await;
    fake.hang_next("getFile");
    let id = send_document(&fake, FRIEND, "read this");
    fake.wait_for_calls("getFile", 1, PATIENCE).await.unwrap();
    fake.wait_for_offset(id + 1, PATIENCE).await.unwrap();
    gateway.stop().await;
    assert_eq!(fake.sent().len(), 0);
    fake.put_file("slow", b"%PDF".to_vec());
    let gateway = gateway_at(dir.path(), config).await;
    let here = answers(&fake, FRIEND, 1).await;
    assert!(here[0].contains("read this") && here[0].contains("saved as /"), "{here:?}");
    assert_eq!(fake.calls("getFile"), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn files_of_those_who_are_not_heard_are_not_fetched() {
    let (bench, fake) = bench("", "").await;
    fake.put_file("jpeg", b"\xff\xd8\xffjpeg".to_vec());
    let photo = json!([{"file_id": "jpeg", "width": 10, "height": 10}]);
    fake.push_message(OTHER, OTHER, json!({"caption": "let me in", "photo": photo}));
    let code = answers(&fake, OTHER, 1).await;
    assert!(code[0].contains("pairing"), "{code:?}");
    assert_eq!(fake.calls("getFile"), 0);
    bench.gateway.stop().await;
}
