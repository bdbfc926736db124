//! Which URLs may be connected to: `wss://` anywhere, `ws://` only where nobody outside can listen (S10).

use std::net::IpAddr;

use url::{Host, Url};

use crate::UrlError;

/// The URL in normal form (no trailing slash after a bare host), if it may be connected to.
///
/// # Errors
/// No `ws`/`wss` URL, credentials inside, or plain `ws` to a host that is neither loopback, private, link-local,
/// CGNAT, `.local` nor `.ts.net`.
pub fn check_url(text: &str) -> Result<String, UrlError> {
    let url = Url::parse(text.trim()).map_err(|error| UrlError::Unreadable(error.to_string()))?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(UrlError::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    let Some(host) = url.host() else { return Err(UrlError::Unreadable("it names no host".to_owned())) };
    if url.scheme() == "ws" && !is_near(&host) {
        return Err(UrlError::PlainPublic(host.to_string()));
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let text = url.as_str();
    Ok(if bare { text.trim_end_matches('/').to_owned() } else { text.to_owned() })
}

/// Whether two addresses are those of one gateway: equally encrypted, with the same host and port.
pub fn is_same_gateway(one: &str, other: &str) -> bool {
    let ends = |text: &str| {
        let url = Url::parse(text).ok()?;
        let secure = matches!(url.scheme(), "wss" | "https");
        let port = url.port().unwrap_or(if secure { 443 } else { 80 });
        Some((secure, url.host_str()?.to_ascii_lowercase(), port))
    };
    ends(one).is_some_and(|one| Some(one) == ends(other))
}

/// Whether what is sent to `host` stays on this host, its network, or a tailnet.
fn is_near(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => is_near_ip((*address).into()),
        Host::Ipv6(address) => is_near_ip((*address).into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || [".localhost", ".local", ".ts.net"].iter().any(|end| name.ends_with(end))
        }
    }
}

fn is_near_ip(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback() || model::is_private_ip(ip) || model::is_carrier_grade_ip(ip)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_goes_to_near_hosts_only() {
        let near = [
            "ws://127.0.0.1:18789",
            "ws://localhost:1",
            "ws://[::1]:18789",
            "ws://10.1.2.3",
            "ws://172.16.0.1",
            "ws://172.31.255.255",
            "ws://192.168.1.2",
            "ws://169.254.1.1",
            "ws://100.64.0.1",
            "ws://100.127.255.255",
            "ws://[fd00::1]",
            "ws://[fe80::1]",
            "ws://[::ffff:10.0.0.1]",
            "ws://printer.local",
            "ws://printer.LOCAL.",
            "ws://gw.tail1234.ts.net:443",
        ];
        for url in near {
            assert!(check_url(url).is_ok(), "{url}");
        }
        let far = [
            "ws://8.8.8.8",
            "ws://172.32.0.1",
            "ws://100.128.0.1",
            "ws://100.63.0.1",
            "ws://gateway.example.com",
            "ws://[2001:db8::1]",
            "ws://[::ffff:8.8.8.8]",
            "ws://notlocal",
            "ws://evil-ts.net",
            "ws://local",
            "ws://127.0.0.1.example.com",
            "ws://0.0.0.0",
        ];
        for url in far {
            assert!(matches!(check_url(url), Err(UrlError::PlainPublic(_))), "{url}");
        }
        assert_eq!(check_url("wss://gateway.example.com/"), Ok("wss://gateway.example.com".to_owned()));
    }

    #[test]
    fn what_is_no_gateway_url_is_refused_with_the_reason() {
        assert!(matches!(check_url("127.0.0.1:18789"), Err(UrlError::Unreadable(_))));
        assert!(matches!(check_url(""), Err(UrlError::Unreadable(_))));
        assert!(matches!(check_url("ws://"), Err(UrlError::Unreadable(_))));
        assert_eq!(check_url("https://h"), Err(UrlError::Scheme("https".to_owned())));
        assert_eq!(check_url("ws://u:p@127.0.0.1"), Err(UrlError::Credentials));
        assert_eq!(check_url("ws://u@127.0.0.1"), Err(UrlError::Credentials));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(ws://|wss://)?\\PC{0,60}") {
            if let Ok(url) = check_url(&text) {
                prop_assert_eq!(check_url(&url), Ok(url.clone()));
            }
        }
    }
}
