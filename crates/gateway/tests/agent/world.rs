//! What outlives a gateway: its state, its model and its chat.

use crate::flow::{self, BOT_TOKEN, PATIENCE, gateway_at};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, config_with_model};

/// Who may write.
pub(crate) const FRIEND: i64 = 777;

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) model: FakeModel,
    pub(crate) fake: FakeTelegram,
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self { dir, model: FakeModel::start().await, fake: FakeTelegram::start(BOT_TOKEN).await }
    }

    /// A gateway on it, which the friend may write to.
    pub(crate) async fn start(&self) -> TestGateway {
        self.start_with("").await
    }

    /// The same with more configuration (JSON5, a comma at the end).
    pub(crate) async fn start_with(&self, more: &str) -> TestGateway {
        self.start_as(&format!("allowFrom: [{FRIEND}],"), more).await
    }

    /// The same with this account.
    pub(crate) async fn start_as(&self, account: &str, more: &str) -> TestGateway {
        let channels = flow::telegram(&self.fake, account);
        gateway_at(self.dir.path(), config_with_model(&self.model.url(), &format!("{channels} {more}"))).await
    }

    /// The first messages that were sent, so many.
    pub(crate) async fn sent(&self, count: usize) -> Vec<String> {
        match self.fake.wait_for_sent(count, PATIENCE).await {
            Ok(sent) => sent.into_iter().map(|s| s.plain).collect(),
            Err(error) => panic!("{error}"),
        }
    }
}
