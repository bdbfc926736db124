//! Where the browser may go. Each request of a page is asked about before it is made: pages that the agent goes to, what they
//! redirect to, what they load. Each connection is asked about once more (`proxy.rs`), and goes to the addresses that were found
//! here and to no others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use url::{Host, Url};

/// How long the system may take to look a name up.
const LOOKUP: Duration = Duration::from_secs(5);
/// How long an answer about a name holds: a page loads hundreds of files from one.
const KEPT: Duration = Duration::from_secs(30);
/// Names that are remembered.
const MAX_NAMES: usize = 1000;

/// Where the browser may go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Loopback and private networks, too. Link-local addresses, where clouds keep their credentials, never are.
    pub allow_private: bool,
    /// Hosts that may be gone to whatever their address.
    pub allowed_hosts: Vec<String>,
}

/// The addresses of a name, or why it may not be gone to.
type Found = Result<Vec<IpAddr>, String>;
/// Until when an answer about a name holds, and the answer.
type Answer = (Instant, Found);

/// Answers whether an address may be gone to.
#[derive(Debug)]
pub(super) struct Guard {
    reach: Reach,
    /// Names that were looked up, until when the answer holds.
    names: Mutex<HashMap<String, Answer>>,
}

impl Guard {
    pub(super) fn new(reach: Reach) -> Self {
        Self { reach, names: Mutex::default() }
    }

    /// Whether a page at this address may be shown. The error says why not.
    pub(super) async fn check_page(&self, url: &str) -> Result<(), String> {
        if url == "about:blank" {
            return Ok(());
        }
        let url = Url::parse(url).map_err(|e| format!("{url:?} is no URL: {e}"))?;
        match url.scheme() {
            "http" | "https" => self.check_host(&url).await,
            other => Err(format!("{other}: addresses are not for this browser; use http or https")),
        }
    }

    /// Whether a page may load this. What is in the page itself (`data:`, `blob:`) it may.
    pub(super) async fn check_request(&self, url: &str) -> Result<(), String> {
        match Url::parse(url) {
            Ok(url) if matches!(url.scheme(), "data" | "blob" | "about") => Ok(()),
            _ => self.check_page(url).await,
        }
    }

    async fn check_host(&self, url: &Url) -> Result<(), String> {
        let refuse = |host: &str, why: &str| {
            Err(format!("{host} is not for this browser: {why} (browser.ssrfPolicy)"))
        };
        let allow = self.reach.allow_private;
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain(name)) => return self.check_name(name).await,
            None => return refuse(url.as_str(), "it names no host"),
        };
        let host = ip.to_string();
        match model::address_refusal(ip, allow) {
            Some(why) if !self.is_named(&host) => refuse(&host, why),
            _ => Ok(()),
        }
    }

    fn is_named(&self, host: &str) -> bool {
        self.reach.allowed_hosts.iter().any(|allowed| allowed.trim().eq_ignore_ascii_case(host))
    }

    async fn check_name(&self, name: &str) -> Result<(), String> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if self.is_named(&name) {
            return Ok(());
        }
        self.found(&name).await.map(|_| ())
    }

    /// The addresses that a connection to a host may go to.
    ///
    /// # Errors
    /// Why it may go to none.
    pub(super) async fn addresses(&self, host: &str) -> Found {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        if let Ok(ip) = host.parse::<IpAddr>() {
            return match model::address_refusal(ip, self.reach.allow_private) {
                Some(why) if !self.is_named(&host) => {
                    Err(format!("{host} is not for this browser: {why} (browser.ssrfPolicy)"))
                }
                _ => Ok(vec![ip]),
            };
        }
        // A host that is named may be anywhere.
        if self.is_named(&host) && !is_local(&host) { look_up(&host).await } else { self.found(&host).await }
    }

    /// The addresses of a name, checked; the same for a while.
    async fn found(&self, name: &str) -> Found {
        if is_local(name) {
            // Browsers know this by themselves.
            return if self.reach.allow_private || self.is_named(name) {
                Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)])
            } else {
                Err(format!("{name} is not for this browser: it is this computer (browser.ssrfPolicy)"))
            };
        }
        let now = Instant::now();
        if let Some((until, answer)) = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(name)
            && now < *until
        {
            return answer.clone();
        }
        let answer = look_up(name).await.and_then(|addresses| {
            // One bad address spoils all of them: an honest name has none.
            match addresses.iter().find_map(|ip| model::address_refusal(*ip, self.reach.allow_private)) {
                Some(why) => Err(format!("{name} is not for this browser: {why} (browser.ssrfPolicy)")),
                None => Ok(addresses),
            }
        });
        self.remember(name, answer.clone());
        answer
    }

    /// Keeps what is known of a name for a while.
    pub(super) fn remember(&self, name: &str, answer: Found) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MAX_NAMES {
            names.clear();
        }
        names.insert(name.to_owned(), (Instant::now() + KEPT, answer));
    }
}

/// Names of this computer, whatever a server of names says of them.
fn is_local(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

async fn look_up(name: &str) -> Found {
    let found = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((name, 0))).await;
    let found = found.map_err(|_| format!("{name} could not be looked up in time"))?;
    let addresses: Vec<IpAddr> =
        found.map_err(|e| format!("{name} could not be looked up: {e}"))?.map(|a| a.ip()).collect();
    if addresses.is_empty() { Err(format!("{name} has no address")) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_checked_by_scheme_host_and_policy() {
        let strict = Guard::new(Reach::default());
        let open = Guard::new(Reach { allow_private: true, allowed_hosts: Vec::new() });
        let named = Guard::new(Reach {
            allow_private: false,
            allowed_hosts: vec!["127.0.0.1".into(), "LocalHost".into()],
        });
        for (url, by_strict, by_open, by_named) in [
            ("about:blank", true, true, true),
            ("http://93.184.216.34/", true, true, true),
            ("http://127.0.0.1:8080/", false, true, true),
            ("http://2130706433/", false, true, true),
            ("http://localhost/", false, true, true),
            ("http://x.localhost./", false, true, false),
            ("http://192.168.1.1/", false, true, false),
            ("http://[::1]/", false, true, false),
            ("http://169.254.169.254/", false, false, false),
            ("http://[::ffff:127.0.0.1]/", false, false, false),
            ("file:///etc/passwd", false, false, false),
            ("chrome://settings", false, false, false),
            ("javascript:alert(1)", false, false, false),
            ("no url", false, false, false),
        ] {
            for (guard, allowed) in [(&strict, by_strict), (&open, by_open), (&named, by_named)] {
                assert_eq!(guard.check_page(url).await.is_ok(), allowed, "{url} {guard:?}");
            }
        }
        assert!(strict.check_request("data:text/plain,hi").await.is_ok());
        assert!(strict.check_request("http://10.0.0.1/x.png").await.is_err());
    }
}
