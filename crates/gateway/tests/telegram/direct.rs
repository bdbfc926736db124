//! Direct chats: what is configured for one, and their topics, each of which is a conversation of its own.

use crate::flow::{self, BOT_TOKEN, PATIENCE, asked, gateway_at};
use serde_json::{Value, json};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::config_with_model;

const FRIEND: i64 = 777;

fn tools_of(request: &Value) -> Vec<String> {
    let tools = request["tools"].as_array().cloned().unwrap_or_default();
    let name = |tool: &Value| tool["function"]["name"].as_str().unwrap_or_default().to_owned();
    tools.iter().map(name).collect()
}

#[tokio::test]
async fn a_topic_of_a_direct_chat_is_a_conversation_of_its_own_and_has_what_is_configured_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
    let direct = format!(
        r#"allowFrom: [{FRIEND}], direct: {{ "{FRIEND}": {{ systemPrompt: "Here it is about tea.", tools: {{ deny: ["exec"] }},
            topics: {{ "7": {{ systemPrompt: "Here it is about coffee.", agentId: "second" }} }} }} }},"#
    );
    let config = config_with_model(&model.url(), &flow::telegram(&fake, &direct));
    let config =
        config.replacen("agents: {", "agents: { entries: { main: { default: true }, second: {} },", 1);
    let gateway = gateway_at(dir.path(), config).await;
    let topic =
        |id: i64, text: &str| json!({"message_thread_id": id, "is_topic_message": true, "text": text});
    let mut seen = Vec::new();
    for (count, message) in [json!({"text": "the first word"}), topic(7, "of coffee"), topic(8, "of milk")]
        .into_iter()
        .enumerate()
    {
        fake.push_message(FRIEND, FRIEND, message);
        fake.wait_for_sent(count + 1, PATIENCE).await.unwrap();
        seen.push(model.requests().pop().unwrap());
    }
    for (request, key, about) in [
        (&seen[0], "agent:main:main", "about tea"),
        (&seen[1], "agent:second:main:thread:777:7", "about coffee"),
        (&seen[2], "agent:main:main:thread:777:8", "about tea"),
    ] {
        let text = request.to_string();
        assert!(text.contains(key) && text.contains(about), "{key}: {text}");
        assert!(!tools_of(request).contains(&"exec".to_owned()), "{key}: {text}");
    }
    // None knows what was said in another, and what is answered stays there.
    assert!(!seen[2].to_string().contains("the first word") && asked(&seen[2]).contains("of milk"));
    let threads: Vec<_> = fake.sent().iter().map(|sent| sent.thread_id).collect();
    assert_eq!(threads, [None, Some(7), Some(8)]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_thread_is_a_topic_only_where_telegram_says_that_there_are_some() {
    let dir = tempfile::tempdir().unwrap();
    let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
    let config = config_with_model(&model.url(), &flow::telegram(&fake, &format!("allowFrom: [{FRIEND}],")));
    let gateway = gateway_at(dir.path(), config).await;
    fake.push_message(FRIEND, FRIEND, json!({"message_thread_id": 3, "text": "an answer to something"}));
    let sent = fake.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_eq!(sent[0].thread_id, None);
    assert!(!model.requests()[0].to_string().contains(":thread:"));
    gateway.stop().await;
}
