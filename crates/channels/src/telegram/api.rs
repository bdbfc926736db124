//! Calls of the Bot API: one HTTP request each, with a deadline, a bound on the answer, and errors that never show the
//! token (it is part of every URL).

use super::media::Missed;
use crate::http;
use crate::kept::Keeping;
use model::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::timeout;

/// For calls that do not wait for anything.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest file that bots may send, over a slow line.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);
/// A large file over a slow line; a batch as a whole has no longer.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// A line over which nothing comes for so long has broken, whatever it says.
const STALLED: Duration = Duration::from_secs(20);
/// What the network may add to a long poll.
const POLL_GRACE: Duration = Duration::from_secs(10);
/// A hundred of the largest updates stay well below it.
const MAX_ANSWER: u64 = 16 * 1024 * 1024;
/// Longer waits than this are not believed.
const MAX_RETRY_AFTER: u64 = 3600;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// No answer.
    #[error("Telegram's {method} got no answer: {detail}")]
    Network { method: &'static str, detail: String },
    /// An answer that says no.
    #[error("Telegram refused {method}: {description} ({code})")]
    Refused {
        method: &'static str,
        code: u16,
        description: String,
        retry_after: Option<Duration>,
        migrate_to: Option<i64>,
    },
    /// An answer that is not the Bot API's.
    #[error("the answer to {method} (HTTP {status}) is not one of the Bot API: {detail}")]
    Unreadable { method: &'static str, status: u16, detail: String },
}

impl ApiError {
    /// How long Telegram asks to wait before the next call.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Network { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// Whether it is the server's trouble, and may be over soon.
    pub(crate) fn is_of_server(&self) -> bool {
        match self {
            Self::Network { .. } => true,
            Self::Refused { code: status, .. } | Self::Unreadable { status, .. } => *status >= 500,
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    result: Option<Box<RawValue>>,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize, Default)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

/// The Bot API for one bot.
pub(crate) struct Api {
    client: reqwest::Client,
    root: String,
    token: SecretString,
    poll_timeout: Duration,
}

impl Api {
    pub(crate) fn new(
        root: String,
        token: SecretString,
        poll_timeout: Duration,
        proxy: Option<&SecretString>,
        addresses: http::Addresses,
    ) -> Result<Self, String> {
        Ok(Self { client: http::client(&root, CALL_TIMEOUT, proxy, addresses)?, root, token, poll_timeout })
    }

    /// How long a call for updates may wait on the server's side.
    pub(crate) fn poll_timeout(&self) -> Duration {
        self.poll_timeout
    }

    /// A call that is answered at once.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        body: &Value,
    ) -> Result<T, ApiError> {
        self.request(method, body, CALL_TIMEOUT).await
    }

    /// A call for updates that may wait `wait` on the server's side. The updates are left unread, so that one that
    /// cannot be read does not spoil the others.
    pub(crate) async fn updates(&self, body: &Value, wait: Duration) -> Result<Vec<Box<RawValue>>, ApiError> {
        self.request("getUpdates", body, wait + POLL_GRACE).await
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: &'static str,
        body: &Value,
        timeout: Duration,
    ) -> Result<T, ApiError> {
        self.answer(method, self.post(method).json(body).timeout(timeout)).await
    }

    /// A call that brings files with it.
    pub(crate) async fn upload<T: DeserializeOwned>(
        &self,
        method: &'static str,
        fields: &Map<String, Value>,
        files: &[model::FilePart<'_>],
    ) -> Result<T, ApiError> {
        let (content_type, body) = model::multipart(fields, files);
        let request = self.post(method).header("content-type", content_type).body(body);
        self.answer(method, request.timeout(UPLOAD_TIMEOUT)).await
    }

    fn post(&self, method: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/bot{}/{method}", self.root, self.token.expose_secret()))
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        method: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<T, ApiError> {
        let network = |e: reqwest::Error| ApiError::Network { method, detail: self.describe(e) };
        let response = request.send().await.map_err(network)?;
        let status = response.status().as_u16();
        let unreadable =
            |detail: String| ApiError::Unreadable { method, status, detail: self.scrub(&detail) };
        let bytes = match read_body(response, MAX_ANSWER).await {
            Ok(bytes) => bytes,
            Err(BodyError::Network(e)) => return Err(network(e)),
            Err(BodyError::TooLarge) => {
                return Err(unreadable(format!("it is larger than {MAX_ANSWER} bytes")));
            }
        };
        let envelope: Envelope = match serde_json::from_slice(&bytes) {
            Ok(envelope) => envelope,
            // Proxies in front of the API limit rates too, in their own words.
            Err(_) if status == 429 => {
                return Err(self.refused(
                    method,
                    status,
                    "too many requests".to_owned(),
                    Parameters::default(),
                ));
            }
            Err(e) => return Err(unreadable(e.to_string())),
        };
        if !envelope.ok {
            let description = envelope.description.unwrap_or_else(|| "no reason given".to_owned());
            let code = envelope.error_code.unwrap_or(status);
            return Err(self.refused(method, code, description, envelope.parameters.unwrap_or_default()));
        }
        let result = envelope.result.ok_or_else(|| unreadable("it has no result".to_owned()))?;
        serde_json::from_str(result.get()).map_err(|e| unreadable(e.to_string()))
    }

    fn refused(&self, method: &'static str, code: u16, description: String, p: Parameters) -> ApiError {
        let retry_after = p.retry_after.map(|s| Duration::from_secs(s.min(MAX_RETRY_AFTER)));
        let description = self.scrub(&description);
        ApiError::Refused { method, code, description, retry_after, migrate_to: p.migrate_to_chat_id }
    }

    /// A file's bytes; `path` is what `getFile` gave.
    pub(crate) async fn download(&self, path: &str, max_bytes: u64) -> Result<Vec<u8>, Missed> {
        let mut response = self.file(path).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            let chunk = chunk.as_ref();
            if bytes.len() as u64 + chunk.len() as u64 > max_bytes {
                return Err(Missed::from(format!("it is larger than {max_bytes} bytes")));
            }
            bytes.extend_from_slice(chunk);
        }
        Ok(bytes)
    }

    /// A file, piece by piece to where it is kept; `path` is what `getFile` gave. Gives its size.
    pub(crate) async fn download_to(
        &self,
        path: &str,
        max_bytes: u64,
        to: &mut Keeping,
    ) -> Result<u64, Missed> {
        let mut response = self.file(path).await?;
        let mut size = 0u64;
        while let Some(chunk) = self.chunk(&mut response).await? {
            let chunk = chunk.as_ref();
            size = size.saturating_add(chunk.len() as u64);
            if size > max_bytes {
                return Err(Missed::from(format!("it is larger than {max_bytes} bytes")));
            }
            to.write(chunk).await.map_err(|e| format!("it could not be written: {e}"))?;
        }
        Ok(size)
    }

    async fn chunk(
        &self,
        response: &mut reqwest::Response,
    ) -> Result<Option<impl AsRef<[u8]> + use<>>, Missed> {
        let chunk = timeout(STALLED, response.chunk()).await;
        let chunk =
            chunk.map_err(|_| Missed::passing(format!("nothing came for {} s", STALLED.as_secs())))?;
        chunk.map_err(|e| Missed::passing(self.describe(e)))
    }

    async fn file(&self, path: &str) -> Result<reqwest::Response, Missed> {
        if path.split('/').any(|part| part == "..") || path.contains(['?', '#', '\\']) {
            return Err(Missed::from("Telegram gave a file path that is none".to_owned()));
        }
        let url = format!("{}/file/bot{}/{path}", self.root, self.token.expose_secret());
        let get = self.client.get(url).timeout(DOWNLOAD_TIMEOUT);
        let response = timeout(STALLED, get.send()).await;
        let response =
            response.map_err(|_| Missed::passing(format!("no answer within {} s", STALLED.as_secs())))?;
        let response = response.map_err(|e| Missed::passing(self.describe(e)))?;
        match response.status().as_u16() {
            200..300 => Ok(response),
            status => Err(Missed {
                why: format!("HTTP {status}"),
                is_passing: status >= 500 || matches!(status, 408 | 429),
            }),
        }
    }

    fn describe(&self, error: reqwest::Error) -> String {
        self.scrub(&http::describe(&error.without_url()))
    }

    /// Whatever a far side echoes, the token does not get into a log.
    fn scrub(&self, text: &str) -> String {
        text.replace(self.token.expose_secret(), "<token>")
    }
}

enum BodyError {
    Network(reqwest::Error),
    TooLarge,
}

async fn read_body(mut response: reqwest::Response, max: u64) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Network)? {
        if bytes.len() as u64 + chunk.len() as u64 > max {
            return Err(BodyError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
