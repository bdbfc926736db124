//! A model and a chat platform for a gateway that has none, so that the cases that need them can be held against it.

use serde_json::Value;
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;

const BOT_TOKEN: &str = "424242:conformance";
/// The chat that cases write to.
const CHAT: i64 = 42;
/// Messages that contain this are not answered.
const WAIT: &str = "CONFORMANCE-WAIT";

/// Both. They end when this is dropped.
pub(crate) struct Fakes {
    model: FakeModel,
    telegram: FakeTelegram,
}

impl Fakes {
    pub(crate) async fn start() -> Self {
        let model = FakeModel::start().await;
        model.answer_by(silent);
        let telegram = FakeTelegram::start(BOT_TOKEN).await;
        telegram.know_chat(CHAT);
        Self { model, telegram }
    }

    /// The properties of `openclaw.json` that use both, with a comma at the end.
    pub(crate) fn properties(&self) -> String {
        format!(
            r#"models: {{ providers: {{ fake: {{ baseUrl: "{}", apiKey: "none", api: "openai-completions",
  models: [ {{ id: "test-model", name: "Test", contextWindow: 128000, maxTokens: 8192 }} ] }} }} }},
agents: {{ defaults: {{ model: {{ primary: "fake/test-model" }} }} }},
channels: {{ telegram: {{ enabled: true, botToken: "{BOT_TOKEN}", apiRoot: "{}" }} }},"#,
            self.model.url(),
            self.telegram.url()
        )
    }
}

/// The rule of a model that keeps silent where a case wants time.
fn silent(request: &Value) -> Option<Step> {
    let last = request["messages"].as_array().and_then(|messages| messages.last())?;
    last["content"].to_string().contains(WAIT).then_some(Step::Hang)
}
