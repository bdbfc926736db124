//! Which model answers for which agent, and with which key: from the configuration, the environment or an auth profile.

pub(crate) mod auth;

use crate::current::Base;
use crate::secrets::{self, Secrets};
use config::{AuthProfiles, Config, Env, ModelConfig, Paths};
use llm::{Api, Model, ModelInfo, Price, ProviderConfig, Setup};
use model::SecretString;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Assumed of a model of which the configuration says nothing.
const DEFAULT_WINDOW: u64 = 128_000;
const DEFAULT_MAX_TOKENS: u64 = 8_192;

/// The models. What they need is there: nothing here waits for a file or a program.
pub(crate) struct Models {
    config: Config,
    env: Env,
    paths: Paths,
    secrets: Arc<Secrets>,
    setup: Setup,
    /// Answers for the agents for which the configuration names no model: the demo's.
    fixed: Option<Arc<dyn Model>>,
    built: Mutex<HashMap<String, Arc<dyn Model>>>,
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
        let flags = self.paths.profile_flags();
        let name = self.name_for(agent_id).ok_or_else(|| {
            format!(
                "no model is configured. Choose one with: openclaw{flags} config set agents.defaults.model.primary \
                 anthropic/claude-sonnet-4-5 (or openai/…, ollama/…). Its key is models.providers.NAME.apiKey, or \
                 stands in the gateway's environment when it starts (ANTHROPIC_API_KEY, OPENAI_API_KEY)"
            )
        })?;
        self.named(&name)
    }

    /// The model that answers in a session: the one that was chosen for it, else its agent's.
    ///
    /// # Errors
    /// As [`Models::for_agent`]; a chosen model that cannot be had is not replaced by another.
    pub(crate) fn for_run(&self, agent_id: &str, choice: Option<&str>) -> Result<Arc<dyn Model>, String> {
        let Some(name) = choice else { return self.for_agent(agent_id) };
        self.named(name).map_err(|problem| {
            format!("{problem}. It was chosen for this session; sessions.patch with model null goes back to the agent's own")
        })
    }

    /// What `get` finds, for a turn: where a key could not be had, it is looked up once more.
    ///
    /// # Errors
    /// Those of `get`.
    pub(crate) async fn for_turn<T>(&self, get: impl Fn(&Self) -> Result<T, String>) -> Result<T, String> {
        if let Ok(found) = get(self) {
            return Ok(found);
        }
        self.secrets.again().await;
        get(self)
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

    /// A model by its name, `provider/model`, built once.
    ///
    /// # Errors
    /// As [`Models::for_agent`].
    pub(crate) fn named(&self, name: &str) -> Result<Arc<dyn Model>, String> {
        if let Some(model) = self.fixed(name) {
            return Ok(model.clone());
        }
        let mut built = self.built.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(model) = built.get(name) {
            return Ok(model.clone());
        }
        let model = self.build(name)?;
        built.insert(name.to_owned(), model.clone());
        Ok(model)
    }

    fn build(&self, name: &str) -> Result<Arc<dyn Model>, String> {
        let (provider, id) = halves(name)?;
        let provider = self.provider(provider, id)?;
        llm::build_with(&provider, self.info(name)?, &self.setup).map_err(|e| e.to_string())
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

    /// What is known of the model that answers in a session; see [`Models::for_run`].
    pub(crate) fn info_for_run(&self, agent_id: &str, choice: Option<&str>) -> Option<ModelInfo> {
        let name = choice.map(str::to_owned).or_else(|| self.name_for(agent_id))?;
        self.info(&name).ok()
    }

    /// The provider by its entry in the configuration, else by what everybody knows of it.
    fn provider(&self, name: &str, id: &str) -> Result<ProviderConfig, String> {
        let known = llm::well_known(name);
        let variable = known.and_then(|known| known.key_variable);
        if let Some(entry) = self.config.models.providers.get(name) {
            let api_key = match &entry.api_key {
                Some(input) => self.secrets.get(input.place())?,
                None => self.key(name, variable)?,
            };
            let mut headers = Vec::new();
            for (header, value) in &entry.headers {
                if let Some(value) = self.secrets.get(value.place())? {
                    headers.push((header.clone(), model::ExposeSecret::expose_secret(&value).to_owned()));
                }
            }
            let base_url = entry.base_url.clone();
            return Ok(ProviderConfig {
                name: name.into(),
                base_url,
                api_key,
                api: api_of(entry.api),
                headers,
            });
        }
        let known = known.ok_or_else(|| unknown_provider(name, id))?;
        let api_key = self.key(name, variable)?;
        if let (None, Some(variable)) = (&api_key, variable) {
            return Err(format!(
                "no key for {name}: keep one with openclaw{} models auth paste-api-key --provider {name}, set \
                 models.providers.{name}.apiKey, or put {variable} into the gateway's environment and start it again",
                self.paths.profile_flags()
            ));
        }
        let elsewhere = known.base_url_variable.and_then(|variable| self.env.get_filled(variable));
        let base_url = elsewhere.unwrap_or(known.base_url).to_owned();
        Ok(ProviderConfig { name: name.into(), base_url, api_key, api: known.api, headers: vec![] })
    }

    /// A key that the provider's entry does not name: the environment, then an auth profile.
    fn key(&self, provider: &str, variable: Option<&str>) -> Result<Option<SecretString>, String> {
        if let Some(key) = variable.and_then(|v| self.env.get(v)).filter(|k| !k.trim().is_empty()) {
            return Ok(Some(SecretString::from(key.to_owned())));
        }
        let profiles = profiles(self.secrets.get(secrets::PROFILES))?;
        let found = profiles.secret(provider, self.takes_tokens(provider), self.setup.clock.now_ms());
        Ok(found.map(|(_, key)| key))
    }

    /// Whether a provider's key is sent as a bearer's, as tokens are.
    fn takes_tokens(&self, provider: &str) -> bool {
        let api = match self.config.models.providers.get(provider) {
            Some(entry) => Some(api_of(entry.api)),
            None => llm::well_known(provider).map(|known| known.api),
        };
        api == Some(Api::OpenAiCompletions)
    }

    /// The models that `models.list` shows: those listed in the configuration, and the default one.
    pub(crate) fn list(&self) -> Vec<ModelInfo> {
        let mut out = Vec::new();
        for (name, entry) in &self.config.models.providers {
            let listed = entry.models.iter();
            out.extend(listed.map(|listed| model_info(api_of(entry.api), name, &listed.id, Some(listed))));
        }
        let default = self.name_for(self.config.agents.default_id());
        if let Some(info) = default.and_then(|name| self.info(&name).ok())
            && !out.iter().any(|i| i.provider == info.provider && i.id == info.id)
        {
            out.push(info);
        }
        out
    }
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
