//! Who hears what, with which tools, and pictures that are sent together.

use super::{FRIEND, bench, chat};
use crate::flow::{self, BOT_TOKEN, PATIENCE, text_of};
use serde_json::{Value, json};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, TestOptions, config_with_model};

const GROUP: i64 = -100_123;
const OTHER: i64 = 888;

#[tokio::test]
async fn bindings_say_which_agent_hears_a_conversation() {
    let (fake, model) = (FakeTelegram::start(BOT_TOKEN).await, FakeModel::start().await);
    let groups = r#"groups: { "*": { requireMention: false, topics: { "9": { agentId: "main" } } } },"#;
    let channels = flow::telegram(&fake, &format!("allowFrom: [{FRIEND}, {OTHER}], {groups}"));
    let bindings = r#"bindings: [
        { agentId: "gone", match: { channel: "telegram", peer: { kind: "direct", id: "888" } } },
        { agentId: "second", match: { channel: "telegram", peer: { kind: "direct", id: "777" } }, session: { dmScope: "per-peer" } },
        { agentId: "second", match: { channel: "telegram", accountId: "*", peer: { kind: "group", id: "-100123" } } },
        { agentId: "second", match: { channel: "telegram", accountId: "elsewhere" } },
        { agentId: "second", match: { channel: "slack" } },
    ],"#;
    let agents = "agents: { entries: { main: { default: true }, second: {} },";
    let config =
        config_with_model(&model.url(), &format!("{channels} {bindings}")).replacen("agents: {", agents, 1);
    let gateway = TestGateway::with(TestOptions { config, ..TestOptions::default() }).await;
    let operator = flow::Operator::connect(&gateway).await;
    let topic = |id: i64| json!({"text": "in a topic", "message_thread_id": id, "is_topic_message": true});
    fake.push_text(FRIEND, FRIEND, "to the second");
    fake.push_text(OTHER, OTHER, "to the main one");
    fake.push_text(GROUP, FRIEND, "in the group");
    fake.push_message(GROUP, FRIEND, topic(7));
    fake.push_message(GROUP, FRIEND, topic(9));
    fake.push_text(-100_999, FRIEND, "elsewhere");
    fake.wait_for_sent(6, PATIENCE).await.unwrap();
    let listed = operator.call("sessions.list", json!({})).await;
    let mut keys: Vec<&str> =
        listed["sessions"].as_array().unwrap().iter().filter_map(|s| s["key"].as_str()).collect();
    keys.sort_unstable();
    let expected = [
        "agent:main:main",
        "agent:main:telegram:group:-100123:topic:9",
        "agent:main:telegram:group:-100999",
        "agent:second:direct:777",
        "agent:second:telegram:group:-100123",
        "agent:second:telegram:group:-100123:topic:7",
    ];
    assert_eq!(keys, expected);
    gateway.stop().await;
}

/// The names of the tools that the model was offered last.
fn tools(request: &Value) -> Vec<&str> {
    let tools = request["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    tools.iter().filter_map(|tool| tool["function"]["name"].as_str()).collect()
}

#[tokio::test]
async fn who_speaks_decides_about_the_tools_and_nobody_speaks_in_anothers_turn() {
    let groups = format!(
        r#"groupPolicy: "open", groups: {{ "-100123": {{ requireMention: false, tools: {{ deny: ["exec"] }},
            toolsBySender: {{ "id:{FRIEND}": {{}}, "username:user{OTHER}": {{}} }} }} }},
           direct: {{ "*": {{ toolsBySender: {{ "*": {{ allow: ["read"] }} }} }} }},"#
    );
    let (bench, fake) = bench(&groups, "").await;
    let gate = super::Gate::new(&bench);
    fake.push_text(GROUP, FRIEND, &format!("TOOL:exec {}", gate.command()));
    bench.model.wait_for_requests(1).await;
    // It would steer the running turn, which has more than this one may have.
    fake.push_text(GROUP, OTHER, "TOOL:exec {\"command\": \"true\"}");
    fake.push_text(FRIEND, FRIEND, "hello");
    chat(&fake, &["echo: hello"]).await;
    gate.open();
    fake.wait_for_sent(3, PATIENCE).await.unwrap();
    let requests = bench.model.requests();
    let of = |says: &str| requests.iter().find(|r| flow::asked(r).contains(says)).unwrap();
    assert!(tools(of("while")).contains(&"exec"));
    let other = of("\"true\"");
    assert!(!tools(other).contains(&"exec") && tools(other).contains(&"read"), "{:?}", tools(other));
    assert_eq!(tools(of("hello")), ["read"]);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn pictures_that_are_sent_together_are_one_message() {
    let (bench, fake) = bench("", "").await;
    let operator = bench.operator().await;
    let part = |file: &str, caption: Option<&str>| {
        fake.put_file(file, b"\x89PNG picture".to_vec());
        let mut content =
            json!({"media_group_id": "77", "photo": [{"file_id": file, "width": 9, "height": 9}]});
        if let Some(caption) = caption {
            content["caption"] = json!(caption);
        }
        fake.push_message(FRIEND, FRIEND, content);
    };
    part("one", Some("what are these?"));
    part("two", None);
    part("three", Some("and this?"));
    fake.push_text(FRIEND, FRIEND, "quick");
    // The fake's model sees no pictures, and says how many it was given.
    let left_out = "\n[image left out (image/png): this model cannot read it]".repeat(3);
    chat(&fake, &[&format!("echo: what are these?\nand this?{left_out}"), "echo: quick"]).await;
    let history = operator.history().await;
    let users: Vec<&Value> = history.iter().filter(|m| m["role"] == "user").collect();
    assert_eq!(users.len(), 2, "{history:#?}");
    let images =
        users[0]["content"].as_array().unwrap().iter().filter(|part| part["type"] == "image").count();
    assert_eq!((images, text_of(users[1]).as_str()), (3, "quick"));
    bench.gateway.stop().await;
}
