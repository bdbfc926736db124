//! Which model answers for which agent, and with which key: from the configuration, the environment or an auth profile.

pub(crate) mod auth;
pub(crate) mod failover;
pub(crate) mod hearing;
mod keys;
mod plan;
pub(crate) mod probe;

use crate::current::Base;
use crate::secrets::{self, Secrets};
use config::{AuthProfiles, Config, Env, ModelConfig, Paths};
use keys::Key;
use llm::{Api, Model, ModelInfo, Price, Setup};
use model::{ExposeSecret, SecretString};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Assumed of a model of which the configuration says nothing.
const DEFAULT_WINDOW: u64 = 128_000;
const DEFAULT_MAX_TOKENS: u64 = 8_192;

/// A model, and the secret that it was built with: there may be another one under the same name by now.
type Built = (Option<SecretString>, Arc<dyn Model>);

/// The models. What they need is there: nothing here waits for a file or a program.
pub(crate) struct Models {
    config: Config,
    env: Env,
    paths: Paths,
    secrets: Arc<Secrets>,
    setup: Setup,
    /// Answers for the agents for which the configuration names no model: the demo's.
    fixed: Option<Arc<dyn Model>>,
    /// By the model's name and what its key is known by.
    built: Mutex<HashMap<(String, String), Built>>,
}

impl Models {
    /// `secrets` are those of `config`, and `env` the environment with the configuration's variables.
    pub(crate) fn new(base: &Base, config: Config, env: Env, secrets: Arc<Secrets>) -> Self {
        let setup = Setup { clock: base.clock.clone(), ..Setup::default() };
        let (paths, fixed) = (base.paths.clone(), base.model_fallback.clone());
        Self { config, env, paths, secrets, setup, fixed, built: Mutex::default() }
    }

    /// Whether the default agent has a model.
    pub(crate) fn is_configured(&self) -> bool {
        self.name_for(self.config.agents.default_id()).is_some()
    }

    /// `provider/model` of an agent, as configured.
    pub(crate) fn name_for(&self, agent_id: &str) -> Option<String> {
        let configured = self.config.agents.model(agent_id).primary.as_deref();
        configured
            .map(|name| self.whole(name).to_owned())
            .or_else(|| self.fixed.as_ref().map(|model| full_name(model.info())))
    }

    /// A model's whole name: as it is, or what it is short for.
    fn whole<'a>(&'a self, name: &'a str) -> &'a str {
        self.config.agents.defaults.aliased(name).unwrap_or(name)
    }

    /// The model of an agent, built once.
    ///
    /// # Errors
    /// What is missing and the command that mends it.
    pub(crate) fn for_agent(&self, agent_id: &str) -> Result<Arc<dyn Model>, String> {
        self.named(&self.own(agent_id)?)
    }

    /// The name of an agent's model.
    fn own(&self, agent_id: &str) -> Result<String, String> {
        let flags = self.paths.profile_flags();
        self.name_for(agent_id).ok_or_else(|| {
            format!(
                "no model is configured. Choose one with: openclaw{flags} config set agents.defaults.model.primary \
                 anthropic/claude-sonnet-4-5 (or openai/…, ollama/…). Its key is models.providers.NAME.apiKey, or \
                 stands in the gateway's environment when it starts (ANTHROPIC_API_KEY, OPENAI_API_KEY)"
            )
        })
    }

