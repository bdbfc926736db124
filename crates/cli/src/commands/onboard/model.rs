//! The model: its provider, how the key is kept, and which of the provider's models it is.

use super::flags::{AuthChoice, Compatibility, ModelFlags, SecretMode};
use super::secrets::kept;
use crate::context::Context;
use crate::failure::Failure;
use crate::kept_secret::Kept;
use config::Loaded;
use model::SecretString;
use serde_json::{Map, Value, json};

/// What is known of a provider that can be chosen.
pub(super) struct Provider {
    pub(super) choice: AuthChoice,
    /// Its name in the configuration.
    pub(super) name: &'static str,
    /// For people.
    pub(super) title: &'static str,
    /// The variable of its key.
    pub(super) variable: Option<&'static str>,
    /// Whether nothing works without a key.
    pub(super) needs_key: bool,
    /// A model of it that does.
    pub(super) model: Option<&'static str>,
}

/// The providers, in the order in which they are offered.
pub(super) const PROVIDERS: &[Provider] = &[
    Provider {
        choice: AuthChoice::AnthropicApiKey,
        name: "anthropic",
        title: "Anthropic",
        variable: Some("ANTHROPIC_API_KEY"),
        needs_key: true,
        model: Some("claude-sonnet-4-5"),
    },
    Provider {
        choice: AuthChoice::OpenaiApiKey,
        name: "openai",
        title: "OpenAI",
        variable: Some("OPENAI_API_KEY"),
        needs_key: true,
        model: Some("gpt-4.1-mini"),
    },
    Provider {
        choice: AuthChoice::OpenrouterApiKey,
        name: "openrouter",
        title: "OpenRouter",
        variable: Some("OPENROUTER_API_KEY"),
        needs_key: true,
        model: None,
    },
    Provider {
        choice: AuthChoice::Ollama,
        name: "ollama",
        title: "Ollama, on this computer or another",
        variable: None,
        needs_key: false,
        model: None,
    },
    Provider {
        choice: AuthChoice::Lmstudio,
        name: "lmstudio",
        title: "LM Studio",
        variable: Some("LM_API_TOKEN"),
        needs_key: false,
        model: None,
    },
    Provider {
        choice: AuthChoice::CustomApiKey,
        name: "custom",
        title: "another server that speaks OpenAI's or Anthropic's API",
        variable: Some("CUSTOM_API_KEY"),
        needs_key: false,
        model: None,
    },
];

impl ModelFlags {
    /// The provider that was chosen, or that a key was given for.
    pub(super) fn provider(&self) -> Option<&'static Provider> {
        let choice = self.auth_choice.or_else(|| {
            let given = PROVIDERS.iter().find(|provider| self.key(provider.choice).0.is_some());
            given.map(|provider| provider.choice)
        })?;
        PROVIDERS.iter().find(|provider| provider.choice == choice)
    }

    /// Where nobody is asked: a server that is described, and is none of those that are known by name.
    pub(super) fn infer(&mut self) {
        let custom = [&self.custom_base_url, &self.custom_model_id, &self.custom_provider_id];
        if self.provider().is_none() && custom.iter().any(|flag| flag.is_some()) {
            self.auth_choice = Some(AuthChoice::CustomApiKey);
        }
    }

    /// Where the key of a provider is put, if it has one.
    pub(super) fn key_slot(&mut self, choice: AuthChoice) -> Option<&mut Option<SecretString>> {
        match choice {
            AuthChoice::AnthropicApiKey => Some(&mut self.anthropic_api_key),
            AuthChoice::OpenaiApiKey => Some(&mut self.openai_api_key),
            AuthChoice::OpenrouterApiKey => Some(&mut self.openrouter_api_key),
            AuthChoice::Lmstudio => Some(&mut self.lmstudio_api_key),
            AuthChoice::CustomApiKey => Some(&mut self.custom_api_key),
            AuthChoice::Ollama | AuthChoice::Skip => None,
        }
    }

    /// The key that was given for a provider, and its flag.
    fn key(&self, choice: AuthChoice) -> (Option<&SecretString>, &'static str) {
        match choice {
            AuthChoice::AnthropicApiKey => (self.anthropic_api_key.as_ref(), "--anthropic-api-key"),
            AuthChoice::OpenaiApiKey => (self.openai_api_key.as_ref(), "--openai-api-key"),
            AuthChoice::OpenrouterApiKey => (self.openrouter_api_key.as_ref(), "--openrouter-api-key"),
            AuthChoice::Lmstudio => (self.lmstudio_api_key.as_ref(), "--lmstudio-api-key"),
            AuthChoice::CustomApiKey => (self.custom_api_key.as_ref(), "--custom-api-key"),
            AuthChoice::Ollama | AuthChoice::Skip => (None, ""),
        }
    }
}

