//! Which model answers for which agent, and with which key: from the configuration, the environment or an auth profile.

pub(crate) mod auth;

use config::{Config, Env, ModelConfig, Paths};
use llm::{Api, Model, ModelInfo, Price, ProviderConfig, Setup};
use model::{SecretString, SharedClock};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Assumed of a model of which the configuration says nothing.
const DEFAULT_WINDOW: u64 = 128_000;
const DEFAULT_MAX_TOKENS: u64 = 8_192;

/// The models.
pub(crate) struct Models {
    config: Config,
    env: Env,
    paths: Paths,
    setup: Setup,
    /// Answers for every agent: the demo's model.
    fixed: Option<Arc<dyn Model>>,
    built: Mutex<HashMap<String, Arc<dyn Model>>>,
}

impl Models {
    pub(crate) fn new(
        config: Config,
        env: Env,
        paths: Paths,
        clock: SharedClock,
        fixed: Option<Arc<dyn Model>>,
    ) -> Self {
        let setup = Setup { clock, ..Setup::default() };
        Self { config, env, paths, setup, fixed, built: Mutex::default() }
    }

    /// Whether the default agent has a model.
    pub(crate) fn is_configured(&self) -> bool {
        self.fixed.is_some() || self.config.agents.model(self.config.agents.default_id()).primary.is_some()
    }

    /// `provider/model` of an agent, as configured.
    pub(crate) fn name_for(&self, agent_id: &str) -> Option<String> {
        match &self.fixed {
            Some(model) => Some(format!("{}/{}", model.info().provider, model.info().id)),
            None => self.config.agents.model(agent_id).primary.clone(),
        }
    }

    /// The model of an agent, built once.
    ///
    /// # Errors
    /// What is missing and the command that mends it.
    pub(crate) fn for_agent(&self, agent_id: &str) -> Result<Arc<dyn Model>, String> {
        if let Some(model) = &self.fixed {
            return Ok(model.clone());
        }
        let flags = self.paths.profile_flags();
        let Some(name) = self.config.agents.model(agent_id).primary.clone() else {
            return Err(format!(
                "no model is configured. Choose one with: openclaw{flags} config set agents.defaults.model.primary \
                 anthropic/claude-sonnet-4-5 (or openai/…, ollama/…), put its key into the gateway's environment \
                 (ANTHROPIC_API_KEY, OPENAI_API_KEY), and restart the gateway"
            ));
        };
        self.named(&name)
    }

    /// The model that answers in a session: the one that was chosen for it, else its agent's.
    ///
    /// # Errors
    /// As [`Models::for_agent`]; a chosen model that cannot be had is not replaced by another.
    pub(crate) fn for_run(&self, agent_id: &str, choice: Option<&str>) -> Result<Arc<dyn Model>, String> {
        match (choice, &self.fixed) {
            (Some(name), None) => self.named(name).map_err(|problem| {
                format!("{problem}. It was chosen for this session; sessions.patch with model null goes back to the agent's own")
            }),
            _ => self.for_agent(agent_id),
        }
    }

    /// The full name of a model that somebody asks for, if it can be had.
    ///
    /// # Errors
    /// Why it cannot.
    pub(crate) fn choose(&self, name: &str) -> Result<String, String> {
        let name = name.trim();
        let listed: Vec<ModelInfo> = self.list();
        let full = |info: &ModelInfo| format!("{}/{}", info.provider, info.id);
        if let Some(info) = listed.iter().find(|info| full(info) == name) {
            return Ok(full(info));
        }
        // A bare id means the one model that has it.
        let mut bare = listed.iter().filter(|info| info.id == name);
        if let (Some(info), None) = (bare.next(), bare.next()) {
            return Ok(full(info));
        }
        let provider = name.split_once('/').map(|(provider, _)| provider);
        let has_list = provider.is_some_and(|p| self.config.models.providers.contains_key(p));
        if has_list || provider.is_none() || self.fixed.is_some() {
            let known: Vec<String> = listed.iter().map(full).collect();
            return Err(format!("model {name:?} is not available; there are: {}", known.join(", ")));
        }
        self.named(name).map(|model| full(model.info()))
    }

    /// Whether it is known what a model costs; nothing is a price too, where the configuration lists it so.
    pub(crate) fn is_priced(&self, provider: &str, id: &str) -> bool {
        self.fixed.is_some()
            || self.config.models.providers.get(provider).is_some_and(|p| p.model(id).is_some())
    }

