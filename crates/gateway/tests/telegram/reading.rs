//! What was said in a chat is read from what came here: by the agent in the chat that it answers, and by operators.

use crate::flow::{self, BOT_TOKEN, Operator, PATIENCE, gateway_at};
use serde_json::{Value, json};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::{BOT_USERNAME, FakeTelegram};
use testkit::gateway::config_with_model;

const FRIEND: i64 = 777;
const STRANGER: i64 = 999;
const GROUP: i64 = -1005;

/// Who said what.
fn told(read: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |message: &Value| (text(&message["senderId"]), text(&message["body"]));
    read["messages"].as_array().unwrap().iter().map(one).collect()
}

#[tokio::test]
async fn a_group_is_read_page_by_page_with_what_was_not_for_the_agent_and_not_what_strangers_said() {
    let dir = tempfile::tempdir().unwrap();
    let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
    let account = format!(r#"allowFrom: [{FRIEND}], groups: {{ "*": {{}} }},"#);
    let config = config_with_model(&model.url(), &flow::telegram(&fake, &account));
    let gateway = gateway_at(dir.path(), config.clone()).await;
    fake.push_text(GROUP, FRIEND, "the plan is Friday");
    fake.push_text(GROUP, STRANGER, "nobody hears this");
    let entity = json!({"type": "mention", "offset": 0, "length": BOT_USERNAME.len() + 1});
    let mention = |text: &str| json!({"text": format!("@{BOT_USERNAME} {text}"), "entities": [entity]});
    fake.push_message(GROUP, FRIEND, mention("hello"));
    fake.wait_for_sent(1, PATIENCE).await.unwrap();

    // It outlives the conversation and the process.
    fake.push_text(GROUP, FRIEND, "/new");
    fake.wait_for_sent(2, PATIENCE).await.unwrap();
    gateway.stop().await;
    let gateway = gateway_at(dir.path(), config).await;
    let operator = Operator::connect(&gateway).await;
    let read = async |more: Value| {
        let mut params = json!({"to": GROUP.to_string()});
        params.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let key = format!("read {more}");
        operator
            .call(
                "message.action",
                json!({"channel": "telegram", "action": "read", "params": params, "idempotencyKey": key}),
            )
            .await
    };
    let all = read(json!({})).await;
    let friend = FRIEND.to_string();
    let said = told(&all);
    assert_eq!(said[0], (friend.clone(), "the plan is Friday".to_owned()), "{all}");
    assert!(said[1].1.ends_with("hello") && said[2].0.is_empty(), "{all}");
    assert!(!all.to_string().contains("nobody hears"), "{all}");
    assert_eq!((&all["messages"][0]["messageId"], &all["hasMore"]), (&all["oldestMessageId"], &json!(false)));
    let first = all["oldestMessageId"].as_str().unwrap();

    let last = read(json!({"limit": 1})).await;
    assert_eq!((told(&last).len(), &last["hasMore"]), (1, &json!(true)));
    let before = read(json!({"limit": 1, "before": last["oldestMessageId"]})).await;
    assert_ne!(before["oldestMessageId"], last["oldestMessageId"]);
    let after = read(json!({"after": first})).await;
    assert_eq!(told(&after)[0], said[1], "{after}");
    let one = read(json!({"messageId": first})).await;
    assert_eq!(told(&one), [said[0].clone()]);
    assert!(told(&read(json!({"threadId": "7"})).await).is_empty(), "a topic is not the group");

    // The agent reads the chat that it answers.
    fake.push_message(GROUP, FRIEND, mention(r#"TOOL:message {"action":"read"}"#));
    fake.wait_for_sent(3, PATIENCE).await.unwrap();
    let asked = model.requests().pop().unwrap().to_string();
    assert!(asked.contains("the plan is Friday"), "{asked}");

    // Nobody reads it by a turn that only belongs to the same session.
    let session = format!("agent:main:telegram:group:{GROUP}");
    let message = r#"TOOL:message {"action":"read"}"#;
    operator
        .agent_with(json!({"message": message, "idempotencyKey": "elsewhere", "sessionKey": session}))
        .await
        .unwrap();
    let asked = model.requests().pop().unwrap().to_string();
    assert!(asked.contains("begun by a job, a heartbeat or a program"), "{asked}");
    gateway.stop().await;
}