/// What is written of the model: a patch of `models` and `agents`, empty where nothing was chosen.
///
/// # Errors
/// Something is missing that was not configured before, either.
pub(super) fn patch(
    flags: &ModelFlags,
    mode: Option<SecretMode>,
    ctx: &Context,
    before: &Loaded,
) -> Result<Value, Failure> {
    let Some(provider) = flags.provider() else {
        return Ok(flags.model.as_deref().map_or_else(|| json!({}), chosen));
    };
    let name = match (provider.choice, &flags.custom_provider_id) {
        (AuthChoice::CustomApiKey, Some(name)) => name.as_str(),
        _ => provider.name,
    };
    let mut entry = Map::new();
    if let Some(key) = key(flags, provider, name, mode, ctx, before)? {
        entry.insert("apiKey".into(), key.value());
    }
    if let Some(url) = &flags.custom_base_url {
        entry.insert("baseUrl".into(), address(provider.choice, url).into());
    }
    if provider.choice == AuthChoice::CustomApiKey {
        custom(flags, name, before, &mut entry)?;
    }
    let mut patch = match model(flags, provider, name, before)? {
        Some(model) => chosen(&model),
        None => json!({}),
    };
    if !entry.is_empty() {
        patch["models"] = json!({"providers": {name: entry}});
    }
    Ok(patch)
}

fn chosen(model: &str) -> Value {
    json!({"agents": {"defaults": {"model": {"primary": model}}}})
}

/// An Ollama's address is that of its server; the API that is spoken with it lies below `/v1`.
fn address(choice: AuthChoice, url: &str) -> String {
    let url = url.trim_end_matches('/');
    if choice == AuthChoice::Ollama && !url.ends_with("/v1") { format!("{url}/v1") } else { url.to_owned() }
}

/// The key that is new; `None` where there is one already, or none is needed.
fn key(
    flags: &ModelFlags,
    provider: &Provider,
    name: &str,
    mode: Option<SecretMode>,
    ctx: &Context,
    before: &Loaded,
) -> Result<Option<Kept>, Failure> {
    let Some(variable) = provider.variable else { return Ok(None) };
    if flags.key_later {
        return Ok(Some(Kept::Variable(variable.to_owned())));
    }
    let (given, flag) = flags.key(provider.choice);
    if given.is_some() {
        return kept(ctx, mode, given, flag, variable);
    }
    let there = before.config.models.providers.get(name).and_then(|entry| entry.api_key.as_ref());
    match (there, mode) {
        // What is written out there is not to be: its variable takes its place.
        (Some(key), Some(SecretMode::Ref)) if key.is_written_out() => {
            let missing = |failure: Failure| failure.hint(format!("now {} is written out", key.place()));
            return Kept::variable(ctx, variable).map(Some).map_err(missing);
        }
        (Some(_), _) => return Ok(None),
        (None, _) => {}
    }
    match Kept::variable(ctx, variable) {
        Ok(kept) => Ok(Some(kept)),
        Err(missing) if provider.needs_key => Err(missing.hint(format!("or give the key: {flag} KEY"))),
        Err(_) => Ok(None),
    }
}

/// What has to be said of a server that nobody knows by name.
fn custom(
    flags: &ModelFlags,
    name: &str,
    before: &Loaded,
    entry: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let known = before.config.models.providers.get(name);
    if flags.custom_base_url.is_none() && known.is_none() {
        return Err(Failure::usage(format!(
            "the address of the provider {name} is missing: --custom-base-url URL"
        )));
    }
    match flags.custom_compatibility {
        Some(Compatibility::Openai) => drop(entry.insert("api".into(), "openai-completions".into())),
        Some(Compatibility::Anthropic) => drop(entry.insert("api".into(), "anthropic-messages".into())),
        None if known.is_none() => drop(entry.insert("api".into(), "openai-completions".into())),
        None => {}
    }
    if let Some(id) = &flags.custom_model_id {
        let mut model = json!({"id": id});
        if flags.custom_image_input {
            model["input"] = json!(["text", "image"]);
        } else if flags.custom_text_input {
            model["input"] = json!(["text"]);
        }
        let others =
            before.source.pointer("/models/providers").and_then(|all| all[name]["models"].as_array());
        let mut all = others.cloned().unwrap_or_default();
        match all.iter_mut().find(|other| other["id"] == *id) {
            Some(known) => {
                if let Some(input) = model.get("input") {
                    known["input"] = input.clone();
                }
            }
            None => all.push(model),
        }
        entry.insert("models".into(), all.into());
    }
    Ok(())
}

/// The model of all agents, where it is to be another than now. One that is configured stays, unless another was named.
fn model(
    flags: &ModelFlags,
    provider: &Provider,
    name: &str,
    before: &Loaded,
) -> Result<Option<String>, Failure> {
    if let Some(model) = &flags.model {
        return Ok(Some(model.clone()));
    }
    if let Some(id) = &flags.custom_model_id {
        return Ok(Some(format!("{name}/{id}")));
    }
    if before.config.agents.defaults.model.primary.is_some() {
        return Ok(None);
    }
    match provider.model {
        Some(model) => Ok(Some(format!("{name}/{model}"))),
        None => {
            let flag = if provider.choice == AuthChoice::OpenrouterApiKey {
                "--model openrouter/MODEL"
            } else {
                "--custom-model-id ID"
            };
            Err(Failure::usage(format!("which model of {name} is to be used is missing: {flag}")))
        }
    }
}
