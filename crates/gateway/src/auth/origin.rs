//! Which web pages may open a socket. A page in a browser carries an `Origin`; programs do not.

use super::peer::Peer;
use std::net::IpAddr;

/// Whether the page may connect: loopback to loopback, the gateway's own page on a private name or address, or an
/// origin that the configuration allows. A public name never counts as the gateway's own, and on loopback no name but this
/// host's own does, because a page elsewhere can make its name point here (DNS rebinding).
pub(crate) fn is_allowed(origin: &str, peer: &Peer, allowed: &[String]) -> bool {
    if allowed.iter().any(|a| a == "*" || a.trim_end_matches('/').eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Some((host, port)) = split_origin(origin) else { return false };
    if is_loopback_name(host) {
        return peer.local;
    }
    let own = peer.host.as_deref().and_then(|h| split_host(h, port_of_scheme(origin)));
    peer.named && is_private_name(host) && own.is_some_and(|(h, p)| h.eq_ignore_ascii_case(host) && p == port)
}

fn port_of_scheme(origin: &str) -> u16 {
    if origin.starts_with("https://") { 443 } else { 80 }
}

/// Host and port of `http(s)://host[:port]`; nothing may follow.
pub(super) fn split_origin(origin: &str) -> Option<(&str, u16)> {
    let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
    if rest.contains(['/', '@', '?', '#']) {
        return None;
    }
    split_host(rest, port_of_scheme(origin))
}

pub(super) fn split_host(text: &str, default_port: u16) -> Option<(&str, u16)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, port.parse().ok()?)),
            None if after.is_empty() => Some((host, default_port)),
            None => None,
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !host.is_empty() => Some((host, port.parse().ok()?)),
        None if !text.is_empty() => Some((text, default_port)),
        _ => None,
    }
}

fn is_loopback_name(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn is_private_name(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    match lower.parse::<IpAddr>() {
        Ok(ip) => model::is_private_ip(ip) || model::is_carrier_grade_ip(ip),
        Err(_) => lower.ends_with(".local") || lower.ends_with(".ts.net"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_judged_by_where_they_come_from() {
        let peer = |ip: &str, host: &str| Peer {
            via: crate::listener::ListenerKind::Public,
            ip: ip.parse().unwrap(),
            local: ip == "127.0.0.1",
            forwarded: false,
            socket: std::net::SocketAddr::new(ip.parse().unwrap(), 5),
            own: std::net::SocketAddr::from(([127, 0, 0, 1], 6)),
            origin: None,
            host: Some(host.into()),
            named: true,
            headers: axum::http::HeaderMap::new(),
        };
        let home = peer("127.0.0.1", "127.0.0.1:18789");
        let lan = peer("192.168.1.9", "192.168.1.2:18789");
        let cases = [
            ("http://127.0.0.1:18789", &home, true),
            ("http://localhost:5173", &home, true),
            ("http://[::1]:18789", &home, true),
            ("http://localhost:5173", &lan, false),
            ("http://192.168.1.2:18789", &lan, true),
            ("http://192.168.1.2:9", &lan, false),
            ("https://evil.example", &home, false),
            ("http://localhost.evil.example", &home, false),
            ("http://127.0.0.1@evil.example", &home, false),
            ("null", &home, false),
            ("", &home, false),
        ];
        for (origin, peer, expected) in cases {
            assert_eq!(is_allowed(origin, peer, &[]), expected, "{origin} from {}", peer.ip);
        }
        // A private name that is not this host's: somebody in the network answers for it, and then lets it point here.
        let claimed = Peer { named: false, ..peer("127.0.0.1", "box.local:18789") };
        assert!(!is_allowed("http://box.local:18789", &claimed, &[]));
        assert!(is_allowed("http://box.local:18789", &peer("127.0.0.1", "box.local:18789"), &[]));
        // The page's name points here by DNS: same origin, and still not ours.
        assert!(!is_allowed("http://evil.example:18789", &peer("127.0.0.1", "evil.example:18789"), &[]));
        assert!(is_allowed("https://claw.example", &home, &["https://claw.example/".into()]));
    }
}
