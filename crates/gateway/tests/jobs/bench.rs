//! A gateway under a clock that the test moves, its model and its chat platform. They outlive the gateway.

use crate::flow::{self, BOT_TOKEN, Operator};
use model::ManualClock;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, TestOptions, default_config};

pub(crate) struct Bench {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) model: FakeModel,
    pub(crate) telegram: FakeTelegram,
    pub(crate) dir: tempfile::TempDir,
}

impl Bench {
    /// At this time, in ms since the epoch.
    pub(crate) async fn new(now_ms: i64) -> Self {
        let telegram = FakeTelegram::start(BOT_TOKEN).await;
        telegram.know_chat(777);
        Self {
            clock: Arc::new(ManualClock::at(now_ms)),
            model: FakeModel::start().await,
            telegram,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// A configuration with these defaults of agents and with more (JSON5).
    pub(crate) fn config(&self, defaults: &str, more: &str) -> String {
        let channels = flow::telegram(&self.telegram, "allowFrom: [777],");
        default_config(&format!(
            r#"models: {{ providers: {{ fake: {{ baseUrl: "{}", apiKey: "none", api: "openai-completions",
                 models: [ {{ id: "test-model", name: "Test", contextWindow: 128000, maxTokens: 8192 }} ] }} }} }},
               agents: {{ defaults: {{ model: {{ primary: "fake/test-model" }}, {defaults} }} }},
               {channels} {more}"#,
            self.model.url()
        ))
    }

    /// A gateway on this state directory, as often as a test likes.
    pub(crate) async fn start_with(&self, dir: &Path, config: String) -> TestGateway {
        TestGateway::with(TestOptions {
            config,
            clock: self.clock.clone(),
            state_dir: Some(dir.to_owned()),
            ..TestOptions::default()
        })
        .await
    }

    /// Lets time pass and has the scheduler look: whoever adds a job wakes it.
    pub(crate) async fn pass(&self, operator: &Operator, ms: i64) {
        self.clock.advance_ms(ms);
        let job = json!({
            "name": "nothing", "enabled": false, "schedule": {"kind": "every", "everyMs": 1000}, "sessionTarget": "main",
            "wakeMode": "now", "payload": {"kind": "systemEvent", "text": "nothing"},
        });
        let id = operator.call("cron.add", job).await["id"].clone();
        operator.call("cron.remove", json!({"id": id})).await;
    }
}
