//! What a gateway would answer, from the files of its host, while none runs. Only looks: the state file is open for reading, the
//! lock stays whose it is, and a gateway that starts meanwhile is not in the way.

use crate::current::{Base, Current};
use crate::methods::agents::list::agents;
use crate::methods::channels::{dead_letters, pairing};
use crate::methods::models::{auth_status, list as model_list};
use crate::methods::sessions::cleanup;
use crate::methods::sessions::list::{self, Seen};
use crate::models::Models;
use crate::secrets::Secrets;
use crate::settings::Settings;
use config::{Env, Loaded, Paths};
use model::{SessionKey, SharedClock};
use protocol::ErrorShape;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Store, StoreError};

/// The files of a host on which no gateway runs.
pub struct Offline {
    base: Base,
    current: Current,
    /// `None`: no gateway has run here yet.
    store: Option<Store>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// Only a running gateway answers this.
    #[error("{0} needs a running gateway")]
    Method(String),
    /// The question, or what the files say, is wrong.
    #[error("{0}")]
    Refused(String),
    /// The state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ErrorShape> for OfflineError {
    fn from(error: ErrorShape) -> Self {
        Self::Refused(error.message)
    }
}

impl Offline {
    /// Opens them. `loaded` is the configuration of `paths`.
    ///
    /// # Errors
    /// The state file is there and cannot be read.
    pub fn open(loaded: Loaded, env: Env, paths: Paths, clock: SharedClock) -> Result<Self, StoreError> {
        let store = Store::open_for_reading(&paths.state_dir, clock.clone())?;
        let settings = Settings::for_looking(&loaded, &env, &paths);
        let base = Base { env, paths, clock, model_fallback: None };
        let current = Current::new(&base, loaded, settings, Arc::new(Secrets::none()));
        Ok(Self { base, current, store })
    }

    /// What a gateway would answer to `agents.list`, `channels.deadLetters.list`, `channels.pairing.list`, `models.authStatus`, `models.list`, `sessions.list`, or
    /// `sessions.cleanup` with `dryRun`.
    ///
    /// # Errors
    /// See [`OfflineError`].
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, OfflineError> {
        match method {
            "agents.list" => Ok(agents(&self.current)),
            "models.list" => Ok(json!({"models": model_list::of_agent(&self.current, &read(params)?)?})),
            "models.authStatus" => self.auth_status().await,
            "sessions.list" => self.sessions(read(params)?).await,
            "sessions.cleanup" => self.cleanup(read(params)?).await,
            "channels.deadLetters.list" => Ok(dead_letters::page(read(params)?, self.store.as_ref()).await?),
            "channels.pairing.list" => self.waiting(read(params)?).await,
            other => Err(OfflineError::Method(other.to_owned())),
        }
    }

    /// Closes the state file.
    pub async fn close(self) {
        if let Some(store) = self.store {
            store.close().await;
        }
    }

    async fn auth_status(&self) -> Result<Value, OfflineError> {
        // Files and programs that keep keys are asked, as a gateway would.
        let config = &self.current.loaded.config;
        let env = config.environment(&self.base.env);
        let secrets = Secrets::look_up(config, &env, &self.base.paths, &[]).await;
        let models = Models::new(&self.base, config.clone(), env, Arc::new(secrets));
        let providers = auth_status::providers(Arc::new(models)).await?;
        let health = match &self.store {
            Some(store) => store.key_health().await?,
            None => Vec::new(),
        };
        Ok(auth_status::status(&providers, &health, self.base.clock.now_ms()))
    }

    async fn sessions(&self, params: list::Params) -> Result<Value, OfflineError> {
        let path = self.sessions_path();
        let Some(store) = &self.store else {
            return Ok(json!({"path": path, "count": 0, "totalCount": 0, "hasMore": false, "sessions": []}));
        };
        let now_ms = self.base.clock.now_ms();
        // Nothing runs where no gateway does; a run that was cut is taken up by the next.
        let running = |_: &SessionKey| Vec::new();
        let seen = Seen { current: &self.current, store, running: &running, now_ms, path };
        Ok(list::page(params, &seen).await?)
    }

    async fn cleanup(&self, params: cleanup::Params) -> Result<Value, OfflineError> {
        if !params.dry_run {
            return Err(OfflineError::Method("putting sessions away".into()));
        }
        let path = self.sessions_path();
        let place = (self.store.as_ref(), path.as_str(), self.base.clock.now_ms());
        let maintenance = &self.current.loaded.config.session.maintenance;
        Ok(cleanup::preview(&params, &self.current.settings, maintenance, place).await?)
    }

    fn sessions_path(&self) -> String {
        self.base.paths.state_dir.join("state").join("gateway.sqlite").display().to_string()
    }

    async fn waiting(&self, params: pairing::List) -> Result<Value, OfflineError> {
        let Some(store) = &self.store else { return Ok(json!({"accounts": [], "requests": []})) };
        let telegram = self.current.loaded.config.channels.telegram.as_ref();
        let accounts = telegram.into_iter().flat_map(|telegram| telegram.enabled_accounts());
        let names: Vec<String> = accounts.map(|account| account.account.clone()).collect();
        Ok(pairing::waiting(params, store, &self.current.settings, &names).await?)
    }
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, OfflineError> {
    serde_json::from_value(params).map_err(|error| OfflineError::Refused(error.to_string()))
}
