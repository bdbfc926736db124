//! Which names a request may call this gateway by. A page elsewhere can make its own name point here (DNS rebinding) and is
//! then "of the same origin"; but it cannot be called by an address, or by a name that nobody else can make point here.

use super::origin::{split_host, split_origin};
use std::net::IpAddr;

/// Endings of names that nobody can register: of this host, this network, a tailnet. Somebody in the same network can still claim
/// one of them for a while, which is why they do not count on loopback: a browser on this host would go there for it.
const PRIVATE: &[&str] =
    &[".localhost", ".local", ".ts.net", ".lan", ".internal", ".home.arpa", ".localdomain", ".test"];

/// The names that this host has, and nobody else.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnNames {
    /// Its name in its network, whole; in lower case.
    host: String,
    /// Its name in its tailnet, where that is known.
    tailnet: Option<String>,
}

impl OwnNames {
    pub(crate) fn new(host: &str, tailnet: Option<&str>) -> Self {
        let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
        Self { host: plain(host), tailnet: tailnet.map(plain) }
    }

    fn have(&self, name: &str) -> bool {
        let label = self.host.split('.').next().filter(|label| !label.is_empty());
        name == "localhost"
            || name.ends_with(".localhost")
            || name == self.host
            || label.is_some_and(|label| name.strip_suffix(".local").unwrap_or(name) == label)
            || self.tailnet.as_deref() == Some(name)
    }
}

/// Whether a `Host` header is one that a request may come with: an address; one that `gateway.controlUi.allowedOrigins` has; on
/// loopback (`own` is there) one of this host's own names, otherwise a name without a dot or a private name. Over TLS that goes
/// for browsers, and a proxy decides by itself.
pub(crate) fn is_ours(host: &str, own: Option<&OwnNames>, allowed_origins: &[String]) -> bool {
    let Some((name, _)) = split_host(host.trim(), 80) else { return false };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name.is_empty() {
        return false;
    }
    let is_allowed = |origin: &String| {
        origin == "*"
            || split_origin(origin.trim_end_matches('/')).is_some_and(|(n, _)| n.eq_ignore_ascii_case(&name))
    };
    let is_private = || !name.contains('.') || PRIVATE.iter().any(|end| name.ends_with(end));
    name.parse::<IpAddr>().is_ok()
        || own.map_or_else(is_private, |own| own.have(&name))
        || allowed_origins.iter().any(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_public_dns_cannot_point_here_counts() {
        let allowed = ["https://claw.example.com/".to_owned()];
        for (host, ours) in [
            ("127.0.0.1:18789", true),
            ("[::1]:18789", true),
            ("[fd00::5]", true),
            ("192.168.1.2", true),
            ("localhost:18789", true),
            ("box:18789", true),
            ("box.local", true),
            ("BOX.tail1234.ts.net.", true),
            ("claw.example.com:18789", true),
            ("evil.example:18789", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("evil-ts.net", false),
            ("local.", true),
            ("", false),
            (".", false),
            ("[::1", false),
            ("a:b:c", false),
        ] {
            assert_eq!(is_ours(host, None, &allowed), ours, "{host}");
        }
        assert!(is_ours("evil.example", None, &["*".to_owned()]));
    }

    #[test]
    fn on_loopback_only_this_hosts_own_names_count() {
        let allowed = ["https://claw.lan/".to_owned()];
        let own = OwnNames::new("Desk.example.com", Some("desk.tail1234.ts.net."));
        for (host, ours) in [
            ("127.0.0.1:18789", true),
            ("[::1]:18789", true),
            ("192.168.1.2", true),
            ("localhost:18789", true),
            ("Localhost.", true),
            ("app.localhost", true),
            ("desk:18789", true),
            ("desk.local:18789", true),
            ("desk.example.com", true),
            ("DESK.tail1234.ts.net.", true),
            ("claw.lan:18789", true),
            ("box:18789", false),
            ("box.local", false),
            ("box.lan", false),
            ("desk.lan", false),
            ("other.tail1234.ts.net", false),
            ("example.com", false),
            ("desk.example.org", false),
            (".local", false),
            ("", false),
        ] {
            assert_eq!(is_ours(host, Some(&own), &allowed), ours, "{host}");
        }
        let nameless = OwnNames::new("", None);
        assert!(!is_ours(".local", Some(&nameless), &[]) && !is_ours("x", Some(&nameless), &[]));
    }
}
