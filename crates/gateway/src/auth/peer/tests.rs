//! Who is who, on every kind of listener.

use super::*;

const NAME: &str = "box.tail1234.ts.net";
const OWN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 18789);

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        map.append(*name, value.parse().unwrap());
    }
    map
}

fn judged(
    kind: ListenerKind,
    addr: &str,
    list: &[(&'static str, &str)],
    trusted: &[&str],
) -> Result<Peer, TurnedAway> {
    let from = Arrival { addr: addr.parse().unwrap(), own: OWN, kind, secure: false };
    let trusted_proxies = trusted.iter().map(|t| (*t).to_owned()).collect();
    let rules = Rules { trusted_proxies, allow_tailscale: true, ..Rules::default() };
    Peer::of(from, &headers(list), &rules, Some(NAME))
}

fn peer(addr: &str, list: &[(&'static str, &str)], trusted: &[&str]) -> Result<Peer, TurnedAway> {
    judged(ListenerKind::Public, addr, list, trusted)
}

/// Somebody behind a proxy at this address.
pub(crate) fn forwarded_from(addr: &str, list: &[(&'static str, &str)]) -> Peer {
    let list = [&[("x-forwarded-for", "203.0.113.9")], list].concat();
    peer(addr, &list, &["10.0.0.0/8", "127.0.0.1"]).unwrap()
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
        let refused = peer("127.0.0.1:5", &[(header, "1.2.3.4")], &[]).unwrap_err();
        assert_eq!(refused, TurnedAway::UntrustedProxy);
    }
}

#[test]
fn only_what_a_trusted_proxy_added_counts() {
    let from = |list: &[(&'static str, &str)], trusted: &[&str]| {
        peer("10.0.0.2:5", list, trusted).map(|p| p.ip.to_string())
    };
    let ok = |ip: &str| Ok(ip.to_owned());
    let near = &["10.0.0.0/8"];
    assert_eq!(from(&[("x-forwarded-for", "127.0.0.1, 198.51.100.7, 10.0.0.3")], near), ok("198.51.100.7"));
    let lines = [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "198.51.100.8")];
    assert_eq!(from(&lines, near), ok("198.51.100.8"), "the last line was added last");
    for mapped in ["::ffff:10.0.0.0/104", "::ffff:0:0/96"] {
        let list = [("x-forwarded-for", "198.51.100.7")];
        assert_eq!(from(&list, &[mapped]).is_ok(), mapped.ends_with("104"), "{mapped}");
    }
    let refused = Err(TurnedAway::UntrustedProxy);
    for (list, trusted) in [
        ([("x-forwarded-for", "nonsense")], "10.0.0.0/8"),
        ([("x-forwarded-for", "1.2.3.4")], "10.0.0.0/99"),
        ([("x-forwarded-for", "127.0.0.1")], "10.0.0.0/8"),
        ([("x-forwarded-for", "::ffff:127.0.0.1")], "10.0.0.0/8"),
        ([("x-forwarded-for", "10.0.0.9")], "10.0.0.0/8"),
        ([("x-real-ip", "1.2.3.4")], "10.0.0.0/8"),
        ([("forwarded", "for=1.2.3.4")], "10.0.0.0/8"),
    ] {
        assert_eq!(from(&list, &[trusted]), refused, "{list:?}");
    }
}

#[test]
fn x_real_ip_counts_where_that_was_allowed_and_nothing_better_is_there() {
    let from =
        Arrival { addr: "10.0.0.2:5".parse().unwrap(), own: OWN, kind: ListenerKind::Public, secure: false };
    let rules = Rules { trusted_proxies: vec!["10.0.0.2".into()], allow_real_ip: true, ..Rules::default() };
    let ip = |list: &[(&'static str, &str)]| {
        Peer::of(from, &headers(list), &rules, None).map(|p| p.ip.to_string())
    };
    assert_eq!(ip(&[("x-real-ip", "198.51.100.7")]), Ok("198.51.100.7".into()));
    let both = [("x-real-ip", "198.51.100.7"), ("x-forwarded-for", "198.51.100.8")];
    assert_eq!(ip(&both), Ok("198.51.100.8".into()));
    assert_eq!(ip(&[("x-real-ip", "127.0.0.1")]), Err(TurnedAway::UntrustedProxy));
}

/// "Spoofed Tailscale, forwarding, Host headers on every listener": each header beside what a request has there anyway.
#[test]
fn what_somebody_merely_claims_is_refused_on_every_kind_of_listener() {
    use ListenerKind::{Funnel, Loopback, Public, Serve};
    use TurnedAway::{ForeignHost, NotTailscale, UntrustedProxy};
    let direct: &[(&'static str, &str)] = &[("host", "127.0.0.1:18789")];
    let tailscale: &[(&'static str, &str)] = &[
        ("host", NAME),
        ("x-forwarded-for", "100.101.102.103"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", NAME),
    ];
    // What is sent beside (a header that is there already is replaced), and what becomes of it on each listener.
    type Verdict = Option<TurnedAway>;
    type Header = (&'static str, &'static str);
    let cases: &[(&[Header], [Verdict; 4])] = &[
        (&[], [None, None, None, None]),
        (&[("x-forwarded-for", "100.101.102.103")], [Some(UntrustedProxy), Some(UntrustedProxy), None, None]),
        (
            &[("tailscale-user-login", "me@example.com")],
            [Some(UntrustedProxy), Some(UntrustedProxy), None, None],
        ),
        (
            &[("tailscale-funnel-request", "?1")],
            [Some(UntrustedProxy), Some(UntrustedProxy), Some(NotTailscale), None],
        ),
        (&[("forwarded", "for=127.0.0.1")], [Some(UntrustedProxy), Some(UntrustedProxy), None, None]),
        (&[("x-real-ip", "127.0.0.1")], [Some(UntrustedProxy), Some(UntrustedProxy), None, None]),
        (
            &[("x-forwarded-for", "127.0.0.1")],
            [Some(UntrustedProxy), Some(UntrustedProxy), Some(NotTailscale), Some(NotTailscale)],
        ),
        (
            &[("x-forwarded-for", "1.2.3.4, 100.101.102.103")],
            [Some(UntrustedProxy), Some(UntrustedProxy), Some(NotTailscale), Some(NotTailscale)],
        ),
        (
            &[("x-forwarded-proto", "http")],
            [Some(UntrustedProxy), Some(UntrustedProxy), Some(NotTailscale), Some(NotTailscale)],
        ),
        (
            &[("x-forwarded-host", "evil.example")],
            [Some(UntrustedProxy), Some(UntrustedProxy), Some(ForeignHost), Some(ForeignHost)],
        ),
        (
            &[("host", "evil.example")],
            [Some(ForeignHost), Some(ForeignHost), Some(ForeignHost), Some(ForeignHost)],
        ),
        (
            &[("host", "evil.example:18789")],
            [Some(ForeignHost), Some(ForeignHost), Some(ForeignHost), Some(ForeignHost)],
        ),
        (&[("host", "127.0.0.1")], [None, None, Some(ForeignHost), Some(ForeignHost)]),
        (&[("host", "localhost:18789")], [None, None, Some(ForeignHost), Some(ForeignHost)]),
        (&[("host", NAME)], [None, None, None, None]),
        (
            &[("host", "other.tail1234.ts.net")],
            [Some(ForeignHost), Some(ForeignHost), Some(ForeignHost), Some(ForeignHost)],
        ),
        (
            &[("host", "claimed-by-somebody.local:18789")],
            [Some(ForeignHost), Some(ForeignHost), Some(ForeignHost), Some(ForeignHost)],
        ),
    ];
    for (beside, verdicts) in cases {
        for (kind, verdict) in [Loopback, Public, Serve, Funnel].into_iter().zip(verdicts) {
            let usual = if matches!(kind, Serve | Funnel) { tailscale } else { direct };
            let mut list: Vec<_> =
                usual.iter().filter(|(n, _)| !beside.iter().any(|(b, _)| b == n)).copied().collect();
            list.extend_from_slice(beside);
            let peer = judged(kind, "127.0.0.1:5", &list, &[]);
            assert_eq!(peer.as_ref().err(), verdict.as_ref(), "{beside:?} on {kind:?}");
            if let Ok(peer) = peer {
                assert_eq!(peer.local, matches!(kind, Loopback | Public), "{beside:?} on {kind:?}");
                assert_eq!(
                    peer.tailscale_login().is_some(),
                    kind == Serve && beside.first().is_some_and(|b| b.0 == "tailscale-user-login")
                );
            }
        }
    }
    // Who comes from elsewhere has other names for this host than it has itself.
    let from_elsewhere = |host| judged(Public, "192.168.1.9:5", &[("host", host)], &[]).err();
    assert_eq!(from_elsewhere("box.lan:18789"), None);
    assert_eq!(from_elsewhere("evil.example:18789"), Some(ForeignHost));
    for missing in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "host"] {
        let list: Vec<_> = tailscale.iter().filter(|(name, _)| *name != missing).copied().collect();
        for kind in [Serve, Funnel] {
            assert_eq!(
                judged(kind, "127.0.0.1:5", &list, &[]).err(),
                Some(NotTailscale),
                "without {missing}"
            );
        }
    }
    let twice = [tailscale, &[("x-forwarded-for", "100.101.102.103")]].concat();
    assert_eq!(judged(Serve, "127.0.0.1:5", &twice, &[]).err(), Some(NotTailscale));
    let from = Arrival { addr: "127.0.0.1:5".parse().unwrap(), own: OWN, kind: Serve, secure: false };
    let unclaimed = Peer::of(from, &headers(tailscale), &Rules::default(), None);
    assert_eq!(unclaimed.err(), Some(NotTailscale), "nothing is published");
}
