//! A gateway of this build, running, with a model and a Telegram that answer at once.

#![allow(dead_code)] // Each test file uses its share of these.

use crate::live::{Gateway, Places, config};
use crate::support::{Home, Ran};
use serde_json::Value;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;

/// Strangers get a code.
pub(crate) const PAIRING: &str = r#"dmPolicy: "pairing", allowFrom: []"#;

/// All that a command needs.
pub(crate) struct World {
    pub(crate) telegram: FakeTelegram,
    pub(crate) model: FakeModel,
    pub(crate) home: Home,
    pub(crate) gateway: Gateway,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with("openai-completions", PAIRING, "").await
    }

    /// With this API of models, this policy for direct messages, and more of the configuration.
    pub(crate) async fn with(api: &str, dm: &str, more: &str) -> Self {
        let telegram = FakeTelegram::start("123:abc").await;
        let model = FakeModel::start().await;
        let places = Places { model: &model.url(), api, telegram: &telegram.url(), dm, more };
        let home = Home::with_config(&config(&places));
        let gateway = Gateway::start(&home);
        Self { telegram, model, home, gateway }
    }

    /// Runs a command.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.gateway.run(&self.home, args)
    }

    /// What a command prints with `--json`; it must succeed.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.gateway.json(&self.home, args)
    }
}
