//! Which names a request may call this gateway by. A page elsewhere can make its own name point here (DNS rebinding) and is
//! then "of the same origin"; but it cannot be called by an address, or by a name that public DNS does not have.

use super::origin::{split_host, split_origin};
use std::net::IpAddr;

/// Endings of names that nobody can register: of this host, this network, a tailnet.
const PRIVATE: &[&str] =
    &[".localhost", ".local", ".ts.net", ".lan", ".internal", ".home.arpa", ".localdomain", ".test"];

/// Whether a `Host` header is one that plain HTTP may come with: an address, a name without a dot, a private name, or one that
/// `gateway.controlUi.allowedOrigins` has. Over TLS the certificate says as much, and a proxy decides by itself.
pub(crate) fn is_ours(host: &str, allowed_origins: &[String]) -> bool {
    let Some((name, _)) = split_host(host.trim(), 80) else { return false };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name.is_empty() {
        return false;
    }
    let is_allowed = |origin: &String| {
        origin == "*"
            || split_origin(origin.trim_end_matches('/')).is_some_and(|(n, _)| n.eq_ignore_ascii_case(&name))
    };
    name.parse::<IpAddr>().is_ok()
        || !name.contains('.')
        || PRIVATE.iter().any(|end| name.ends_with(end))
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
            assert_eq!(is_ours(host, &allowed), ours, "{host}");
        }
        assert!(is_ours("evil.example", &["*".to_owned()]));
    }
}
