//! Texts that somebody writes one after the other: one message for the agent, and none is lost while more are waited for.

use crate::flow::{self, BOT_TOKEN, PATIENCE, gateway_at};
use serde_json::json;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, config_with_model};

const FRIEND: i64 = 777;
const OTHER: i64 = 778;
const GROUP: i64 = -1005;
/// Longer than any test.
const FOREVER: &str = "messages: { inbound: { byChannel: { telegram: 600000 } } },";

struct World {
    dir: tempfile::TempDir,
    model: FakeModel,
    fake: FakeTelegram,
    gateway: TestGateway,
}

fn config(model: &FakeModel, fake: &FakeTelegram, messages: &str) -> String {
    let account = format!(
        r#"allowFrom: [{FRIEND}, {OTHER}], groups: {{ "*": {{ requireMention: false }} }}, actions: {{ sticker: true }},"#
    );
    config_with_model(&model.url(), &format!("{} {messages}", flow::telegram(fake, &account)))
}

impl World {
    async fn start(messages: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
        let gateway = gateway_at(dir.path(), config(&model, &fake, messages)).await;
        Self { dir, model, fake, gateway }
    }

    async fn again(self, messages: &str) -> Self {
        let Self { dir, model, fake, gateway } = self;
        gateway.stop().await;
        let gateway = gateway_at(dir.path(), config(&model, &fake, messages)).await;
        Self { dir, model, fake, gateway }
    }

    /// What the agent was told last.
    fn asked(&self, request: usize) -> String {
        flow::asked(&self.model.requests()[request])
    }

    fn say(&self, texts: &[&str]) {
        for text in texts {
            self.fake.push_text(FRIEND, FRIEND, text);
        }
    }

    async fn answers(&self, count: usize) -> Vec<String> {
        let sent = self.fake.wait_for_sent(count, PATIENCE).await.unwrap();
        sent.into_iter().map(|sent| sent.plain).collect()
    }
}

#[tokio::test]
async fn quick_texts_are_one_message_and_the_answer_is_one() {
    // As it is where nobody says anything.
    let world = World::start("messages: { inbound: {} },").await;
    world.say(&["one", "two", "three"]);
    world.answers(1).await;
    assert!(world.asked(0).ends_with("one\ntwo\nthree"), "{}", world.asked(0));
    world.say(&["four"]);
    world.answers(2).await;
    assert_eq!(world.model.requests().len(), 2);
    world.gateway.stop().await;
}

#[tokio::test]
async fn what_is_waited_for_is_not_lost_with_the_gateway() {
    let world = World::start(FOREVER).await;
    world.say(&["one", "two"]);
    // Telegram has been told that they are here.
    assert!(world.fake.wait_until(|| world.fake.pending_updates() == 0, PATIENCE).await);
    let world = world.again("messages: { inbound: { debounceMs: 1 } },").await;
    world.answers(1).await;
    assert!(world.asked(0).ends_with("one\ntwo"), "{}", world.asked(0));
    assert_eq!(world.model.requests().len(), 1);
    world.gateway.stop().await;
}

#[tokio::test]
async fn commands_pass_what_is_waited_for_and_stop_takes_it_back() {
    let world = World::start(FOREVER).await;
    world.say(&["one", "/status"]);
    assert!(world.answers(1).await[0].contains("idle"));
    world.say(&["/stop"]);
    assert!(world.answers(2).await[1].contains("Stopped"));
    // What comes with something else is heard at once, and what was stopped is not.
    let sticker = json!({"sticker": {"file_id": "s", "file_unique_id": "u", "is_animated": true, "is_video": false, "emoji": "🐈"}});
    world.fake.push_message(FRIEND, FRIEND, sticker);
    world.answers(3).await;
    assert!(world.asked(0).contains("🐈") && !world.asked(0).contains("one"), "{}", world.asked(0));
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_file_and_somebody_else_end_what_was_written() {
    let world = World::start(FOREVER).await;
    world.say(&["look", "here"]);
    let sticker = json!({"sticker": {"file_id": "s", "file_unique_id": "u", "is_animated": true, "is_video": false, "emoji": "🐈"}});
    world.fake.push_message(FRIEND, FRIEND, sticker);
    world.answers(1).await;
    // They may be in one turn, and are two messages in it.
    let asked = world.model.requests()[0].to_string();
    assert!(asked.contains(r"look\nhere"), "{asked}");

    world.fake.push_text(GROUP, FRIEND, "mine");
    world.fake.push_text(GROUP, OTHER, "not his");
    let is_answered = || world.fake.sent().iter().any(|sent| sent.plain.contains("mine"));
    assert!(world.fake.wait_until(is_answered, PATIENCE).await);
    let told: Vec<String> = world.model.requests().iter().map(flow::asked).collect();
    assert!(told.iter().any(|told| told.contains("mine") && !told.contains("not his")), "{told:?}");
    world.gateway.stop().await;
}

#[tokio::test]
async fn the_rest_of_a_long_text_is_waited_for_although_nothing_else_is() {
    let world = World::start("messages: { inbound: { debounceMs: 0 } },").await;
    world.say(&["word ".repeat(810).trim_end(), "the end", "and another"]);
    world.answers(1).await;
    assert!(world.asked(0).ends_with("word\nthe end"), "{}", world.asked(0));
    world.gateway.stop().await;
}
