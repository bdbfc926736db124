//! What is said in a file, in words: `POST <baseUrl>/audio/transcriptions` as OpenAI has it and many follow it, and Deepgram's
//! `POST <baseUrl>/listen`.

use crate::endpoint::{Endpoint, Manner};
use crate::fault::Fault;
use crate::{Http, ModelError, ProviderConfig};
use model::{FilePart, multipart};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Hours of speech stay below it.
const MAX_ANSWER: usize = 5 << 20;

/// What a provider that can listen is known for. The variables are those that the providers' own libraries read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hearing {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub base_url: &'static str,
    /// The environment variable that holds its key.
    pub key_variable: &'static str,
    /// The model that listens where nobody names one.
    pub model: &'static str,
}

/// The providers that are known to listen, the first one first.
pub const HEARING: [Hearing; 4] = [
    Hearing {
        name: "groq",
        base_url: "https://api.groq.com/openai/v1",
        key_variable: "GROQ_API_KEY",
        model: "whisper-large-v3-turbo",
    },
    Hearing {
        name: "openai",
        base_url: "https://api.openai.com/v1",
        key_variable: "OPENAI_API_KEY",
        model: "gpt-4o-transcribe",
    },
    Hearing {
        name: DEEPGRAM,
        base_url: "https://api.deepgram.com/v1",
        key_variable: "DEEPGRAM_API_KEY",
        model: "nova-3",
    },
    Hearing {
        name: "mistral",
        base_url: "https://api.mistral.ai/v1",
        key_variable: "MISTRAL_API_KEY",
        model: "voxtral-mini-latest",
    },
];

const DEEPGRAM: &str = "deepgram";

/// What is listened to.
#[derive(Debug, Clone, Copy)]
pub struct Speech<'a> {
    /// The file.
    pub bytes: &'a [u8],
    /// What it is called: its ending says what kind of file it is.
    pub name: &'a str,
    /// Its media type.
    pub media_type: &'a str,
    /// In which language it is, as a hint.
    pub language: Option<&'a str>,
    /// Words that may occur in it, or what it is about.
    pub prompt: Option<&'a str>,
}

/// A model that listens.
#[derive(Debug)]
pub struct Listener {
    endpoint: Endpoint,
    model: String,
    is_deepgram: bool,
}

impl Listener {
    /// Prepares calls; nothing is sent yet.
    ///
    /// # Errors
    /// A base URL, key or header that cannot be sent.
    pub fn new(provider: &ProviderConfig, model: &str, http: Arc<Http>) -> Result<Self, ModelError> {
        let is_deepgram = provider.name == DEEPGRAM;
        let (path, before): (&[_], _) =
            if is_deepgram { (&["listen"], "Token ") } else { (&["audio", "transcriptions"], "Bearer ") };
        let manner = Manner { path, key_header: (AUTHORIZATION, before), headers: Vec::new() };
        let endpoint = Endpoint::new(provider, model, manner, http)?;
        Ok(Self { endpoint, model: model.to_owned(), is_deepgram })
    }

    /// Listens; the words may be none. The caller bounds the time.
    ///
    /// # Errors
    /// Not reached, refused, cancelled, or no answer of such an API.
    pub async fn words(&self, speech: &Speech<'_>, cancel: &CancellationToken) -> Result<String, ModelError> {
        self.call(speech, cancel).await.map_err(|fault| self.endpoint.report(fault))
    }

    async fn call(&self, speech: &Speech<'_>, cancel: &CancellationToken) -> Result<String, Fault> {
        let (content_type, query, body) = self.request(speech);
        let content_type = HeaderValue::from_str(&content_type)
            .map_err(|_| Fault::refused(format!("cannot be sent a file of the type {content_type:?}")))?;
        let mut reply = self.endpoint.post_as(content_type, &query, body, cancel).await?;
        let mut answer = Vec::new();
        while let Some(bytes) = reply.next(false).await? {
            answer.extend_from_slice(&bytes);
            if answer.len() > MAX_ANSWER {
                return Err(Fault::no_answer(format!("sent more than {} MiB", MAX_ANSWER >> 20)));
            }
        }
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|_| Fault::no_answer("did not answer with JSON".to_owned()))?;
        let place = if self.is_deepgram { "/results/channels/0/alternatives/0/transcript" } else { "/text" };
        let words = answer.pointer(place).and_then(Value::as_str);
        words
            .map(|words| words.trim().to_owned())
            .ok_or_else(|| Fault::no_answer(format!("answered without {place}")))
    }

    /// Content type, query and body.
    fn request(&self, speech: &Speech<'_>) -> (String, Vec<(&'static str, String)>, Vec<u8>) {
        if self.is_deepgram {
            let mut query = vec![("model", self.model.clone()), ("smart_format", "true".to_owned())];
            match speech.language {
                Some(language) => query.push(("language", language.to_owned())),
                None => query.push(("detect_language", "true".to_owned())),
            }
            return (speech.media_type.to_owned(), query, speech.bytes.to_vec());
        }
        let mut fields = Map::from_iter([
            ("model".to_owned(), json!(self.model)),
            ("response_format".to_owned(), json!("json")),
        ]);
        for (key, hint) in [("language", speech.language), ("prompt", speech.prompt)] {
            fields.extend(hint.map(|hint| (key.to_owned(), json!(hint))));
        }
        let file = FilePart { field: "file", name: speech.name, bytes: speech.bytes };
        let (content_type, body) = multipart(&fields, &[file]);
        (content_type, Vec::new(), body)
    }
}