    /// The models that may answer, the first one first: what a session or a call has chosen stands alone, an agent's own has
    /// what it falls back on, and so has what a job names.
    ///
    /// # Errors
    /// No model is configured.
    pub(crate) fn names_for_run(&self, agent_id: &str, wanted: &Wanted<'_>) -> Result<Vec<String>, String> {
        let fallbacks = || self.config.agents.fallbacks(agent_id).iter();
        let mut names = match wanted {
            Wanted::Exactly(name) | Wanted::Chosen(name) => return Ok(vec![self.whole(name).to_owned()]),
            Wanted::First(name) => vec![self.whole(name).to_owned()],
            Wanted::Own => vec![self.own(agent_id)?],
        };
        for name in fallbacks().map(|name| self.whole(name)) {
            if !names.iter().any(|other| other == name) {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// The full name of a model that somebody asks for, if it can be had.
    ///
    /// # Errors
    /// Why it cannot.
    pub(crate) fn choose(&self, name: &str) -> Result<String, String> {
        let name = self.whole(name.trim());
        let listed: Vec<ModelInfo> = self.list();
        if let Some(info) = listed.iter().find(|info| full_name(info) == name) {
            return Ok(full_name(info));
        }
        // A bare id means the one model that has it.
        let mut bare = listed.iter().filter(|info| info.id == name);
        if let (Some(info), None) = (bare.next(), bare.next()) {
            return Ok(full_name(info));
        }
        let provider = name.split_once('/').map(|(provider, _)| provider);
        let has_list = provider.is_some_and(|p| self.config.models.providers.contains_key(p));
        if has_list || provider.is_none() {
            let known: Vec<String> = listed.iter().map(full_name).collect();
            return Err(format!("model {name:?} is not available; there are: {}", known.join(", ")));
        }
        self.named(name).map(|model| full_name(model.info()))
    }

    /// Whether it is known what a model costs; nothing is a price too, where the configuration lists it so.
    pub(crate) fn is_priced(&self, provider: &str, id: &str) -> bool {
        self.fixed.as_ref().is_some_and(|model| model.info().provider == provider && model.info().id == id)
            || self.config.models.providers.get(provider).is_some_and(|p| p.model(id).is_some())
    }

    /// The demo's model, if that is what is asked for.
    fn fixed(&self, name: &str) -> Option<&Arc<dyn Model>> {
        self.fixed.as_ref().filter(|model| full_name(model.info()) == name)
    }

    /// A model by its name, `provider/model`, with the first of its provider's keys; built once.
    ///
    /// # Errors
    /// As [`Models::for_agent`].
    pub(crate) fn named(&self, name: &str) -> Result<Arc<dyn Model>, String> {
        if let Some(model) = self.fixed(name) {
            return Ok(model.clone());
        }
        let (provider, id) = halves(name)?;
        let keys = self.keys(provider, id, 0)?;
        let key = keys.first().ok_or_else(|| format!("no key for {provider}"))?;
        self.with_key(name, key)
    }

    /// A model by its name with this key of its provider's; built once.
    fn with_key(&self, name: &str, key: &Key) -> Result<Arc<dyn Model>, String> {
        let mut built = self.built.lock().unwrap_or_else(|e| e.into_inner());
        let place = (name.to_owned(), key.id.clone());
        let shown = |secret: &Option<SecretString>| secret.as_ref().map(|s| s.expose_secret().to_owned());
        if let Some((secret, model)) = built.get(&place)
            && shown(secret) == shown(&key.secret)
        {
            return Ok(model.clone());
        }
        let (provider, id) = halves(name)?;
        let provider = self.provider(provider, id, key)?;
        let model = llm::build_with(&provider, self.info(name)?, &self.setup).map_err(|e| e.to_string())?;
        built.insert(place, (key.secret.clone(), model.clone()));
        Ok(model)
    }

    /// What is known of a model by its name; nobody needs its key for that.
    ///
    /// # Errors
    /// It is no name of a model, or nobody knows its provider.
    fn info(&self, name: &str) -> Result<ModelInfo, String> {
        if let Some(model) = self.fixed(name) {
            return Ok(model.info().clone());
        }
        let (provider, id) = halves(name)?;
        let (api, listed) = match (self.config.models.providers.get(provider), llm::well_known(provider)) {
            (Some(entry), _) => (api_of(entry.api), entry.model(id)),
            (None, Some(known)) => (known.api, None),
            (None, None) => return Err(unknown_provider(provider, id)),
        };
        let mut info = model_info(api, provider, id, listed);
        if let Some(cap) = self.config.agents.defaults.context_tokens {
            info.context_window = info.context_window.min(cap);
        }
        Ok(info)
    }

    /// What is known of the model that answers in a session.
    pub(crate) fn info_for_run(&self, agent_id: &str, choice: Option<&str>) -> Option<ModelInfo> {
        let name = choice.map(str::to_owned).or_else(|| self.name_for(agent_id))?;
        self.info(&name).ok()
    }

    /// The models that `models.list` shows: those listed in the configuration, the default one, and what it falls back on.
    pub(crate) fn list(&self) -> Vec<ModelInfo> {
        self.list_for(self.config.agents.default_id())
    }

    /// As [`Models::list`], with what this agent is answered by.
    pub(crate) fn list_for(&self, agent: &str) -> Vec<ModelInfo> {
        let mut out = Vec::new();
        for (name, entry) in &self.config.models.providers {
            let listed = entry.models.iter();
            out.extend(listed.map(|listed| model_info(api_of(entry.api), name, &listed.id, Some(listed))));
        }
        let used = self.names_for_run(agent, &Wanted::Own).unwrap_or_default();
        for info in used.iter().filter_map(|name| self.info(name).ok()) {
            if !out.iter().any(|i| i.provider == info.provider && i.id == info.id) {
                out.push(info);
            }
        }
        out
    }
}

/// What a turn wants to be answered by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// Its agent's own model.
    Own,
    /// This model, and no other.
    Exactly(&'a str),
    /// This model, which somebody chose for the session, and no other.
    Chosen(&'a str),
    /// This model first, and then what its agent falls back on.
    First(&'a str),
}

fn full_name(info: &ModelInfo) -> String {
    format!("{}/{}", info.provider, info.id)
}

/// Provider and model.
fn halves(name: &str) -> Result<(&str, &str), String> {
    name.split_once('/').ok_or_else(|| {
        format!("the model is {name:?}; write it as provider/model, such as anthropic/claude-sonnet-4-5")
    })
}

fn unknown_provider(name: &str, id: &str) -> String {
    format!(
        "the model {name}/{id} is configured, but no provider {name:?} is; add models.providers.{name} with baseUrl and api"
    )
}

fn api_of(api: config::ProviderApi) -> Api {
    match api {
        config::ProviderApi::OpenaiCompletions => Api::OpenAiCompletions,
        config::ProviderApi::AnthropicMessages => Api::AnthropicMessages,
    }
}

/// The file of keys; empty where there is none.
fn profiles(text: secrets::Answer) -> Result<AuthProfiles, String> {
    let Some(text) = text? else { return Ok(AuthProfiles::default()) };
    AuthProfiles::parse(model::ExposeSecret::expose_secret(&text))
}

fn model_info(api: Api, provider: &str, id: &str, listed: Option<&ModelConfig>) -> ModelInfo {
    let cost = listed.map(|m| m.cost).unwrap_or_default();
    ModelInfo {
        api: api.as_str(),
        provider: provider.to_owned(),
        id: id.to_owned(),
        name: listed.map_or_else(|| id.to_owned(), |m| m.name.clone()),
        context_window: listed.and_then(|m| m.context_window).unwrap_or(DEFAULT_WINDOW),
        max_tokens: listed.and_then(|m| m.max_tokens).unwrap_or(DEFAULT_MAX_TOKENS),
        images: listed.is_none_or(|m| m.input.contains(&config::InputKind::Image)),
        reasoning: listed.is_some_and(|m| m.reasoning),
        price: Price {
            input: cost.input,
            output: cost.output,
            cache_read: cost.cache_read,
            cache_write: cost.cache_write,
        },
    }
}
