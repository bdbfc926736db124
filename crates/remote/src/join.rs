//! What `openclaw connect` is given: a setup code, or a join URL (`https://GATEWAY/j/CODE`) from which one is fetched, once. A
//! certificate that no authority vouches for is named behind it: `https://GATEWAY/j/CODE#sha256:HEX`, which is not sent.

use crate::SetupCode;
use client::Seen;
use model::Pin;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// The answer has a few hundred bytes.
const MAX_BYTES: usize = 64 * 1024;
/// For all of it.
const WITHIN: Duration = Duration::from_secs(15);

/// What names a gateway and lets this device in.
#[derive(Debug, Clone)]
pub enum JoinTarget {
    /// A join URL. It is not fetched yet. `Debug` does not show it.
    Url(JoinUrl),
    /// A setup code.
    Code(SetupCode),
}

/// A join URL: whoever has it can fetch the code.
#[derive(Clone)]
pub struct JoinUrl {
    url: Url,
    /// The certificate to expect; without one the usual authorities decide.
    pin: Option<Pin>,
}

impl std::fmt::Debug for JoinUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JoinUrl({})", self.shown())
    }
}

/// Why there is no setup code.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The gateway does not know the code, or knows it no longer.
    #[error(
        "{0} knows no such join code: it was used before, or its time is over; make another with: openclaw devices join-code"
    )]
    Unknown(String),
    /// Too many wrong codes came from here.
    #[error("{0} takes no more join codes from here for now; wait a few minutes")]
    Limited(String),
    /// What answers is no gateway.
    #[error("{0} answers with something that is no setup code ({1}); check the address")]
    NoCode(String, String),
    /// Who answers shows another certificate than the join URL names. Nothing was sent.
    #[error("{place} shows another certificate than this join URL names: expected {expected}, seen {}", .seen.leaf)]
    Pin {
        /// Who answers.
        place: String,
        /// What the join URL names.
        expected: Pin,
        /// What it shows.
        seen: Seen,
    },
    /// Nobody answers, or nobody who can be trusted.
    #[error("cannot fetch the setup code from {0}: {1}")]
    Fetch(String, String),
}

impl JoinTarget {
    /// Reads what was pasted.
    ///
    /// # Errors
    /// It is neither, or a join URL over plain HTTP to elsewhere; what it holds is not repeated.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let web = |scheme: &str| text.get(..scheme.len()).is_some_and(|t| t.eq_ignore_ascii_case(scheme));
        if !web("https://") && !web("http://") {
            return SetupCode::read(text).map(Self::Code);
        }
        let mut url = Url::parse(text).map_err(|error| format!("is no URL ({error})"))?;
        let pin = url.fragment().map(str::parse::<Pin>).transpose().map_err(|_| {
            "has something behind its # that is no fingerprint of a certificate: paste all of it".to_owned()
        })?;
        url.set_fragment(None);
        let plain = url.scheme() == "http" && !is_here(&url);
        match () {
            () if plain => Err("is a join URL without TLS: whoever listens would have the code; use https://, or the setup code itself".to_owned()),
            () if !url.username().is_empty() || url.password().is_some() => {
                Err("has credentials in it; take them out".to_owned())
            }
            () if !url.path().contains("/j/") => {
                Err("is no join URL: those look like https://GATEWAY/j/CODE (openclaw devices join-code makes one)".to_owned())
            }
            () if pin.is_some() && url.scheme() == "http" => {
                Err("names a certificate, and an address that shows none".to_owned())
            }
            () => Ok(Self::Url(JoinUrl { url, pin })),
        }
    }
}

impl JoinUrl {
    /// Scheme, host and port: the rest is the code.
    pub fn shown(&self) -> String {
        crate::candidate::shown(self.url.as_str())
    }

    /// Fetches the setup code. That uses the join URL up.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub async fn fetch(&self) -> Result<SetupCode, JoinError> {
        let place = self.shown();
        let unusable = |error: String| JoinError::Fetch(place.clone(), error);
        // The error's text may hold the URL.
        let failed = |error: reqwest::Error| match (self.pin, client::seen_instead(&error)) {
            (Some(expected), Some(seen)) => JoinError::Pin { place: place.clone(), expected, seen },
            _ => unusable(causes(error.without_url())),
        };
        let no_code = |what: String| JoinError::NoCode(place.clone(), what);
        let client = client(self.pin).map_err(unusable)?;
        let mut response = client.get(self.url.clone()).send().await.map_err(failed)?;
        match response.status().as_u16() {
            200 => {}
            404 => return Err(JoinError::Unknown(place)),
            429 => return Err(JoinError::Limited(place)),
            status => return Err(no_code(format!("HTTP {status}"))),
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
            return Err(no_code("no JSON".to_owned()));
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&part);
            if body.len() > MAX_BYTES {
                return Err(no_code(format!("more than {MAX_BYTES} bytes")));
            }
        }
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        value.as_ref().and_then(SetupCode::of).ok_or_else(|| no_code("another JSON".to_owned()))
    }
}

/// No redirects: the code goes to whom it was made by. The roots come with the program.
fn client(pin: Option<Pin>) -> Result<reqwest::Client, String> {
    let tls = match pin {
        Some(pin) => client::pinned_tls(&[pin]),
        None => known_authorities(),
    };
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls.map_err(|error| error.to_string())?)
        .no_proxy()
        .timeout(WITHIN)
        .redirect(Policy::none())
        .user_agent(concat!("openclaw/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(causes)
}

fn known_authorities() -> Result<rustls::ClientConfig, rustls::Error> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}

fn causes(error: reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_url_has_tls_or_stays_on_this_host_and_is_not_repeated() {
        let pin = "ab".repeat(32);
        for text in [
            "https://gw.example/j/hush",
            "HTTPS://gw.example/base/j/hush",
            "http://127.0.0.1:5/j/hush",
            &format!("https://10.0.0.9:18789/j/hush#sha256:{pin}"),
        ] {
            let target = JoinTarget::read(text).unwrap();
            assert!(matches!(target, JoinTarget::Url(_)), "{text}");
            assert!(!format!("{target:?}").contains("hush"), "{target:?}");
        }
        for (text, part) in [
            ("http://gw.example/j/hush", "without TLS"),
            ("http://192.168.1.5/j/hush", "without TLS"),
            ("https://u:hush@gw.example/j/x", "credentials"),
            ("https://gw.example/hush", "no join URL"),
            ("https://", "no URL"),
            ("https://gw.example/j/x#hush", "no fingerprint"),
            (&format!("http://127.0.0.1:5/j/hush#sha256:{pin}"), "shows none"),
            ("nothing", "no setup code"),
        ] {
            let problem = JoinTarget::read(text).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("hush"), "{text}: {problem}");
        }
    }
}
