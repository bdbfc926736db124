//! One model's address at a provider: sends a request there, bounds the reply in time and size, and gives errors the
//! provider's name and the next step. The key is in the headers, marked sensitive, and struck out of what is reported.

use crate::fault::{self, Fault};
use crate::http::{Http, Limits};
use crate::{ErrorKind, ModelError, ProviderConfig};
use bytes::Bytes;
use model::{ExposeSecret, SecretString};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Where calls of one model go.
#[derive(Debug)]
pub(crate) struct Endpoint {
    provider: String,
    model: String,
    url: Url,
    headers: HeaderMap,
    key: Option<SecretString>,
    http: Arc<Http>,
}

/// How an API wants to be addressed.
pub(crate) struct Manner {
    /// Path segments behind the base URL.
    pub(crate) path: &'static [&'static str],
    /// The header that carries the key, and what stands before the key in it.
    pub(crate) key_header: (HeaderName, &'static str),
    /// Headers of every call.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Endpoint {
    /// # Errors
    /// A base URL, key or header that cannot be sent; the error names it.
    pub(crate) fn new(
        provider: &ProviderConfig,
        model: &str,
        manner: Manner,
        http: Arc<Http>,
    ) -> Result<Self, ModelError> {
        let name = &provider.name;
        let url = join(name, &provider.base_url, manner.path)?;
        let mut headers: HeaderMap = manner.headers.into_iter().collect();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let key = provider.api_key.clone().filter(|k| !k.expose_secret().trim().is_empty());
        if let Some(key) = &key {
            let (header, before) = manner.key_header;
            let mut value = HeaderValue::from_str(&format!("{before}{}", key.expose_secret().trim())).map_err(|_| {
                wrong(format!("the API key of provider {name} has characters that no key has; set models.providers.{name}.apiKey again"))
            })?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        for (header, value) in &provider.headers {
            let place = format!("header {header:?} in models.providers.{name}.headers");
            let header = HeaderName::try_from(header.as_str())
                .map_err(|_| wrong(format!("{place} has no valid name; correct it")))?;
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| wrong(format!("{place} has a value that cannot be sent; correct it")))?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        Ok(Self { provider: name.clone(), model: model.to_owned(), url, headers, key, http })
    }

    /// The address, for decisions that depend on the host.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Sends a request and waits for the head of the reply. Dropping the future or the reply closes the connection.
    ///
    /// # Errors
    /// Not reached in time, refused, or cancelled.
    pub(crate) async fn post<'c>(
        &self,
        body: Vec<u8>,
        cancel: &'c CancellationToken,
    ) -> Result<Reply<'c>, Fault> {
        self.send(self.url.clone(), self.headers.clone(), body, cancel).await
    }

    /// As [`Endpoint::post`], with a body that is no JSON, and a query.
    pub(crate) async fn post_as<'c>(
        &self,
        content_type: HeaderValue,
        query: &[(&str, String)],
        body: Vec<u8>,
        cancel: &'c CancellationToken,
    ) -> Result<Reply<'c>, Fault> {
        let (mut url, mut headers) = (self.url.clone(), self.headers.clone());
        headers.insert(CONTENT_TYPE, content_type);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(url, headers, body, cancel).await
    }

    async fn send<'c>(
        &self,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
        cancel: &'c CancellationToken,
    ) -> Result<Reply<'c>, Fault> {
        let limits = *self.http.limits();
        let first_byte = Instant::now() + limits.first_byte;
        let request = self.http.client(&url)?.post(url).headers(headers).body(body);
        let response = bounded(cancel, first_byte, || self.silent(limits.first_byte), request.send())
            .await?
            .map_err(|e| self.unreachable(e))?;
        let last_byte = Instant::now() + limits.answer;
        let mut reply = Reply { response, cancel, limits, received: 0, first_byte, last_byte };
        let status = reply.response.status();
        if status.is_success() { Ok(reply) } else { Err(refusal(status, &mut reply).await) }
    }

    fn silent(&self, limit: Duration) -> Fault {
        Fault::transient(format!("at {} did not answer within {} s", self.shown(), limit.as_secs()))
    }

    fn unreachable(&self, error: reqwest::Error) -> Fault {
        Fault::transient(format!("could not be reached at {}: {}", self.shown(), chain(error)))
    }

    /// The address without user, password and query, any of which may be secret.
    fn shown(&self) -> String {
        format!("{}{}", self.url.origin().ascii_serialization(), self.url.path())
    }

    /// The error to report: who, what, and what to do.
    pub(crate) fn report(&self, fault: Fault) -> ModelError {
        let name = &self.provider;
        let next = match fault.kind {
            ErrorKind::RateLimited => "; wait a little, or choose another model".to_owned(),
            ErrorKind::Transient => format!("; try again, or check that {} is up", self.shown()),
            ErrorKind::Auth => {
                format!(
                    "; check the key (openclaw models status says where it comes from): models.providers.{name}.apiKey in openclaw.json, its environment variable, or a profile (openclaw models auth list)"
                )
            }
            ErrorKind::ContextOverflow => "; compact or shorten the conversation".to_owned(),
            ErrorKind::NoCredit => format!("; add credit at {name}, or choose another model"),
            ErrorKind::Refused | ErrorKind::NoModel | ErrorKind::NoAnswer => {
                format!("; check the model's id and models.providers.{name} (baseUrl, api) in openclaw.json")
            }
            ErrorKind::Aborted => String::new(),
        };
        let said = self.clean(&fault.said);
        let message = format!("{name} ({}) {said}{next}", self.model);
        ModelError { kind: fault.kind, message, retry_after: fault.retry_after }
    }

    /// One line of at most 500 characters without the key.
    fn clean(&self, said: &str) -> String {
        let mut text = said.to_owned();
        if let Some(key) = self.key.as_ref().map(|k| k.expose_secret().trim()).filter(|k| k.len() >= 8) {
            text = text.replace(key, "[key]");
        }
        let words: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        let line = words.join(" ");
        let cut: String = line.chars().take(500).collect();
        if cut.len() < line.len() { format!("{cut}…") } else { cut }
    }
}

