//! From a provider's configuration to a model that can be called.

use crate::{AnthropicModel, ErrorKind, Http, Limits, Model, ModelError, ModelInfo, OpenAiModel};
use model::{SecretString, SharedClock, SystemClock};
use reqwest::Url;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The API that a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `POST <baseUrl>/chat/completions`.
    OpenAiCompletions,
    /// `POST <baseUrl>/v1/messages`.
    AnthropicMessages,
}

impl Api {
    /// All of them, for help texts.
    pub const ALL: [Api; 2] = [Api::OpenAiCompletions, Api::AnthropicMessages];

    /// Reads the name used in the configuration.
    pub fn parse(name: &str) -> Option<Api> {
        Api::ALL.into_iter().find(|api| api.as_str() == name)
    }

    /// The name used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Api::OpenAiCompletions => "openai-completions",
            Api::AnthropicMessages => "anthropic-messages",
        }
    }
}

/// A provider as configured under `models.providers.<name>`.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// The name it has in the configuration.
    pub name: String,
    /// Such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// Its key, where it wants one.
    pub api_key: Option<SecretString>,
    /// Whether that is a token, which is sent as a bearer's whatever the API does with its keys.
    pub is_token: bool,
    /// The API it speaks.
    pub api: Api,
    /// Headers of every call; they win over our own.
    pub headers: Vec<(String, String)>,
}

/// What models share. Give the same one to all models, so that they share connections.
#[derive(Clone)]
pub struct Setup {
    /// The HTTP client and its limits.
    pub http: Arc<Http>,
    /// What dates the answers.
    pub clock: SharedClock,
}

impl Setup {
    /// The system's clock and a client with these limits.
    pub fn with_limits(limits: Limits) -> Self {
        Self { http: Arc::new(Http::new(limits)), clock: Arc::new(SystemClock) }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::with_limits(Limits::default())
    }
}

/// A model of `provider`, with connections of its own. Keep it: a new one for each call would connect each time.
///
/// # Errors
/// A base URL, key or header that cannot be sent; the error names its place in the configuration.
pub fn build(provider: &ProviderConfig, info: ModelInfo) -> Result<Arc<dyn Model>, ModelError> {
    build_with(provider, info, &Setup::default())
}

/// As [`build`], with a client and a clock that several models share.
///
/// # Errors
/// As [`build`].
pub fn build_with(
    provider: &ProviderConfig,
    mut info: ModelInfo,
    setup: &Setup,
) -> Result<Arc<dyn Model>, ModelError> {
    if info.id.trim().is_empty() {
        let message = format!(
            "a model of provider {0} has no id; set it in models.providers.{0}.models",
            provider.name
        );
        return Err(ModelError { kind: ErrorKind::Refused, message, retry_after: None });
    }
    info.api = provider.api.as_str();
    Ok(match provider.api {
        Api::OpenAiCompletions => Arc::new(OpenAiModel::new(provider, info, setup)?),
        Api::AnthropicMessages => Arc::new(AnthropicModel::new(provider, info, setup)?),
    })
}

/// What is known of a provider by its name alone. The variables are those that the providers' own libraries read.
#[derive(Debug, Clone, Copy)]
pub struct WellKnown {
    /// Where it is, unless `base_url_variable` names another place.
    pub base_url: &'static str,
    /// The environment variable that puts another place, such as a proxy, in its stead.
    pub base_url_variable: Option<&'static str>,
    /// What it speaks.
    pub api: Api,
    /// The environment variable that holds its key; none where there is no key.
    pub key_variable: Option<&'static str>,
}

/// The providers that [`well_known`] knows.
pub const WELL_KNOWN: [&str; 5] = ["anthropic", "lmstudio", "ollama", "openai", "openrouter"];

