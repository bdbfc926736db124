//! Where a connection comes from, judged by the socket and, behind a trusted proxy, by its headers.

use crate::listener::{Arrival, ListenerKind};
use axum::http::HeaderMap;
use std::net::IpAddr;

/// Headers that a proxy sets and a direct client has no reason to send; besides these, all that begin with one of
/// [`FORWARDING_PREFIXES`].
const FORWARDING_HEADERS: &[&str] =
    &["forwarded", "via", "x-client-ip", "x-real-ip", "cf-connecting-ip", "true-client-ip"];
const FORWARDING_PREFIXES: &[&str] = &["x-forwarded-", "tailscale-"];

fn is_forwarding(name: &str) -> bool {
    FORWARDING_HEADERS.contains(&name) || FORWARDING_PREFIXES.iter().any(|p| name.starts_with(p))
}

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Its address; behind a trusted proxy the one that the proxy names.
    pub(crate) ip: IpAddr,
    /// Direct loopback without forwarding headers: somebody on this host, or at the end of a tunnel to it.
    pub(crate) local: bool,
    /// The `Origin` header: there in browsers alone.
    pub(crate) origin: Option<String>,
    /// The `Host` header.
    pub(crate) host: Option<String>,
}

/// Forwarding headers from an address that is no trusted proxy: nobody can say who this is (HTTP 403).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UntrustedProxy;

impl Peer {
    /// Judges a request by the socket's address and its headers.
    pub(crate) fn of(from: Arrival, headers: &HeaderMap, trusted: &[String]) -> Result<Self, UntrustedProxy> {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let socket_ip = from.addr.ip().to_canonical();
        let forwarded = headers.keys().any(|name| is_forwarding(name.as_str()));
        let ip = if forwarded {
            if !trusted.iter().any(|t| is_within(socket_ip, t)) {
                return Err(UntrustedProxy);
            }
            // A list may come in several lines; together, in their order, they are one list.
            let lines = headers.get_all("x-forwarded-for").iter().map(|v| v.to_str().ok());
            let list = lines.collect::<Option<Vec<&str>>>().ok_or(UntrustedProxy)?.join(",");
            client_ip(&list, trusted).ok_or(UntrustedProxy)?
        } else {
            socket_ip
        };
        let local = !forwarded && (from.kind == ListenerKind::Loopback || socket_ip.is_loopback());
        Ok(Self { ip, local, origin: text("origin"), host: text("host") })
    }
}

/// The last address of the list that is no trusted proxy itself: what stands before it is the client's own claim.
fn client_ip(forwarded_for: &str, trusted: &[String]) -> Option<IpAddr> {
    let mut hops = forwarded_for.split(',').rev().map(|hop| hop.trim().parse::<IpAddr>());
    loop {
        let ip = hops.next()?.ok()?.to_canonical();
        if !trusted.iter().any(|t| is_within(ip, t)) {
            return Some(ip);
        }
    }
}

/// Whether an address is within `range`: an address, or `address/prefix`.
fn is_within(ip: IpAddr, range: &str) -> bool {
    let (base, prefix) = match range.split_once('/') {
        Some((base, prefix)) => (base, prefix.parse::<u32>().ok()),
        None => (range, None),
    };
    let (Ok(base), has_prefix) = (base.trim().parse::<IpAddr>(), range.contains('/')) else { return false };
    match (ip, base.to_canonical(), prefix) {
        (ip, base, None) => !has_prefix && ip == base,
        (IpAddr::V4(ip), IpAddr::V4(base), Some(p)) if p <= 32 => {
            let mask = u32::MAX.checked_shl(32 - p).unwrap_or(0);
            u32::from(ip) & mask == u32::from(base) & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(base), Some(p)) if p <= 128 => {
            let mask = u128::MAX.checked_shl(128 - p).unwrap_or(0);
            u128::from(ip) & mask == u128::from(base) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(addr: &str, headers: &[(&'static str, &str)], trusted: &[&str]) -> Result<Peer, UntrustedProxy> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let trusted: Vec<String> = trusted.iter().map(|t| (*t).to_owned()).collect();
        let from = Arrival { addr: addr.parse().unwrap(), kind: ListenerKind::Public };
        Peer::of(from, &map, &trusted)
    }

    #[test]
    fn loopback_is_local_unless_somebody_forwarded() {
        assert!(peer("127.0.0.1:5", &[], &[]).unwrap().local);
        assert!(peer("[::1]:5", &[], &[]).unwrap().local);
        assert!(peer("[::ffff:127.0.0.1]:5", &[], &[]).unwrap().local);
        assert!(!peer("192.168.1.5:5", &[], &[]).unwrap().local);
        let through = peer("127.0.0.1:5", &[("x-forwarded-for", "203.0.113.9")], &["127.0.0.1"]).unwrap();
        assert_eq!((through.local, through.ip.to_string()), (false, "203.0.113.9".into()));
    }

    #[test]
    fn forwarding_headers_from_strangers_are_refused() {
        for header in [
            "x-forwarded-for",
            "x-forwarded-port",
            "forwarded",
            "tailscale-user-login",
            "tailscale-anything",
            "x-real-ip",
            "x-client-ip",
            "via",
        ] {
            assert_eq!(peer("127.0.0.1:5", &[(header, "1.2.3.4")], &[]).unwrap_err(), UntrustedProxy);
        }
    }

    #[test]
    fn only_what_a_trusted_proxy_added_counts() {
        let p =
            peer("10.0.0.2:5", &[("x-forwarded-for", "127.0.0.1, 198.51.100.7, 10.0.0.3")], &["10.0.0.0/8"]);
        assert_eq!(p.unwrap().ip.to_string(), "198.51.100.7");
        let lines = [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "198.51.100.8")];
        let p = peer("10.0.0.2:5", &lines, &["10.0.0.0/8"]);
        assert_eq!(p.unwrap().ip.to_string(), "198.51.100.8", "the last line was added last");
        assert!(peer("10.0.0.2:5", &[("x-forwarded-for", "nonsense")], &["10.0.0.0/8"]).is_err());
        assert!(peer("10.0.0.2:5", &[("x-forwarded-for", "1.2.3.4")], &["10.0.0.0/99"]).is_err());
    }
}