/// A reply whose head has come.
pub(crate) struct Reply<'c> {
    response: Response,
    cancel: &'c CancellationToken,
    limits: Limits,
    received: usize,
    first_byte: Instant,
    last_byte: Instant,
}

/// How long the usage and the end of the stream may take once the answer is complete.
const EPILOGUE: Duration = Duration::from_secs(5);

impl Reply<'_> {
    /// The next bytes; `None` at the end. `complete`: the answer is there, and only its end is awaited.
    ///
    /// # Errors
    /// Cut, standing still, too long, or cancelled.
    pub(crate) async fn next(&mut self, complete: bool) -> Result<Option<Bytes>, Fault> {
        let now = Instant::now();
        let deadline = match self.received {
            0 => self.first_byte.max(now),
            _ if complete => now + EPILOGUE.min(self.limits.idle),
            _ => now + self.limits.idle,
        };
        let deadline = deadline.min(self.last_byte).max(now);
        let still = || Fault::transient(format!("stood still for {} s", (deadline - now).as_secs()));
        let chunk = bounded(self.cancel, deadline, still, self.response.chunk())
            .await?
            .map_err(|e| Fault::transient(format!("cut its answer short: {}", chain(e))))?;
        self.received += chunk.as_ref().map_or(0, Bytes::len);
        if self.received > self.limits.max_bytes {
            return Err(Fault::no_answer(format!("sent more than {} MiB", self.limits.max_bytes >> 20)));
        }
        Ok(chunk)
    }

    /// Reads the end of the stream, so that the connection can be used again. Some servers leave it open behind their
    /// last event: for those it is not worth waiting, and the connection is closed.
    pub(crate) async fn drain(mut self) {
        let end = async { while let Ok(Some(_)) = self.response.chunk().await {} };
        // An end that does not come costs a new connection and nothing else.
        let _ = tokio::time::timeout(Duration::from_millis(20), end).await;
    }
}

