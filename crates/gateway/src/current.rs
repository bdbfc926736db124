//! What the configuration says, all of one reading. A request or a turn takes it once and goes by it to its end, so that
//! it never sees half of an old configuration and half of a new one; whoever comes after a reload takes the next.

use crate::models::Models;
use crate::secrets::Secrets;
use crate::settings::Settings;
use agent::tool::Tools;
use config::{Env, Loaded, Paths};
use model::SharedClock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tools::{Egress, EgressPolicy};

/// One reading of the configuration, and what was made from it.
pub(crate) struct Current {
    /// As it was read.
    pub(crate) loaded: Loaded,
    /// What the gateway takes from it.
    pub(crate) settings: Arc<Settings>,
    /// The secrets that it needs.
    pub(crate) secrets: Arc<Secrets>,
    /// The models that it names.
    pub(crate) models: Arc<Models>,
    /// The client for fetches that it allows.
    pub(crate) egress: Arc<Egress>,
    /// Each agent's tools, made once.
    pub(crate) tools: Mutex<HashMap<String, Tools>>,
}

/// What stays the same whatever the configuration says.
#[derive(Clone)]
pub(crate) struct Base {
    /// The environment of the process.
    pub(crate) env: Env,
    pub(crate) paths: Paths,
    pub(crate) clock: SharedClock,
    /// Answers for the agents for which the configuration names no model: the demo's.
    pub(crate) model_fallback: Option<Arc<dyn llm::Model>>,
}

impl Current {
    /// Makes what hangs on the configuration. `settings` and `secrets` are those of `loaded`.
    pub(crate) fn new(base: &Base, loaded: Loaded, settings: Settings, secrets: Arc<Secrets>) -> Self {
        let env = loaded.config.environment(&base.env);
        let models = Models::new(base, loaded.config.clone(), env, secrets.clone());
        let egress = Egress::new(EgressPolicy { allow_private: settings.fetch_private });
        Self {
            loaded,
            settings: Arc::new(settings),
            secrets,
            models: Arc::new(models),
            egress: Arc::new(egress),
            tools: Mutex::default(),
        }
    }
}

/// The place of the [`Current`] that counts now.
pub(crate) struct Holder(RwLock<Arc<Current>>);

impl Holder {
    pub(crate) fn new(current: Current) -> Self {
        Self(RwLock::new(Arc::new(current)))
    }

    /// Another one counts from now on.
    pub(crate) fn set(&self, current: Current) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
    }

    /// The one that counts now.
    pub(crate) fn get(&self) -> Arc<Current> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
