//! The one place that builds the HTTP client for model providers, and the bounds that every call keeps.
//!
//! Trusted are Mozilla's roots, compiled in (no file is read, and it works in an empty container), and the certificates
//! of the file that `SSL_CERT_FILE` names, for servers of one's own. Proxies are taken from `HTTP_PROXY`, `HTTPS_PROXY`,
//! `ALL_PROXY` and `NO_PROXY`, except for addresses of this machine, which no proxy can reach.

mod trust;

pub use trust::Trust;

use crate::fault::Fault;
use reqwest::Url;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::net::IpAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

/// The bounds of one call to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a connection may take to open.
    pub connect: Duration,
    /// How long the provider may think before the first byte of its answer's body.
    pub first_byte: Duration,
    /// How long the answer may stand still after that.
    pub idle: Duration,
    /// How long one answer may take altogether: something in between may keep a dead stream alive with comments.
    pub answer: Duration,
    /// Bytes that one answer may have.
    pub max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            // A long prompt on a local machine takes minutes before the first token.
            first_byte: Duration::from_secs(180),
            idle: Duration::from_secs(120),
            answer: Duration::from_secs(30 * 60),
            max_bytes: 64 << 20,
        }
    }
}

/// The HTTP client with its [`Limits`]. Nothing is built before the first call. Models that share one share its
/// connections.
#[derive(Debug, Default)]
pub struct Http {
    limits: Limits,
    far: OnceLock<reqwest::Client>,
    near: OnceLock<reqwest::Client>,
}

impl Http {
    /// A client with these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The bounds of its calls.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The client for an address, built at the first call.
    pub(crate) fn client(&self, url: &Url) -> Result<&reqwest::Client, Fault> {
        let local = is_local(url);
        let client = if local { &self.near } else { &self.far };
        if let Some(client) = client.get() {
            return Ok(client);
        }
        let built = build(self.limits.connect, local, &Trust::default())?;
        Ok(client.get_or_init(|| built))
    }
}

/// A client for an address that is not a provider's: with the same trust and proxies, and no bounds but for opening a connection.
///
/// # Errors
/// It is no address, or the proxy variables or `SSL_CERT_FILE` are of no use.
pub fn plain_client(url: &str, connect: Duration) -> Result<reqwest::Client, String> {
    client_trusting(url, connect, &Trust::default())
}

/// The same for a server with certificates of its own.
///
/// # Errors
/// As [`plain_client`], or the certificate to show cannot be used.
pub fn client_trusting(url: &str, connect: Duration, trust: &Trust) -> Result<reqwest::Client, String> {
    let url = Url::parse(url).map_err(|e| e.to_string())?;
    build(connect, is_local(&url), trust).map_err(|fault| fault.said)
}

/// Whether an address is on this machine.
fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Builds a client: rustls with ring, no redirects (they would carry the key elsewhere), few idle connections.
fn build(connect: Duration, local: bool, trust: &Trust) -> Result<reqwest::Client, Fault> {
    let builder = reqwest::Client::builder();
    let builder = if local { builder.no_proxy() } else { builder };
    builder
        .tls_backend_preconfigured(tls(trust)?)
        .connect_timeout(connect)
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(Duration::from_secs(60))
        // A turn makes one call after another; four idle connections serve the sub-agents too.
        .pool_max_idle_per_host(4)
        .user_agent(concat!("openclaw/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| {
            Fault::refused(format!(
                "cannot build the HTTP client: {e}; check the proxy variables (HTTPS_PROXY)"
            ))
        })
}

fn tls(trust: &Trust) -> Result<rustls::ClientConfig, Fault> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = std::env::var_os("SSL_CERT_FILE") {
        add_file(&mut roots, Path::new(&file))?;
    }
    let mut config = trust.config(roots).map_err(Fault::refused)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Adds the certificates of a PEM file. What cannot be parsed within it is left out, as other TLS clients do.
fn add_file(roots: &mut rustls::RootCertStore, file: &Path) -> Result<(), Fault> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|e| {
        Fault::refused(format!(
            "cannot read the certificates of SSL_CERT_FILE={}: {e}; correct or unset it",
            file.display()
        ))
    })?;
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_built_once_and_only_when_asked_for() {
        let http = Http::default();
        let (far, near) = (Url::parse("https://h/v1").unwrap(), Url::parse("http://[::1]:1/v1").unwrap());
        assert!(http.far.get().is_none());
        assert!(http.client(&far).is_ok());
        assert!(http.far.get().is_some() && http.near.get().is_none());
        assert!(http.client(&near).is_ok());
        assert!(http.near.get().is_some());
    }

    #[test]
    fn addresses_of_this_machine_are_known() {
        for (url, local) in [
            ("http://127.0.0.1:11434/v1", true),
            ("http://localhost/v1", true),
            ("http://[::1]:1/", true),
            ("http://192.168.1.2/", false),
            ("https://localhost.example.com/", false),
        ] {
            assert_eq!(is_local(&Url::parse(url).unwrap()), local, "{url}");
        }
    }

    #[test]
    fn a_certificate_file_that_cannot_be_read_is_named() {
        let mut roots = rustls::RootCertStore::empty();
        let fault = add_file(&mut roots, Path::new("/no/such.pem")).unwrap_err();
        assert!(fault.said.contains("/no/such.pem"), "{}", fault.said);
    }
}