/// Reads what a refusal says, up to 64 KiB. A body that cannot be read does not hide the status.
async fn refusal(status: StatusCode, reply: &mut Reply<'_>) -> Fault {
    let retry_after = fault::retry_after(reply.response.headers());
    let location = reply
        .response
        .headers()
        .get(reqwest::header::LOCATION)
        .and_then(|l| l.to_str().ok())
        .map(str::to_owned);
    let mut body = Vec::new();
    while let Ok(Some(bytes)) = reply.next(true).await {
        body.extend_from_slice(&bytes);
        if body.len() > 64 << 10 {
            break;
        }
    }
    if reply.cancel.is_cancelled() {
        return Fault::aborted();
    }
    if let Some(location) = location.filter(|_| status.is_redirection()) {
        return Fault::no_answer(format!(
            "answered {status} and points to {location}; redirects are not followed, put the right address into baseUrl"
        ));
    }
    let body = String::from_utf8_lossy(&body);
    fault::from_status(status.as_u16(), status.canonical_reason().unwrap_or_default(), &body, retry_after)
}

/// Waits for `work` until the deadline or the cancellation, whichever comes first.
async fn bounded<T>(
    cancel: &CancellationToken,
    deadline: Instant,
    late: impl FnOnce() -> Fault,
    work: impl Future<Output = T>,
) -> Result<T, Fault> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Fault::aborted()),
        done = work => Ok(done),
        () = tokio::time::sleep_until(deadline) => Err(late()),
    }
}

/// An error with its causes; the outermost alone says next to nothing. Without the URL, which may hold secrets.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn wrong(message: String) -> ModelError {
    ModelError { kind: ErrorKind::Refused, message, retry_after: None }
}

/// The base URL with the API's path behind its own; a base that ends with that path already is taken as it is. A query
/// (`?api-version=…`) is kept.
fn join(provider: &str, base: &str, path: &[&str]) -> Result<Url, ModelError> {
    let bad = |why: &str| {
        wrong(format!(
            "models.providers.{provider}.baseUrl is {why}; write it like http://127.0.0.1:11434/v1 or https://api.openai.com/v1"
        ))
    };
    let mut url = Url::parse(base.trim()).map_err(|e| bad(&format!("no URL ({e})")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad("no http or https URL"));
    }
    let has: Vec<String> =
        url.path_segments().into_iter().flatten().filter(|s| !s.is_empty()).map(str::to_owned).collect();
    // Of the path, what the base does not have yet: `…/v1` + `v1/messages` is `…/v1/messages`.
    let overlap = (0..=path.len().min(has.len()))
        .rev()
        .find(|n| has.iter().skip(has.len() - n).map(String::as_str).eq(path.iter().take(*n).copied()))
        .unwrap_or(0);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.iter().skip(overlap));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_s_path_goes_behind_the_base_once() {
        let openai: &[&str] = &["chat", "completions"];
        let anthropic: &[&str] = &["v1", "messages"];
        for (base, path, want) in [
            ("https://api.openai.com/v1", openai, "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/v1/", openai, "https://api.openai.com/v1/chat/completions"),
            ("http://h/v1/chat/completions", openai, "http://h/v1/chat/completions"),
            ("http://h:1/?api-version=2", openai, "http://h:1/chat/completions?api-version=2"),
            ("https://api.anthropic.com", anthropic, "https://api.anthropic.com/v1/messages"),
            ("https://api.anthropic.com/v1/", anthropic, "https://api.anthropic.com/v1/messages"),
            ("http://h/proxy", anthropic, "http://h/proxy/v1/messages"),
        ] {
            assert_eq!(join("p", base, path).unwrap().as_str(), want, "{base}");
        }
    }

    #[test]
    fn a_base_url_that_is_none_is_named_with_its_place() {
        for base in ["", "api.openai.com/v1", "ftp://h/v1", "unix:/x", "http://"] {
            let error = join("local", base, &["chat"]).unwrap_err();
            assert!(error.message.contains("models.providers.local.baseUrl"), "{base}: {error}");
            assert_eq!(error.kind, ErrorKind::Refused);
        }
    }
}
