//! The one place where HTTP clients for chat platforms are built: deadlines on everything, no redirects (an API that
//! redirects would be handed the token again), HTTPS with the roots that come with the program.

use model::{ExposeSecret, SecretString};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Longer than any healthy network takes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which of a host's addresses are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Those of IPv4 first; else as they come.
    pub ipv4_first: bool,
    /// Only those of the family of the first.
    pub one_family: bool,
}

impl Addresses {
    fn of(self, mut all: Vec<SocketAddr>) -> Vec<SocketAddr> {
        if self.ipv4_first {
            all.sort_by_key(SocketAddr::is_ipv6);
        }
        if let Some(first) = all.first().map(SocketAddr::is_ipv6).filter(|_| self.one_family) {
            all.retain(|address| address.is_ipv6() == first);
        }
        all
    }
}

impl Resolve for Addresses {
    fn resolve(&self, name: Name) -> Resolving {
        let which = *self;
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(which.of(all).into_iter()) as Addrs)
        })
    }
}

/// Builds a client for the API at `root`, whose calls end after `timeout` unless a call asks for another. A proxy that
/// the environment names is used, but not to reach this machine itself; `proxy` takes its place.
pub(crate) fn client(
    root: &str,
    timeout: Duration,
    proxy: Option<&SecretString>,
    addresses: Addresses,
) -> Result<reqwest::Client, String> {
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    // The provider is named here, so that it does not matter whether the program has installed a default.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = reqwest::Client::builder();
    let builder = match proxy {
        // What is wrong with it is not told with it: it may hold a password.
        Some(proxy) => builder.proxy(
            reqwest::Proxy::all(proxy.expose_secret())
                .map_err(|_| "channels.telegram.proxy is no address")?,
        ),
        None if is_local(root) => builder.no_proxy(),
        None => builder,
    };
    let builder = match addresses == Addresses::default() {
        true => builder,
        false => builder.dns_resolver(Arc::new(addresses)),
    };
    builder
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("openclaw/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| describe(&e))
}

fn is_local(root: &str) -> bool {
    let url = reqwest::Url::parse(root).ok();
    let host = url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.is_loopback())
}

/// What went wrong, cause included and URL excluded: URLs of the Bot API carry the token.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Addresses, is_local};

    #[test]
    fn addresses_are_tried_in_the_order_and_of_the_family_that_is_wanted() {
        let tried = |ipv4_first, one_family| -> Vec<String> {
            let all = ["[::1]:1", "127.0.0.1:1", "[::2]:1"].map(|a| a.parse().unwrap()).to_vec();
            let tried = Addresses { ipv4_first, one_family }.of(all);
            tried.iter().map(|address| address.ip().to_string()).collect()
        };
        assert_eq!(tried(false, false), ["::1", "127.0.0.1", "::2"]);
        assert_eq!(tried(true, false), ["127.0.0.1", "::1", "::2"]);
        assert_eq!(tried(true, true), ["127.0.0.1"]);
        assert_eq!(tried(false, true), ["::1", "::2"]);
        assert!(Addresses { ipv4_first: true, one_family: true }.of(vec![]).is_empty());
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (root, local) in [
            ("http://127.0.0.1:81", true),
            ("http://[::1]:81/x", true),
            ("http://localhost", true),
            ("https://api.telegram.org", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_local(root), local, "{root}");
        }
    }
}
