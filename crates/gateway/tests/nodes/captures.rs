//! What a node captures (a photo, a film) is seen by the model as such, kept, and reaches a chat.

use super::tools::node;
use crate::flow::{self, BOT_TOKEN, Bench, PATIENCE};
use serde_json::{Value, json};
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;

const FRIEND: i64 = 777;
/// The beginning of a JPEG, as base64.
const JPEG: &str = "/9j/4AAQSkZJRg==";

/// Asks for a photo, and answers with the one that was kept.
fn photographer(request: &Value) -> Option<Step> {
    let messages = request["messages"].as_array()?;
    // A picture stands in a message of its own after the tool's answer.
    let told =
        messages.iter().filter(|m| m["role"] == "tool").filter_map(|m| m["content"].as_str()).next_back();
    let Some(told) = told else {
        let call = json!({"action": "invoke", "command": "camera.snap", "params": {"facing": "front"}});
        return Some(Step::ToolCalls(vec![("nodes".into(), call)]));
    };
    let path = told.split("\"localPath\":\"").nth(1)?.split('"').next()?;
    Some(Step::Text(format!("There.\nMEDIA:{path}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_of_a_phone_is_seen_by_the_model_and_reaches_the_chat() {
    let (fake, model) = (FakeTelegram::start(BOT_TOKEN).await, FakeModel::start().await);
    let telegram = flow::telegram(&fake, &format!("allowFrom: [{FRIEND}]"));
    let config = super::tools::config(&model, "", &telegram)
        .replace("\"lamp.on\"", "\"camera.snap\"")
        .replace("maxTokens: 8192", r#"maxTokens: 8192, input: ["text", "image"]"#);
    let options = testkit::gateway::TestOptions { config, ..testkit::gateway::TestOptions::default() };
    let bench = Bench { gateway: testkit::gateway::TestGateway::with(options).await, model };
    let mut operator = bench.operator().await;
    let mut phone = node(&bench, &mut operator, 1, &["camera.snap"]).await;
    bench.model.answer_by(photographer);

    fake.push_text(FRIEND, FRIEND, "what does my phone see?");
    let invoked = phone.invoked().await;
    assert_eq!(
        (invoked["command"].as_str(), invoked["paramsJSON"].as_str()),
        (Some("camera.snap"), Some(r#"{"facing":"front"}"#))
    );
    phone.result(&invoked, &json!({"format": "jpg", "base64": JPEG, "width": 1, "height": 1})).await;

    fake.wait_for_calls("sendPhoto", 1, PATIENCE).await.unwrap();
    // What the model was asked with the second time has the picture once, as a picture, and no text of it.
    let asked = bench.model.requests().pop().unwrap().to_string();
    assert_eq!(asked.matches(JPEG).count(), 1, "{asked}");
    assert!(asked.contains(&format!("data:image/jpeg;base64,{JPEG}")), "{asked}");
    bench.gateway.stop().await;
}
