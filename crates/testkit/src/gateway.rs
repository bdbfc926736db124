//! A real gateway, through its real constructor, on a free port and in a directory of its own.

// Only tests use this: what cannot be set up ends them with the reason.
#![allow(clippy::panic)]

use crate::contract::Contract;
use config::{Env, Paths};
use gateway::{Gateway, GatewayOptions, StartError};
use model::{SharedClock, SystemClock};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The shared token of a gateway that names no other.
pub const TOKEN: &str = "test-token-that-is-long-enough";

/// What a [`TestGateway`] is started with.
pub struct TestOptions {
    /// `openclaw.json`, JSON5. Without `gateway.auth` in it, mode is token with [`TOKEN`].
    pub config: String,
    /// The environment; empty by default.
    pub env: Env,
    /// Tells the time of day.
    pub clock: SharedClock,
    /// Answers where no model is configured.
    pub model: Option<Arc<dyn llm::Model>>,
    /// The state directory; a fresh one by default.
    pub state_dir: Option<PathBuf>,
    /// The file that `logs.tail` reads; none by default.
    pub log_file: Option<PathBuf>,
    /// Servers of tools beside it; none by default.
    pub tools: Option<Arc<dyn gateway::OwnTools>>,
}

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            config: default_config(""),
            env: Env::from([] as [(&str, &str); 0]),
            clock: Arc::new(SystemClock),
            model: None,
            state_dir: None,
            log_file: None,
            tools: None,
        }
    }
}

/// A configuration with token auth and `more` (JSON5 properties, with a comma at the end).
pub fn default_config(more: &str) -> String {
    format!(r#"{{ {more} gateway: {{ mode: "local", auth: {{ mode: "token", token: "{TOKEN}" }} }} }}"#)
}

/// A configuration whose agent asks an OpenAI-compatible server, with `more` as in [`default_config`].
pub fn config_with_model(base_url: &str, more: &str) -> String {
    unbatched(&default_config(&format!(
        r#"models: {{ providers: {{ fake: {{ baseUrl: "{base_url}", apiKey: "none", api: "openai-completions",
             models: [ {{ id: "test-model", name: "Test", contextWindow: 128000, maxTokens: 8192 }} ] }} }} }},
           agents: {{ defaults: {{ model: {{ primary: "fake/test-model" }} }} }}, {more}"#
    )))
}

/// A configuration in which each text of a chat is a message of its own, unless it says itself how long more is waited for.
pub fn unbatched(config: &str) -> String {
    const OFF: &str = "inbound: { debounceMs: 0 },";
    if config.contains("inbound:") || !config.contains("telegram: {") {
        return config.to_owned();
    }
    match config.contains("messages: {") {
        true => config.replacen("messages: {", &format!("messages: {{ {OFF}"), 1),
        false => config.replacen('{', &format!("{{ messages: {{ {OFF} }},"), 1),
    }
}

/// A running gateway. Stops with [`TestGateway::stop`], or with the runtime. Every frame that it sent is held against the
/// published contract when it stops or is dropped, and one that breaks it ends the test.
pub struct TestGateway {
    gateway: Option<Gateway>,
    contract: Arc<Contract>,
    state_dir: PathBuf,
    _temporary: Option<TempDir>,
}

impl TestGateway {
    /// Starts one with token auth and no model.
    pub async fn start() -> Self {
        Self::with(TestOptions::default()).await
    }

    /// Starts one.
    ///
    /// # Panics
    /// It does not start; tests that want that use [`TestGateway::try_with`].
    pub async fn with(options: TestOptions) -> Self {
        match Self::try_with(options).await {
            Ok(gateway) => gateway,
            Err(error) => panic!("the gateway did not start: {error}"),
        }
    }

    /// Starts one, or says why not.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    ///
    /// # Panics
    /// The configuration cannot be written or read.
    pub async fn try_with(options: TestOptions) -> Result<Self, StartError> {
        let temporary = options
            .state_dir
            .is_none()
            .then(|| TempDir::new().unwrap_or_else(|e| panic!("no directory: {e}")));
        let state_dir = match (&options.state_dir, &temporary) {
            (Some(dir), _) => dir.clone(),
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => unreachable!("one of them is there"),
        };
        let config_file = state_dir.join("openclaw.json");
        std::fs::write(&config_file, &options.config)
            .unwrap_or_else(|e| panic!("{}: {e}", config_file.display()));
        let paths = Paths { state_dir: state_dir.clone(), config_file, dev: false, profile: None };
        let loaded = config::load(&paths, &options.env).unwrap_or_else(|e| panic!("configuration: {e}"));
        let contract = Arc::new(Contract::new());
        let gateway = Gateway::start(GatewayOptions {
            paths,
            loaded,
            env: options.env,
            port: Some(0),
            clock: options.clock,
            model_fallback: options.model,
            port_fallback: false,
            log_file: options.log_file,
            tap: Some(contract.clone()),
            browser: None,
            tools: options.tools,
            on_config: None,
        })
        .await?;
        Ok(Self { gateway: Some(gateway), contract, state_dir, _temporary: temporary })
    }

    /// `ws://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.gateway().url()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.gateway().addr().port()
    }

    /// Where its state is.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// The gateway itself.
    pub fn gateway(&self) -> &Gateway {
        match &self.gateway {
            Some(gateway) => gateway,
            None => unreachable!("only stopping takes it out"),
        }
    }

    /// What its frames are held against.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Stops it and waits until it has stopped. A directory of its own is removed.
    ///
    /// # Panics
    /// It sent a frame that breaks the contract.
    pub async fn stop(mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.shutdown().await;
        }
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        // A test that failed already has said why.
        if std::thread::panicking() {
            return;
        }
        if let Some(report) = self.contract.verdict() {
            panic!("{report}");
        }
    }
}
