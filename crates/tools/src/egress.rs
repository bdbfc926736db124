//! The one client for fetches on somebody's behalf. A model, and so any text that it reads, may name the address: what
//! is reached is checked at the URL, at the addresses that its name has, at every redirect, and at the connection.

mod body;
mod error;
mod resolve;
mod target;

pub use body::{Fetched, FetchedFile};
pub use error::EgressError;
pub use resolve::{Resolver, SystemResolver};

use reqwest::header::{ACCEPT, LOCATION};
use reqwest::{Client, Response, Url};
use resolve::CheckedResolver;
use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Redirects followed.
const MAX_REDIRECTS: usize = 5;
/// From the first lookup to the last byte.
const DEADLINE: Duration = Duration::from_secs(30);
/// One connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// What may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EgressPolicy {
    /// Whether loopback and private networks may be, by the operator's choice. Link-local addresses, where clouds keep
    /// their credentials, and reserved ones never are.
    pub allow_private: bool,
}

/// Fetches pages under an [`EgressPolicy`]. Uses no proxy, keeps no cookies, sends no credentials.
pub struct Egress {
    policy: EgressPolicy,
    resolver: Arc<dyn Resolver>,
    /// Made at the first fetch: reading the system's certificates takes a while.
    client: OnceLock<Result<Client, String>>,
}

impl Egress {
    /// A client that asks the system for addresses.
    pub fn new(policy: EgressPolicy) -> Self {
        Self::with_resolver(policy, Arc::new(SystemResolver))
    }

    /// A client that asks `resolver` for addresses. They are checked all the same.
    pub fn with_resolver(policy: EgressPolicy, resolver: Arc<dyn Resolver>) -> Self {
        Self { policy, resolver, client: OnceLock::new() }
    }

    /// Fetches a page of text: at most 2 MB, 5 redirects and 30 s. An answer with an error status is an answer.
    ///
    /// # Errors
    /// The URL, an address or a redirect is refused; nobody answers; what comes is no text.
    pub async fn fetch(&self, url: &str) -> Result<Fetched, EgressError> {
        let late = || EgressError::Late { url: target::shown(url), seconds: DEADLINE.as_secs() };
        tokio::time::timeout(DEADLINE, self.follow(url)).await.unwrap_or_else(|_| Err(late()))
    }

    /// Fetches a file of at most `max` bytes, whatever it is, with 5 redirects and within 30 s.
    ///
    /// # Errors
    /// As [`Egress::fetch`], and an answer with an error status, and a file that is larger.
    pub async fn fetch_file(&self, url: &str, max: u64) -> Result<FetchedFile, EgressError> {
        let late = || EgressError::Late { url: target::shown(url), seconds: DEADLINE.as_secs() };
        let fetched = async {
            let (response, url) = self.open(url, "*/*").await?;
            body::read_file(response, &url, max).await.map_err(|e| e.unwrap_or_else(|e| explain(&e, &url)))
        };
        tokio::time::timeout(DEADLINE, fetched).await.unwrap_or_else(|_| Err(late()))
    }

    async fn follow(&self, url: &str) -> Result<Fetched, EgressError> {
        let (response, url) = self.open(url, "text/html, text/*;q=0.9, */*;q=0.5").await?;
        body::read(response, &url).await.map_err(|e| e.unwrap_or_else(|e| explain(&e, &url)))
    }

    /// The answer behind all redirects, and where it came from.
    async fn open(&self, url: &str, accept: &'static str) -> Result<(Response, Url), EgressError> {
        let mut url = target::parse(url, self.policy)?;
        for _ in 0..=MAX_REDIRECTS {
            let request = self.client()?.get(url.clone()).header(ACCEPT, accept);
            let response = request.send().await.map_err(|e| explain(&e, &url))?;
            self.check_peer(&response, &url)?;
            match next(&response, &url) {
                Some(location) => url = target::join(&url, &location, self.policy)?,
                None => return Ok((response, url)),
            }
        }
        Err(EgressError::Redirects { url: url.to_string(), limit: MAX_REDIRECTS })
    }

    /// The addresses were checked before; this holds even where a connection came about in another way.
    fn check_peer(&self, response: &Response, url: &Url) -> Result<(), EgressError> {
        match response
            .remote_addr()
            .and_then(|peer| model::address_refusal(peer.ip(), self.policy.allow_private))
        {
            Some(reason) => Err(EgressError::Address { host: target::host(url), reason }),
            None => Ok(()),
        }
    }

    fn client(&self) -> Result<&Client, EgressError> {
        let client = self.client.get_or_init(|| {
            build(CheckedResolver { resolver: self.resolver.clone(), policy: self.policy })
                .map_err(|e| format!("{e:?}"))
        });
        client.as_ref().map_err(|reason| EgressError::Client { reason: reason.clone() })
    }
}

fn build(resolver: CheckedResolver) -> reqwest::Result<Client> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only where another thread was faster with the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .timeout(DEADLINE)
        // A connection is never used again, so that each hop is looked up and checked anew.
        .pool_max_idle_per_host(0)
        .user_agent("openclaw-fetch/1.0")
        .dns_resolver(Arc::new(resolver))
        .build()
}

/// Where an answer sends us on to.
fn next(response: &Response, url: &Url) -> Option<String> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| redirects)?;
    // A location that is no text leads nowhere: joined, it gives the same page, and the count of redirects ends it.
    Some(location.to_str().map_or_else(|_| url.to_string(), str::to_owned))
}

/// Finds our own refusal in what the client reports; it wraps it several times.
fn explain(error: &reqwest::Error, url: &Url) -> EgressError {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(cause) = source {
        if let Some(ours) = cause.downcast_ref::<EgressError>() {
            return ours.clone();
        }
        last = cause.to_string();
        source = cause.source();
    }
    EgressError::Unreachable { host: target::host(url), reason: last }
}

#[cfg(test)]
mod tests;
