//! Where a connection comes from, judged by the listener, the socket and, behind a trusted proxy or Tailscale, by its headers.

use super::host::{self, OwnNames};
use super::rules::Rules;
use crate::listener::{Arrival, ListenerKind};
use crate::tailscale::Ends;
use axum::http::HeaderMap;
use std::net::{IpAddr, SocketAddr};

/// Headers that a proxy sets and a direct client has no reason to send; besides these, all that begin with one of
/// [`FORWARDING_PREFIXES`].
const FORWARDING_HEADERS: &[&str] =
    &["forwarded", "via", "x-client-ip", "x-real-ip", "cf-connecting-ip", "true-client-ip"];
const FORWARDING_PREFIXES: &[&str] = &["x-forwarded-", "tailscale-"];
/// What Tailscale puts on requests from the internet, and takes from everybody else's.
const FUNNEL_MARK: &str = "tailscale-funnel-request";

fn is_forwarding(name: &str) -> bool {
    FORWARDING_HEADERS.contains(&name) || FORWARDING_PREFIXES.iter().any(|p| name.starts_with(p))
}

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// By which kind of listener it came.
    pub(crate) via: ListenerKind,
    /// Its address; behind a trusted proxy or Tailscale the one that they name.
    pub(crate) ip: IpAddr,
    /// Direct loopback without forwarding headers: somebody on this host, or at the end of a tunnel to it.
    pub(crate) local: bool,
    /// Whether a trusted proxy or Tailscale stands between.
    pub(crate) forwarded: bool,
    /// The socket's other end.
    pub(crate) socket: SocketAddr,
    /// The socket's own end.
    pub(crate) own: SocketAddr,
    /// The `Origin` header: there in browsers alone.
    pub(crate) origin: Option<String>,
    /// The `Host` header.
    pub(crate) host: Option<String>,
    /// Whether that is a name of this gateway; behind a proxy it is the proxy's to say.
    pub(crate) named: bool,
    /// All headers of the request, for what a proxy says about its user.
    pub(crate) headers: HeaderMap,
}

/// Why a request is turned away before anything is asked of it (HTTP 403).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// Forwarding headers from an address that is no trusted proxy, or that name nobody: nobody can say who this is.
    UntrustedProxy,
    /// It calls the gateway by a name that is not the gateway's.
    ForeignHost,
    /// On Tailscale's listener, but not as Tailscale sends it.
    NotTailscale,
}

impl TurnedAway {
    /// The code in the answer.
    pub(crate) fn code(self) -> &'static str {
        match self {
            TurnedAway::UntrustedProxy => "proxy_attribution_required",
            TurnedAway::ForeignHost => "host_not_allowed",
            TurnedAway::NotTailscale => "tailscale_required",
        }
    }

    /// What to do about it.
    pub(crate) fn message(self) -> &'static str {
        match self {
            TurnedAway::UntrustedProxy => {
                "forwarding headers must come from an address in gateway.trustedProxies and name a client elsewhere"
            }
            TurnedAway::ForeignHost => {
                "this gateway does not go by the name in the Host header; use its address, or add its name to gateway.controlUi.allowedOrigins"
            }
            TurnedAway::NotTailscale => "only Tailscale connects here; use the gateway's own port",
        }
    }
}

impl Peer {
    /// Judges a request. `tailnet_name` is this host's name in its tailnet while Tailscale publishes the gateway.
    pub(crate) fn of(
        from: Arrival,
        headers: &HeaderMap,
        rules: &Rules,
        tailnet_name: Option<&str>,
    ) -> Result<Self, TurnedAway> {
        match from.kind {
            ListenerKind::Loopback | ListenerKind::Public => {
                Self::at_the_port(from, headers, rules, tailnet_name)
            }
            ListenerKind::Serve | ListenerKind::Funnel => {
                Self::through_tailscale(from, headers, tailnet_name)
            }
        }
    }

    fn at_the_port(
        from: Arrival,
        headers: &HeaderMap,
        rules: &Rules,
        tailnet_name: Option<&str>,
    ) -> Result<Self, TurnedAway> {
        let socket_ip = from.addr.ip().to_canonical();
        let forwarded = headers.keys().any(|name| is_forwarding(name.as_str()));
        let ip = if forwarded {
            let client = attributed(socket_ip, headers, rules).ok_or(TurnedAway::UntrustedProxy)?;
            // A proxy's own client is never somebody on this host.
            Some(client)
                .filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
                .ok_or(TurnedAway::UntrustedProxy)?
        } else {
            socket_ip
        };
        let local = !forwarded && (from.kind == ListenerKind::Loopback || socket_ip.is_loopback());
        let mut peer = Self::with(from, ip, (local, forwarded), headers);
        if let Some(host) = peer.host.as_deref().filter(|_| !forwarded) {
            let own = local.then(|| OwnNames::new(&exec::host::hostname(), tailnet_name));
            peer.named = host::is_ours(host, own.as_ref(), &rules.allowed_origins);
        }
        // Over TLS a client that pinned the certificate may call this host by any name. A browser may not: its user can have
        // waved a warning through that the certificate is for another name, which is all that stands before rebinding there.
        if peer.named || from.secure && !is_a_browser(headers) {
            Ok(peer)
        } else {
            Err(TurnedAway::ForeignHost)
        }
    }

