//! What a measured gateway talks to: a model that answers at once and a chat platform, both in this process.

use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;

const BOT_TOKEN: &str = "424242:bench";

/// Both fakes. They end when this is dropped.
pub(crate) struct Fakes {
    pub(crate) model: FakeModel,
    pub(crate) telegram: FakeTelegram,
}

impl Fakes {
    pub(crate) async fn start() -> Self {
        Self { model: FakeModel::start().await, telegram: FakeTelegram::start(BOT_TOKEN).await }
    }

    /// The configuration of a gateway that uses them.
    pub(crate) fn config(&self) -> String {
        let telegram = format!(
            r#"channels: {{ telegram: {{ enabled: true, botToken: "{BOT_TOKEN}", apiRoot: "{}" }} }},"#,
            self.telegram.url()
        );
        testkit::gateway::config_with_model(&self.model.url(), &telegram)
    }
}