/// Looks a provider up by its name.
pub fn well_known(name: &str) -> Option<WellKnown> {
    let (base_url, base_url_variable, api, key_variable) = match name {
        "openai" => (
            "https://api.openai.com/v1",
            Some("OPENAI_BASE_URL"),
            Api::OpenAiCompletions,
            Some("OPENAI_API_KEY"),
        ),
        "anthropic" => (
            "https://api.anthropic.com",
            Some("ANTHROPIC_BASE_URL"),
            Api::AnthropicMessages,
            Some("ANTHROPIC_API_KEY"),
        ),
        "openrouter" => {
            ("https://openrouter.ai/api/v1", None, Api::OpenAiCompletions, Some("OPENROUTER_API_KEY"))
        }
        "ollama" => ("http://127.0.0.1:11434/v1", Some("OLLAMA_BASE_URL"), Api::OpenAiCompletions, None),
        "lmstudio" => ("http://127.0.0.1:1234/v1", None, Api::OpenAiCompletions, None),
        _ => return None,
    };
    Some(WellKnown { base_url, base_url_variable, api, key_variable })
}

/// The models of an Ollama at `base_url` (with or without `/v1`); `None` when none answers within 300 ms.
pub async fn detect_ollama(base_url: &str) -> Option<Vec<String>> {
    let url = Url::parse(base_url).ok()?.join("/api/tags").ok()?;
    tokio::time::timeout(Duration::from_millis(300), ollama_models(url)).await.ok()?
}

async fn ollama_models(url: Url) -> Option<Vec<String>> {
    // So many bytes hold thousands of models; whatever answers with more is no Ollama.
    const MAX_BYTES: usize = 1 << 20;
    let http = Http::default();
    let mut response = http.client(&url).ok()?.get(url).send().await.ok()?.error_for_status().ok()?;
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.ok()? {
        body.extend_from_slice(&bytes);
        if body.len() > MAX_BYTES {
            return None;
        }
    }
    let value: Value = serde_json::from_slice(&body).ok()?;
    let models = value.get("models")?.as_array()?;
    Some(models.iter().filter_map(|m| m.get("name")?.as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Price;

    fn info(id: &str) -> ModelInfo {
        ModelInfo {
            api: "",
            provider: "p".into(),
            id: id.into(),
            name: id.into(),
            context_window: 1,
            max_tokens: 1,
            images: false,
            reasoning: false,
            price: Price::default(),
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_with_its_place_and_without_the_secret() {
        let good = ProviderConfig {
            name: "p".into(),
            base_url: "http://127.0.0.1:1/v1".into(),
            api_key: None,
            is_token: false,
            api: Api::AnthropicMessages,
            headers: vec![],
        };
        let built = build(&good, info("m")).map(|m| m.info().api).map_err(|e| e.message);
        assert_eq!(built, Ok("anthropic-messages"));
        let key = ProviderConfig { api_key: Some("se\ncret".into()), ..good.clone() };
        let header = ProviderConfig { headers: vec![("bad name".into(), "secret".into())], ..good.clone() };
        let value = ProviderConfig { headers: vec![("x".into(), "sec\nret".into())], ..good.clone() };
        let url = ProviderConfig { base_url: "nowhere".into(), ..good.clone() };
        for (case, id, place) in [
            (&key, "m", "models.providers.p.apiKey"),
            (&header, "m", "models.providers.p.headers"),
            (&value, "m", "models.providers.p.headers"),
            (&url, "m", "models.providers.p.baseUrl"),
            (&good, " ", "models.providers.p.models"),
        ] {
            let message = build(case, info(id)).err().map(|e| e.message).unwrap_or_default();
            assert!(message.contains(place) && !message.contains("cret"), "{place}: {message}");
        }
    }

    #[test]
    fn apis_are_read_by_the_names_they_are_written_with() {
        for api in Api::ALL {
            assert_eq!(Api::parse(api.as_str()), Some(api));
        }
        assert_eq!(Api::parse("openai"), None);
        assert!(well_known("nobody").is_none());
        assert!(WELL_KNOWN.iter().all(|name| well_known(name).is_some()));
    }
}
