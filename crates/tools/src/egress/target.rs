//! Which URLs may be fetched.

use super::{EgressError, EgressPolicy};
use crate::text::head;
use reqwest::Url;
use std::net::IpAddr;

/// Longer URLs are nobody's.
const MAX_URL: usize = 8192;

/// Names that are local by definition, whatever a resolver makes of them.
const LOCAL: &[&str] =
    &["localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "home.arpa"];

/// Reads a URL and checks all that can be checked without a lookup. Hosts written as numbers of any kind are addresses
/// after that.
pub(super) fn parse(text: &str, policy: EgressPolicy) -> Result<Url, EgressError> {
    let refuse = |reason: String| EgressError::Url { url: shown(text), reason };
    if text.len() > MAX_URL {
        return Err(refuse(format!("it is longer than {MAX_URL} bytes")));
    }
    let url = Url::parse(text.trim()).map_err(|e| refuse(e.to_string()))?;
    check(url, policy)
}

/// The URL that a redirect leads to, checked.
pub(super) fn join(from: &Url, location: &str, policy: EgressPolicy) -> Result<Url, EgressError> {
    let refuse = |reason: String| EgressError::Url { url: shown(location), reason };
    if location.len() > MAX_URL {
        return Err(refuse(format!("a redirect to more than {MAX_URL} bytes")));
    }
    check(from.join(location).map_err(|e| refuse(e.to_string()))?, policy)
}

fn check(mut url: Url, policy: EgressPolicy) -> Result<Url, EgressError> {
    // What is shown must not repeat a password.
    let refuse = |url: &Url, reason: &str| {
        let place = format!("{}://{}", url.scheme(), host(url));
        Err(EgressError::Url { url: shown(&place), reason: reason.to_owned() })
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse(&url, "its scheme is neither http nor https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(&url, "it carries a user name or password");
    }
    if url.port() == Some(0) {
        return refuse(&url, "there is no port 0");
    }
    let name = host(&url);
    if name.is_empty() {
        return refuse(&url, "it names no host");
    }
    if let Some(reason) = host_refusal(&name, policy) {
        return Err(EgressError::Address { host: name, reason });
    }
    url.set_fragment(None);
    Ok(url)
}

fn host_refusal(name: &str, policy: EgressPolicy) -> Option<&'static str> {
    if let Ok(ip) = name.parse::<IpAddr>() {
        return model::address_refusal(ip, policy.allow_private);
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let local =
        LOCAL.iter().any(|l| name == *l || name.strip_suffix(l).is_some_and(|rest| rest.ends_with('.')));
    (local && !policy.allow_private).then_some("it is a local name")
}

/// The host of a URL, without the brackets of an IPv6 address.
pub(super) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned()
}

/// A URL cut to what an error should repeat, without its query, which may hold secrets.
pub(super) fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    head(plain, 200).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: EgressPolicy = EgressPolicy { allow_private: false };

    #[test]
    fn what_is_not_a_public_web_address_is_refused() {
        for url in [
            "ftp://example.com/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/plain,x",
            "example.com",
            "",
            "http://",
            "http:///",
            "http://user@example.com/",
            "http://user:pass@example.com/",
            "http://:p@example.com/",
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://017700000001/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://127.0.0.1./",
            "http://0/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::10.0.0.1]/",
            "http://[fe80::1]/",
            "http://localhost/",
            "http://LOCALHOST:80/",
            "http://localhost./",
            "http://a.localhost/",
            "http://x.local/",
            "http://metadata.google.internal/",
            "http://169.254.169.254/latest",
            "http://２１３０７０６４３３/",
            "http://127。0。0。1/",
            "http://①②⑦.0.0.1/",
            "http://example.com:0/",
            "http://example.com:99999/",
            "http://10.0.0.1\\@example.com/",
            "http://%31%32%37.0.0.1/",
        ] {
            assert!(parse(url, STRICT).is_err(), "{url}");
        }
        assert!(parse(&format!("http://example.com/{}", "x".repeat(MAX_URL)), STRICT).is_err());
    }

    #[test]
    fn public_web_addresses_are_taken() {
        for (url, taken) in [
            ("http://example.com", "http://example.com/"),
            (" https://example.com:8443/a?b#c ", "https://example.com:8443/a?b"),
            ("http://8.8.8.8/", "http://8.8.8.8/"),
            ("http://[2606:4700::1111]/", "http://[2606:4700::1111]/"),
            ("http://notlocalhost/", "http://notlocalhost/"),
        ] {
            assert_eq!(parse(url, STRICT).map(|u| u.to_string()), Ok(taken.to_owned()));
        }
    }

    #[test]
    fn a_redirect_is_checked_like_any_url() {
        let from = parse("https://example.com/a/b", STRICT).unwrap();
        assert_eq!(join(&from, "../c", STRICT).unwrap().as_str(), "https://example.com/c");
        for location in
            ["//127.0.0.1/", "http://[::1]/", "ftp://example.com/", "//u:p@example.com/", "http://2130706433"]
        {
            assert!(join(&from, location, STRICT).is_err(), "{location}");
        }
    }

    #[test]
    fn errors_do_not_repeat_secrets() {
        for url in
            ["http://user:hunter2@example.com/?k=hunter2", "ftp://e.com/?hunter2", "http://x y/?hunter2"]
        {
            let error = parse(url, STRICT).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
