//! `models`: the providers of models, and what their models can do.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::SecretInput;
use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// The wire format of a provider.
    ProviderApi {
        /// OpenAI's chat completions, which most local servers speak too.
        OpenaiCompletions => "openai-completions",
        /// Anthropic's messages.
        AnthropicMessages => "anthropic-messages",
    }
}

choice! {
    /// What a model can be given.
    InputKind {
        /// Text.
        Text => "text",
        /// Pictures.
        Image => "image",
        /// Films; not sent by this version.
        Video => "video",
        /// Sound; not sent by this version.
        Audio => "audio",
    }
}

/// Formats that OpenClaw knows and this version does not speak: their providers are left out.
const OTHER_APIS: &[&str] = &[
    "openai-responses",
    "openai-chatgpt-responses",
    "google-generative-ai",
    "google-vertex",
    "github-copilot",
    "bedrock-converse-stream",
    "ollama",
    "pi-messages",
    "azure-openai-responses",
];

/// Providers that need no `baseUrl` because everybody knows it.
const WELL_KNOWN: &[(&str, &str, ProviderApi)] = &[
    ("anthropic", "https://api.anthropic.com", ProviderApi::AnthropicMessages),
    ("openai", "https://api.openai.com/v1", ProviderApi::OpenaiCompletions),
    ("openrouter", "https://openrouter.ai/api/v1", ProviderApi::OpenaiCompletions),
    ("ollama", "http://127.0.0.1:11434/v1", ProviderApi::OpenaiCompletions),
    // Both speak it; the third only listens.
    ("groq", "https://api.groq.com/openai/v1", ProviderApi::OpenaiCompletions),
    ("mistral", "https://api.mistral.ai/v1", ProviderApi::OpenaiCompletions),
    ("deepgram", "https://api.deepgram.com/v1", ProviderApi::OpenaiCompletions),
    ("lmstudio", "http://127.0.0.1:1234/v1", ProviderApi::OpenaiCompletions),
];

/// `models`.
#[derive(Debug, Clone, Default)]
pub struct ModelsConfig {
    /// `providers` by name, without those whose API this version does not speak.
    pub providers: BTreeMap<String, ProviderConfig>,
}

/// `models.providers.<name>`.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// `baseUrl` without a slash at the end.
    pub base_url: String,
    /// `apiKey`.
    pub api_key: Option<SecretInput>,
    /// `api`, openai-completions by default (anthropic-messages for `anthropic`).
    pub api: ProviderApi,
    /// `headers` for every request.
    pub headers: BTreeMap<String, SecretInput>,
    /// `timeoutSeconds` for a request.
    pub timeout_seconds: Option<u64>,
    /// `models`.
    pub models: Vec<ModelConfig>,
}

/// `models.providers.<name>.models[]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// `id`, as the provider knows it.
    pub id: String,
    /// `name` for people; the id by default.
    pub name: String,
    /// `contextWindow`, in tokens.
    pub context_window: Option<u64>,
    /// `maxTokens`: longest answer, in tokens.
    pub max_tokens: Option<u64>,
    /// `reasoning`: whether it can think before it answers.
    pub reasoning: bool,
    /// `input`, text by default.
    pub input: Vec<InputKind>,
    /// `cost`.
    pub cost: Cost,
}

/// What a model costs, in US dollars per million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// `input`.
    pub input: f64,
    /// `output`.
    pub output: f64,
    /// `cacheRead`.
    pub cache_read: f64,
    /// `cacheWrite`.
    pub cache_write: f64,
}

impl ModelsConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.raw("mode");
        let providers = s.entries("providers", |name, provider| {
            Some((name.to_owned(), ProviderConfig::read(name, provider)?))
        });
        Self { providers: providers.into_iter().flatten().collect() }
    }
}

impl ProviderConfig {
    /// `None` when this version does not speak its API or the config is wrong.
    fn read(name: &str, s: &Section<'_>) -> Option<Self> {
        let known = WELL_KNOWN.iter().find(|(known, ..)| *known == name);
        let api = provider_api(name, s);
        let base_url = base_url(s, known.map(|(_, url, _)| *url), api.is_some());
        s.raw("auth");
        s.raw("authHeader");
        s.unsupported(
            "timeoutSeconds",
            "an answer may stand still for two minutes and take thirty altogether",
        );
        let models = s.items("models", ModelConfig::read);
        let config = Self {
            base_url: base_url.unwrap_or_default(),
            api_key: s.secret("apiKey"),
            api: api.flatten().or(known.map(|(_, _, api)| *api)).unwrap_or(ProviderApi::OpenaiCompletions),
            headers: s.secrets("headers").into_iter().collect(),
            timeout_seconds: s.integer("timeoutSeconds", 1..=86_400),
            models: models.into_iter().flatten().collect(),
        };
        (api.is_some() && !config.base_url.is_empty()).then_some(config)
    }

    /// The model with this id, if it is listed.
    pub fn model(&self, id: &str) -> Option<&ModelConfig> {
        self.models.iter().find(|model| model.id == id)
    }
}

/// `Some(None)`: not said. `None`: known, but not to this version.
fn provider_api(name: &str, s: &Section<'_>) -> Option<Option<ProviderApi>> {
    s.also("api", OTHER_APIS);
    match s.raw("api") {
        Some(Value::String(api)) if OTHER_APIS.contains(&api.as_str()) => {
            let hint = if api == "ollama" { ", with a baseUrl that ends in /v1" } else { "" };
            s.warn("api", format!(
                "\"{api}\" is not supported by this version yet, so the provider {name} is left out; use openai-completions{hint} or anthropic-messages if it speaks one of them"
            ));
            None
        }
        _ => Some(s.choice("api")),
    }
}

fn base_url(s: &Section<'_>, known: Option<&str>, used: bool) -> Option<String> {
    match s.text("baseUrl") {
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
            Some(url.trim_end_matches('/').to_owned())
        }
        Some(_) => {
            s.error("baseUrl", "use a URL that begins with http:// or https://");
            None
        }
        None => {
            if known.is_none() && used {
                s.warn(
                    "baseUrl",
                    "is missing, so the provider is left out; use the URL of its API, like \"http://127.0.0.1:11434/v1\"",
                );
            }
            known.map(str::to_owned)
        }
    }
}

impl ModelConfig {
    fn read(s: &Section<'_>) -> Option<Self> {
        let id = s.text("id").filter(|id| !id.is_empty());
        if id.is_none() && s.exists() {
            s.error("id", "is missing; use the model's id at the provider");
        }
        let name = s.text("name");
        let model = |id: String| Self {
            name: name.unwrap_or_else(|| id.clone()),
            id,
            context_window: s.integer("contextWindow", 1..=u64::MAX),
            max_tokens: s.integer("maxTokens", 1..=u64::MAX),
            reasoning: s.boolean("reasoning").unwrap_or(false),
            input: s.choices("input").unwrap_or_else(|| vec![InputKind::Text]),
            cost: s.section("cost", Cost::read),
        };
        id.map(model)
    }
}

impl Cost {
    fn read(s: &Section<'_>) -> Self {
        Self {
            input: s.number("input").unwrap_or(0.0),
            output: s.number("output").unwrap_or(0.0),
            cache_read: s.number("cacheRead").unwrap_or(0.0),
            cache_write: s.number("cacheWrite").unwrap_or(0.0),
        }
    }
}
