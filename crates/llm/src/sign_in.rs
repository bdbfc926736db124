//! OpenRouter's sign-in: a code that its page gave to somebody is exchanged for a key of theirs (OAuth with PKCE, for which no
//! program has to be registered).

use crate::Http;
use model::SecretString;
use reqwest::Url;
use serde_json::{Value, json};
use std::time::Duration;

/// An answer is some hundred bytes; more is none.
const MAX_ANSWER: usize = 64 * 1024;

/// The exchange takes no longer.
const WITHIN: Duration = Duration::from_secs(30);

/// Exchanges a code for a key, at the API with this base URL (`https://openrouter.ai/api/v1`). `verifier` is what the code's
/// challenge was made of.
///
/// # Errors
/// The address cannot be reached, or refuses: what it said.
pub async fn exchange_code(base_url: &str, code: &str, verifier: &str) -> Result<SecretString, String> {
    let url = format!("{}/auth/keys", base_url.trim_end_matches('/'));
    let url = Url::parse(&url).map_err(|error| format!("{url} is no URL: {error}"))?;
    let body = json!({"code": code, "code_verifier": verifier, "code_challenge_method": "S256"});
    let late = || format!("{url} did not answer within {} s; sign in again", WITHIN.as_secs());
    tokio::time::timeout(WITHIN, post(&url, &body)).await.map_err(|_| late())?
}

async fn post(url: &Url, body: &Value) -> Result<SecretString, String> {
    let http = Http::default();
    let client = http.client(url).map_err(|fault| fault.said)?;
    let request = client
        .post(url.clone())
        .header(reqwest::header::CONTENT_TYPE, "application/json")
        .body(body.to_string());
    let unreachable = |error: reqwest::Error| format!("{url} cannot be reached: {}", error.without_url());
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let mut answer = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(unreachable)? {
        answer.extend_from_slice(&bytes);
        if answer.len() > MAX_ANSWER {
            return Err(format!("{url} sent more than {} KiB", MAX_ANSWER >> 10));
        }
    }
    let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
    if !status.is_success() {
        let said = answer.pointer("/error/message").and_then(Value::as_str);
        let said: String = said.unwrap_or("nothing that can be read").chars().take(300).collect();
        return Err(format!("{url} answered {status}: {said}"));
    }
    match answer["key"].as_str().filter(|key| !key.trim().is_empty()) {
        Some(key) => Ok(SecretString::from(key.trim().to_owned())),
        None => Err(format!("{url} answered without a key")),
    }
}
