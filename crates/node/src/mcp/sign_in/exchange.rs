//! What is asked of the address that gives out tokens, and the bounds on what it says.

use super::McpSignIn;
use super::kept::{Program, Site, Tokens};
use crate::mcp::http::causes;
use model::SecretString;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde_json::Value;
use std::time::Duration;
use url::form_urlencoded::{Serializer, byte_serialize};

/// An answer takes no longer.
const WITHIN: Duration = Duration::from_secs(30);
/// Bytes of an answer: metadata and tokens are some thousand at most.
const MAX_ANSWER: usize = 256 * 1024;
/// Characters of an error's text that are shown.
const MAX_SHOWN: usize = 300;

/// Why no token was given.
pub(super) enum Refusal {
    /// Not now.
    Now(String),
    /// Never again for this sign-in.
    Over(String),
    /// Neither for this sign-in nor for another one: the program is not known there as what it says that it is.
    Unknown(String),
}

/// What was given.
pub(super) struct Given {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
    scope: Option<String>,
}

impl Given {
    /// The tokens of a new sign-in.
    pub(super) fn tokens(
        self,
        (site, program): (Site, Program),
        scope: Option<String>,
        now_ms: i64,
    ) -> Tokens {
        let mut tokens = Tokens {
            access_token: String::new(),
            refresh_token: None,
            expires_at_ms: None,
            scope,
            refused: false,
            site,
            program,
        };
        self.renews(&mut tokens, now_ms);
        tokens
    }

    /// Takes the place of what was given before. What is not said stays.
    pub(super) fn renews(self, tokens: &mut Tokens, now_ms: i64) {
        tokens.access_token = self.access_token;
        tokens.expires_at_ms =
            self.expires_in.map(|seconds| now_ms.saturating_add(seconds.saturating_mul(1000)));
        if self.refresh_token.is_some() {
            tokens.refresh_token = self.refresh_token;
        }
        if self.scope.is_some() {
            tokens.scope = self.scope;
        }
    }
}

impl McpSignIn {
    /// Asks for tokens with this form.
    pub(super) async fn exchange(
        &self,
        site: &Site,
        program: &Program,
        form: &[(&str, &str)],
    ) -> Result<Given, Refusal> {
        let url: Url =
            site.token_endpoint.parse().map_err(|e| Refusal::Now(format!("the address for tokens: {e}")))?;
        let request = self.asking(&url, program, form).map_err(Refusal::Now)?;
        let (status, answer) = ask(request, &url).await.map_err(Refusal::Now)?;
        given(status, &answer, &url)
    }

    fn asking(&self, url: &Url, program: &Program, form: &[(&str, &str)]) -> Result<RequestBuilder, String> {
        let mut body = Serializer::new(String::new());
        body.extend_pairs(form);
        let request = self.client(url)?.post(url.clone());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = match (&program.secret, program.shown_by.as_deref()) {
            (Some(secret), Some("client_secret_basic")) => {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                request.basic_auth(encoded(&program.id), Some(encoded(secret)))
            }
            (secret, _) => {
                body.append_pair("client_id", &program.id);
                if let Some(secret) = secret {
                    body.append_pair("client_secret", secret);
                }
                request
            }
        };
        Ok(request.body(body.finish()))
    }
}

fn given(status: StatusCode, answer: &Value, url: &Url) -> Result<Given, Refusal> {
    if !status.is_success() {
        let why = said(status, answer, url);
        return Err(match answer["error"].as_str() {
            Some("invalid_grant") => Refusal::Over(why),
            Some("invalid_client" | "unauthorized_client") => Refusal::Unknown(why),
            _ => Refusal::Now(why),
        });
    }
    let text = |key: &str| answer[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let is_bearer = text("token_type").is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    // It is to be a header's value.
    let sendable = |token: &String| HeaderValue::from_str(&format!("Bearer {token}")).is_ok();
    let token = text("access_token").filter(|token| is_bearer && sendable(token));
    let Some(access_token) = token else {
        return Err(Refusal::Now(format!("{} gave no token that can be used", place(url))));
    };
    // Some write it as a text.
    let expires_in = &answer["expires_in"];
    let expires_in = expires_in.as_i64().or_else(|| expires_in.as_str()?.parse().ok());
    Ok(Given { access_token, refresh_token: text("refresh_token"), expires_in, scope: text("scope") })
}

/// Asks and reads the answer, which is JSON or nothing that counts. Nobody is led elsewhere: redirects are not followed.
pub(super) async fn ask(request: RequestBuilder, url: &Url) -> Result<(StatusCode, Value), String> {
    let asked = async {
        let request = request.header(ACCEPT, "application/json");
        let unreachable = |error| format!("{} cannot be reached: {}", place(url), causes(error));
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unreachable)? {
            answer.extend_from_slice(&part);
            if answer.len() > MAX_ANSWER {
                return Err(format!("{} sent more than {} KiB", place(url), MAX_ANSWER >> 10));
            }
        }
        Ok((status, serde_json::from_slice(&answer).unwrap_or_default()))
    };
    let late = || format!("{} did not answer within {} s", place(url), WITHIN.as_secs());
    tokio::time::timeout(WITHIN, asked).await.map_err(|_| late())?
}

/// What an address said to a request that it refused.
pub(super) fn said(status: StatusCode, answer: &Value, url: &Url) -> String {
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    let (error, description) = (text("error"), text("error_description"));
    let between = if error.is_empty() || description.is_empty() { "" } else { ": " };
    let words = format!("{error}{between}{description}");
    let words: String = words.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect();
    let words = if words.is_empty() { "nothing that can be read".to_owned() } else { words };
    format!("{} answered HTTP {}: {words}", place(url), status.as_u16())
}

/// An address without what may be secret in it.
pub(super) fn place(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// A request with a token that is shown.
pub(in crate::mcp) fn showing(request: RequestBuilder, token: &SecretString) -> RequestBuilder {
    let value = HeaderValue::from_str(&format!("Bearer {}", model::ExposeSecret::expose_secret(token)));
    match value {
        Ok(mut value) => {
            value.set_sensitive(true);
            request.header(AUTHORIZATION, value)
        }
        // Tokens were looked at when they were given.
        Err(_) => request,
    }
}
