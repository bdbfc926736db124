//! A model and a chat platform for a gateway that has none, so that the cases that need them can be held against it.

use serde_json::Value;
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;

const BOT_TOKEN: &str = "424242:conformance";
/// The chat that cases write to.
const CHAT: i64 = 42;
/// Messages that contain this are not answered.
const WAIT: &str = "CONFORMANCE-WAIT";

/// Serves until the process is interrupted.
pub(crate) async fn serve() -> Result<(), String> {
    let model = FakeModel::start().await;
    model.answer_by(silent);
    let telegram = FakeTelegram::start(BOT_TOKEN).await;
    telegram.know_chat(CHAT);
    println!("{}", properties(&model.url(), &telegram.url()));
    tokio::signal::ctrl_c().await.map_err(|e| e.to_string())
}

/// The rule of a model that keeps silent where a case wants time.
fn silent(request: &Value) -> Option<Step> {
    let last = request["messages"].as_array().and_then(|messages| messages.last())?;
    last["content"].to_string().contains(WAIT).then_some(Step::Hang)
}

/// The properties of `openclaw.json` that use both.
fn properties(model: &str, telegram: &str) -> String {
    format!(
        r#"models: {{ providers: {{ fake: {{ baseUrl: "{model}", apiKey: "none", api: "openai-completions",
  models: [ {{ id: "test-model", name: "Test", contextWindow: 128000, maxTokens: 8192 }} ] }} }} }},
agents: {{ defaults: {{ model: {{ primary: "fake/test-model" }} }} }},
channels: {{ telegram: {{ enabled: true, botToken: "{BOT_TOKEN}", apiRoot: "{telegram}" }} }},"#
    )
}
