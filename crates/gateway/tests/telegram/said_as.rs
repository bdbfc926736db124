//! How what is said is shown: what stands before it, its tables, and in how many messages.

use crate::flow::{self, BOT_TOKEN, Operator, PATIENCE, gateway_at};
use serde_json::json;
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, config_with_model};

const FRIEND: i64 = 777;

struct World {
    _dir: tempfile::TempDir,
    model: FakeModel,
    fake: FakeTelegram,
    gateway: TestGateway,
}

impl World {
    async fn start(account: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
        let account = flow::telegram(&fake, &format!("allowFrom: [{FRIEND}], {account}"));
        let config = config_with_model(&model.url(), &format!("{account} {more}"));
        fake.know_chat(FRIEND);
        let gateway = gateway_at(dir.path(), config).await;
        Self { _dir: dir, model, fake, gateway }
    }

    async fn said(&self, count: usize) -> Vec<String> {
        self.fake.wait_for_sent(count, PATIENCE).await.unwrap().into_iter().map(|sent| sent.plain).collect()
    }
}

#[tokio::test]
async fn what_is_said_has_its_prefix_once_and_an_account_may_have_none() {
    let world = World::start("", r#"messages: { responsePrefix: "[{model}|{provider}|{think}]" },"#).await;
    world.fake.push_text(FRIEND, FRIEND, "hello");
    assert!(world.said(1).await[0].starts_with("[test-model|fake|off] echo: hello"));
    // No model has answered what an operator sends: a prefix that names one is left out.
    let operator = Operator::connect(&world.gateway).await;
    let send = |text: &str| json!({"channel": "telegram", "to": FRIEND.to_string(), "message": text, "idempotencyKey": text});
    operator.call("send", send("plain")).await;
    assert_eq!(world.said(2).await[1], "plain");
    world.gateway.stop().await;

    let world = World::start(r#"responsePrefix: "🦞","#, r#"messages: { responsePrefix: "no" },"#).await;
    let operator = Operator::connect(&world.gateway).await;
    for text in ["one", "🦞 two"] {
        operator.call("send", send(text)).await;
    }
    assert_eq!(world.said(2).await, ["🦞 one", "🦞 two"]);
    world.gateway.stop().await;

    let world = World::start(r#"responsePrefix: "","#, r#"messages: { responsePrefix: "no" },"#).await;
    world.fake.push_text(FRIEND, FRIEND, "hello");
    assert!(world.said(1).await[0].starts_with("echo: hello"));
    world.gateway.stop().await;
}

#[tokio::test]
async fn tables_are_lists_where_the_account_wants_them_so() {
    let table = "| what | price |\n|---|---|\n| tea | 2 |";
    let world = World::start(r#"markdown: { tables: "bullets" },"#, "").await;
    world.model.script(vec![Step::Text(table.into())]);
    world.fake.push_text(FRIEND, FRIEND, "prices");
    let said = world.said(1).await.remove(0);
    assert!(said.contains("what: tea; price: 2") && !said.contains('|'), "{said}");
    world.gateway.stop().await;

    let world = World::start(r#"markdown: { tables: "off" },"#, "").await;
    let operator = Operator::connect(&world.gateway).await;
    let send =
        json!({"channel": "telegram", "to": FRIEND.to_string(), "message": table, "idempotencyKey": "t"});
    operator.call("send", send).await;
    assert_eq!(world.said(1).await, [table]);
    world.gateway.stop().await;
}

#[tokio::test]
async fn answers_come_in_several_messages_where_agents_are_to_have_them_so() {
    let agents = r#"blockStreamingDefault: "on", blockStreamingCoalesce: { maxChars: 40 },"#;
    let dir = tempfile::tempdir().unwrap();
    let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
    let account = flow::telegram(&fake, &format!("allowFrom: [{FRIEND}],"));
    let config = config_with_model(&model.url(), &account).replacen(
        "defaults: {",
        &format!("defaults: {{ {agents}"),
        1,
    );
    let gateway = gateway_at(dir.path(), config).await;
    model.script(vec![Step::Text("The first paragraph of it.\n\nThe second paragraph of it.".into())]);
    fake.push_text(FRIEND, FRIEND, "tell");
    let sent = fake.wait_for_sent(2, PATIENCE).await.unwrap();
    assert_eq!(
        sent.iter().map(|sent| sent.plain.trim()).collect::<Vec<_>>(),
        ["The first paragraph of it.", "The second paragraph of it."]
    );
    gateway.stop().await;
}