    /// Tailscale sets these headers on every request, whatever a client sent: one address, `https`, the name that was asked for.
    fn through_tailscale(
        from: Arrival,
        headers: &HeaderMap,
        tailnet_name: Option<&str>,
    ) -> Result<Self, TurnedAway> {
        let name = tailnet_name.ok_or(TurnedAway::NotTailscale)?;
        let one = |name: &str| one(headers, name).ok_or(TurnedAway::NotTailscale);
        let ip: IpAddr = one("x-forwarded-for")?.trim().parse().map_err(|_| TurnedAway::NotTailscale)?;
        let ip = ip.to_canonical();
        let is_nowhere = ip.is_loopback() || ip.is_unspecified();
        let marked = headers.contains_key(FUNNEL_MARK) && from.kind == ListenerKind::Serve;
        if is_nowhere || marked || one("x-forwarded-proto")? != "https" || !from.addr.ip().is_loopback() {
            return Err(TurnedAway::NotTailscale);
        }
        let is_named = |host: &str| {
            super::origin::split_host(host, 443).is_some_and(|(host, _)| host.eq_ignore_ascii_case(name))
        };
        if !is_named(one("x-forwarded-host")?) || !is_named(one("host")?) {
            return Err(TurnedAway::ForeignHost);
        }
        Ok(Self::with(from, ip, (false, true), headers))
    }

    fn with(from: Arrival, ip: IpAddr, (local, forwarded): (bool, bool), headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        Self {
            via: from.kind,
            ip,
            local,
            forwarded,
            socket: from.addr,
            own: from.own,
            origin: text("origin"),
            host: text("host"),
            named: true,
            headers: headers.clone(),
        }
    }

    /// Both ends of the socket.
    pub(crate) fn ends(&self) -> Ends {
        Ends { theirs: self.socket, ours: self.own }
    }

    /// The address of the socket's other end.
    pub(crate) fn socket_ip(&self) -> IpAddr {
        self.socket.ip().to_canonical()
    }

    /// The user whom Tailscale names, and who is that only once Tailscale was asked. Nobody on any other listener.
    pub(crate) fn tailscale_login(&self) -> Option<&str> {
        let named = self.via == ListenerKind::Serve;
        let login = one(&self.headers, "tailscale-user-login").filter(|_| named)?.trim();
        (!login.is_empty()).then_some(login)
    }
}

/// Whether these are a browser's: each of today sends one of them over TLS, and no page can take them out.
fn is_a_browser(headers: &HeaderMap) -> bool {
    headers.contains_key("origin") || headers.keys().any(|name| name.as_str().starts_with("sec-fetch-"))
}

/// A header that is there once, as text.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether an address is a trusted proxy's.
pub(crate) fn is_trusted(ip: IpAddr, rules: &Rules) -> bool {
    rules.trusted_proxies.iter().any(|trusted| is_within(ip.to_canonical(), trusted))
}

/// The client that a trusted proxy forwards for.
fn attributed(socket_ip: IpAddr, headers: &HeaderMap, rules: &Rules) -> Option<IpAddr> {
    let trusted = &rules.trusted_proxies;
    if !is_trusted(socket_ip, rules) {
        return None;
    }
    if rules.allow_real_ip && !headers.contains_key("x-forwarded-for") {
        return one(headers, "x-real-ip")?.trim().parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    }
    // A list may come in several lines; together, in their order, they are one list.
    let lines = headers.get_all("x-forwarded-for").iter().map(|v| v.to_str().ok());
    client_ip(&lines.collect::<Option<Vec<&str>>>()?.join(","), trusted)
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

/// Whether an address is within `range`: an address, or `address/prefix`. IPv4 may be written as `::ffff:a.b.c.d`, whose prefix
/// counts the 96 bits before it.
pub(crate) fn is_within(ip: IpAddr, range: &str) -> bool {
    let (base, prefix) = match range.split_once('/') {
        Some((base, prefix)) => (base, prefix.parse::<u32>().ok()),
        None => (range, None),
    };
    let (Ok(written), has_prefix) = (base.trim().parse::<IpAddr>(), range.contains('/')) else {
        return false;
    };
    let base = written.to_canonical();
    let is_mapped = written.is_ipv6() && base.is_ipv4();
    let prefix = if is_mapped { prefix.and_then(|p| p.checked_sub(96)) } else { prefix };
    match (ip, base, prefix) {
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
pub(crate) mod tests;
