//! Commands that choose for a conversation, and those that are for whoever the gateway belongs to: by the id that Telegram vouches for.

use crate::flow::{self, BOT_TOKEN, Operator, PATIENCE, gateway_at};
use serde_json::json;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::{BOT_USERNAME, FakeTelegram};
use testkit::gateway::{TestGateway, config_with_model};

const OWNER: i64 = 777;
const FRIEND: i64 = 778;
const GROUP: i64 = -1005;

struct World {
    dir: tempfile::TempDir,
    config: String,
    model: FakeModel,
    fake: FakeTelegram,
    gateway: TestGateway,
}

impl World {
    async fn start(account: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
        let account = format!(r#"allowFrom: [{OWNER}, {FRIEND}], groups: {{ "*": {{}} }}, {account}"#);
        let config = format!("{} {more}", flow::telegram(&fake, &account));
        let config = config_with_model(&model.url(), &config);
        let gateway = gateway_at(dir.path(), config.clone()).await;
        Self { dir, config, model, fake, gateway }
    }

    async fn owned() -> Self {
        Self::start(
            "",
            &format!(r#"commands: {{ ownerAllowFrom: ["telegram:{OWNER}"], config: true, mcp: true }},"#),
        )
        .await
    }

    async fn again(self) -> Self {
        let Self { dir, config, model, fake, gateway } = self;
        gateway.stop().await;
        let gateway = gateway_at(dir.path(), config.clone()).await;
        Self { dir, config, model, fake, gateway }
    }

    /// Says something and gives what comes next.
    async fn say(&self, chat: i64, who: i64, text: &str) -> String {
        let before = self.fake.sent().len();
        self.fake.push_text(chat, who, text);
        match self.fake.wait_for_sent(before + 1, PATIENCE).await {
            Ok(mut sent) => sent.remove(before).plain,
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

#[tokio::test]
async fn people_see_who_they_are_and_only_the_id_makes_an_owner() {
    let world = World::owned().await;
    let told = world.say(OWNER, OWNER, "/whoami").await;
    assert!(told.contains("User id: 777") && told.contains("Owner: yes"), "{told}");
    // In a group a command needs no mention of those who are let in by name, and the alias will do.
    let told = world.say(GROUP, FRIEND, "/id").await;
    assert!(told.contains("User id: 778") && told.contains("Owner: no"), "{told}");
    assert_eq!(world.model.requests().len(), 0);
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_group_is_told_to_hear_everything_and_back_by_its_owner_alone() {
    let world = World::owned().await;
    let told = world.say(OWNER, OWNER, "/activation always").await;
    assert!(told.contains("only applies to group chats"), "{told}");
    let told = world.say(GROUP, FRIEND, "/activation always").await;
    assert!(told.contains("commands.ownerAllowFrom") && told.contains("telegram:778"), "{told}");
    assert!(world.say(GROUP, OWNER, "/activation").await.contains("mention|always"));
    assert!(world.say(GROUP, OWNER, "/activation always").await.contains("set to always"));
    assert!(world.say(GROUP, FRIEND, "what is new").await.contains("what is new"), "unmentioned, and heard");
    assert!(world.say(GROUP, FRIEND, "/status").await.contains("Activation: always"));

    // It is kept, and goes with the session.
    let world = world.again().await;
    assert!(world.say(GROUP, FRIEND, "still there").await.contains("still there"));
    assert!(world.say(GROUP, OWNER, "/activation mention").await.contains("set to mention"));
    world.fake.push_text(GROUP, FRIEND, "not for you");
    let command = format!("/whoami@{BOT_USERNAME}");
    let entity = json!({"type": "bot_command", "offset": 0, "length": command.len()});
    let before = world.fake.sent().len();
    world.fake.push_message(GROUP, FRIEND, json!({"text": command, "entities": [entity]}));
    let told = world.fake.wait_for_sent(before + 1, PATIENCE).await.unwrap().remove(before).plain;
    assert!(told.contains("Owner: no") && told.contains("Chat: -1005"), "{told}");
    assert!(!world.model.requests().last().unwrap().to_string().contains("not for you"));
    world.gateway.stop().await;
}

#[tokio::test]
async fn answers_stay_in_when_the_owner_says_so_and_say_what_they_cost() {
    let world = World::owned().await;
    assert!(world.say(FRIEND, FRIEND, "/send off").await.contains("ownerAllowFrom"));
    assert!(world.say(OWNER, OWNER, "/send off").await.contains("set to off"));
    world.fake.push_text(OWNER, OWNER, "say nothing");
    world.model.wait_for_requests(1).await;
    let told = world.say(OWNER, OWNER, "/send on").await;
    assert!(told.contains("set to on"), "nothing came before it: {told}");

    assert!(world.say(OWNER, OWNER, "/usage").await.contains("footer: tokens"));
    let told = world.say(OWNER, OWNER, "hello").await;
    assert!(told.contains("hello") && told.contains("\nUsage: "), "{told}");
    assert!(world.say(OWNER, OWNER, "/usage full").await.contains("footer: full"));
    let told = world.say(OWNER, OWNER, "and now").await;
    assert!(told.contains("session agent:main:main"), "{told}");
    assert!(world.say(OWNER, OWNER, "/usage cost").await.contains("30 days"));
    assert!(world.say(OWNER, OWNER, "/usage reset").await.contains("reset"));
    assert!(!world.say(OWNER, OWNER, "again").await.contains("Usage:"));

    let operator = Operator::connect(&world.gateway).await;
    let patched = operator
        .call("sessions.patch", json!({"key": flow::MAIN, "responseUsage": "on", "sendPolicy": "deny", "groupActivation": "always"}))
        .await;
    let entry = &patched["entry"];
    assert_eq!(
        (&entry["responseUsage"], &entry["sendPolicy"], &entry["groupActivation"]),
        (&json!("tokens"), &json!("deny"), &json!("always"))
    );
    world.gateway.stop().await;
}

#[tokio::test]
async fn the_owner_reads_and_writes_the_configuration_and_nobody_else() {
    let world = World::owned().await;
    assert!(world.say(FRIEND, FRIEND, "/config show").await.contains("ownerAllowFrom"));
    let told = world.say(OWNER, OWNER, "/config show channels.telegram").await;
    assert!(told.contains("allowFrom") && !told.contains(BOT_TOKEN), "{told}");
    let told = world.say(OWNER, OWNER, "/config set messages.responseUsage=tokens").await;
    assert!(told.contains("set."), "{told}");
    assert!(world.say(OWNER, OWNER, "it counts").await.contains("Usage: "));
    assert!(world.say(OWNER, OWNER, "/config get messages.responseUsage").await.contains("tokens"));
    assert!(world.say(OWNER, OWNER, "/config unset messages.responseUsage").await.contains("removed"));
    let told = world.say(OWNER, OWNER, "/config set messages.queue.mode=never").await;
    assert!(told.contains("invalid config"), "{told}");
    let told = world.say(GROUP, OWNER, "/mcp show").await;
    assert!(told.contains("direct chat"), "{told}");
    assert!(world.say(GROUP, OWNER, "/config show").await.contains("direct chat"));
    assert!(world.say(OWNER, OWNER, "/mcp show").await.contains("null"));
    world.gateway.stop().await;

    let world = World::start("", &format!(r#"commands: {{ ownerAllowFrom: ["{OWNER}"] }},"#)).await;
    assert!(world.say(OWNER, OWNER, "/config show").await.contains("commands.config=true"));
    assert!(world.say(OWNER, OWNER, "/mcp").await.contains("commands.mcp=true"));
    world.gateway.stop().await;
}

#[tokio::test]
async fn what_is_passed_on_and_what_a_button_stands_for_is_not_the_owners_word() {
    let world = World::owned().await;
    let origin = json!({"type": "hidden_user", "date": 1, "sender_user_name": "Eve"});
    world.fake.push_message(OWNER, OWNER, json!({"text": "/whoami", "forward_origin": origin}));
    let answered = world.fake.wait_for_sent(1, PATIENCE).await.unwrap().remove(0);
    assert!(answered.plain.contains("/whoami") && !answered.plain.contains("User id"), "{}", answered.plain);
    assert_eq!(world.model.requests().len(), 1);

    world.fake.press(OWNER, OWNER, answered.message_id, "/config show");
    let told = world.fake.wait_for_sent(2, PATIENCE).await.unwrap().remove(1).plain;
    assert!(told.contains("has to write it"), "{told}");
    assert!(world.say(OWNER, OWNER, "/config show messages").await.contains("Config"));
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_group_without_a_conversation_of_its_own_is_not_activated() {
    let more = format!(
        r#"commands: {{ ownerAllowFrom: ["telegram:{OWNER}"] }}, session: {{ groupScope: "main" }},"#
    );
    let world = World::start("", &more).await;
    assert!(world.say(GROUP, OWNER, "/activation always").await.contains("groupScope"));
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_conversation_is_named_looked_into_and_made_shorter() {
    let world = World::owned().await;
    assert!(world.say(OWNER, OWNER, "/compact").await.contains("Nothing was said"));
    world.say(OWNER, OWNER, "hello").await;
    assert!(world.say(OWNER, OWNER, "/name Plans").await.contains("called Plans now"));
    assert!(world.say(OWNER, OWNER, "/name").await.contains("called Plans."));
    let told = world.say(OWNER, OWNER, "/context").await;
    assert!(told.contains("Messages: 2") && told.contains("Tools: "), "{told}");
    assert!(world.say(OWNER, OWNER, "/tools").await.contains("message"));
    assert!(world.say(OWNER, OWNER, "/models").await.contains("fake/test-model"));
    assert!(world.say(OWNER, OWNER, "/skill").await.contains("no skills"));
    let told = world.say(OWNER, OWNER, "/compact").await;
    assert!(told.contains("nothing to compact") || told.contains("Compacted"), "{told}");
    world.gateway.stop().await;
}

#[tokio::test]
async fn what_only_openclaw_has_is_refused_by_name_unless_the_agent_has_it() {
    let world = World::start(r#"customCommands: [{ command: "loop", description: "Again" }],"#, "").await;
    let told = world.say(OWNER, OWNER, "/think high").await;
    assert!(told.contains("/think is not a command of this gateway"), "{told}");
    assert_eq!(world.model.requests().len(), 0);
    assert!(world.say(OWNER, OWNER, "/loop 5m check").await.contains("/loop 5m check"), "the agent has it");
    world.gateway.stop().await;
}