    /// A model by its name, `provider/model`, built once.
    ///
    /// # Errors
    /// As [`Models::for_agent`].
    pub(crate) fn named(&self, name: &str) -> Result<Arc<dyn Model>, String> {
        if let Some(model) = &self.fixed {
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
        let Some((provider, id)) = name.split_once('/') else {
            return Err(format!(
                "the model is {name:?}; write it as provider/model, such as anthropic/claude-sonnet-4-5"
            ));
        };
        let (config, listed) = self.provider(provider, id)?;
        let mut info = model_info(&config, id, listed.as_ref());
        if let Some(cap) = self.config.agents.defaults.context_tokens {
            info.context_window = info.context_window.min(cap);
        }
        llm::build_with(&config, info, &self.setup).map_err(|e| e.to_string())
    }

    /// The provider by its entry in the configuration, else by what everybody knows of it.
    fn provider(&self, name: &str, id: &str) -> Result<(ProviderConfig, Option<ModelConfig>), String> {
        let known = llm::well_known(name);
        let variable = known.and_then(|known| known.key_variable);
        if let Some(entry) = self.config.models.providers.get(name) {
            let api_key = match &entry.api_key {
                Some(input) => input.resolve(&self.env).map_err(|e| e.to_string())?,
                None => self.key(name, variable)?,
            };
            let api = match entry.api {
                config::ProviderApi::OpenaiCompletions => Api::OpenAiCompletions,
                config::ProviderApi::AnthropicMessages => Api::AnthropicMessages,
            };
            let mut headers = Vec::new();
            for (header, value) in &entry.headers {
                if let Some(value) = value.resolve(&self.env).map_err(|e| e.to_string())? {
                    headers.push((header.clone(), model::ExposeSecret::expose_secret(&value).to_owned()));
                }
            }
            let base_url = entry.base_url.clone();
            let provider = ProviderConfig { name: name.into(), base_url, api_key, api, headers };
            return Ok((provider, entry.model(id).cloned()));
        }
        let Some(known) = known else {
            return Err(format!(
                "the model {name}/{id} is configured, but no provider {name:?} is; add models.providers.{name} with baseUrl and api"
            ));
        };
        let api_key = self.key(name, variable)?;
        if let (None, Some(variable)) = (&api_key, variable) {
            return Err(format!(
                "no key for {name}: put {variable} into the gateway's environment, or set models.providers.{name}.apiKey, \
                 and restart the gateway"
            ));
        }
        let elsewhere = known.base_url_variable.and_then(|variable| self.env.get_filled(variable));
        let base_url = elsewhere.unwrap_or(known.base_url).to_owned();
        let provider =
            ProviderConfig { name: name.into(), base_url, api_key, api: known.api, headers: vec![] };
        Ok((provider, None))
    }

    /// A key that the provider's entry does not name: the environment, then an auth profile.
    fn key(&self, provider: &str, variable: Option<&str>) -> Result<Option<SecretString>, String> {
        if let Some(key) = variable.and_then(|v| self.env.get(v)).filter(|k| !k.trim().is_empty()) {
            return Ok(Some(SecretString::from(key.to_owned())));
        }
        Ok(profile_key(&self.profiles()?, provider))
    }

    /// The default agent's file of keys; null where there is none.
    fn profiles(&self) -> Result<Value, String> {
        let file = self.paths.agent_dir(self.config.agents.default_id()).join("auth-profiles.json");
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Value::Null),
            Err(e) => return Err(format!("{}: {e}; it holds the keys of model providers", file.display())),
        };
        serde_json::from_str(&text)
            .map_err(|e| format!("{}: not JSON ({e}); restore it or move it away", file.display()))
    }

    /// The models that `models.list` shows: those listed in the configuration, and the default one.
    pub(crate) fn list(&self) -> Vec<ModelInfo> {
        if let Some(model) = &self.fixed {
            return vec![model.info().clone()];
        }
        let mut out = Vec::new();
        for (name, entry) in &self.config.models.providers {
            for listed in &entry.models {
                let provider = ProviderConfig {
                    name: name.clone(),
                    base_url: String::new(),
                    api_key: None,
                    api: match entry.api {
                        config::ProviderApi::OpenaiCompletions => Api::OpenAiCompletions,
                        config::ProviderApi::AnthropicMessages => Api::AnthropicMessages,
                    },
                    headers: vec![],
                };
                out.push(model_info(&provider, &listed.id, Some(listed)));
            }
        }
        let default = self.for_agent(self.config.agents.default_id());
        if let Ok(model) = default
            && !out.iter().any(|i| i.provider == model.info().provider && i.id == model.info().id)
        {
            out.push(model.info().clone());
        }
        out
    }
}

/// `{profiles: {"anthropic:default": {type: "api_key", provider: "anthropic", key: "…"}}}`.
fn profile_key(profiles: &Value, provider: &str) -> Option<SecretString> {
    let (_, profile) = profile_of(profiles, provider)?;
    profile["key"].as_str().map(|k| SecretString::from(k.to_owned()))
}

/// The profile that gives a provider's key, with its name.
fn profile_of<'a>(profiles: &'a Value, provider: &str) -> Option<(&'a str, &'a Value)> {
    let all = profiles["profiles"].as_object()?;
    let fits = |name: &str, p: &Value| {
        p["type"] == "api_key"
            && (p["provider"] == provider || name.split(':').next() == Some(provider))
            && p["key"].as_str().is_some_and(|k| !k.is_empty())
    };
    all.iter().find(|(name, p)| fits(name, p)).map(|(name, p)| (name.as_str(), p))
}

fn model_info(provider: &ProviderConfig, id: &str, listed: Option<&ModelConfig>) -> ModelInfo {
    let cost = listed.map(|m| m.cost).unwrap_or_default();
    ModelInfo {
        api: provider.api.as_str(),
        provider: provider.name.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::ExposeSecret;
    use serde_json::json;

    #[test]
    fn an_auth_profile_gives_the_key_of_its_provider() {
        let profiles = json!({"version": 1, "profiles": {
            "openai:default": {"type": "oauth", "provider": "openai", "access": "x"},
            "anthropic:work": {"type": "api_key", "provider": "anthropic", "key": "k-1"},
        }});
        assert_eq!(profile_key(&profiles, "anthropic").unwrap().expose_secret(), "k-1");
        assert!(profile_key(&profiles, "openai").is_none());
        assert!(profile_key(&json!([]), "openai").is_none());
    }
}
