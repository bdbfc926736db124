//! A gateway that was found, as far as it may be shown.

use crate::address::check_url;
use protocol::discovery::{SERVICE, TXT_KEYS};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Addresses that are shown of one gateway.
const MAX_ADDRESSES: usize = 8;
/// Characters of a name or a hint.
const MAX_CHARS: usize = 255;

/// A gateway that was found. Everything in it is a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    /// What it calls itself in DNS-SD.
    pub instance: String,
    /// `local`, or the domain that names it.
    pub domain: String,
    /// Where its SRV record leads.
    pub host: String,
    /// The port of its SRV record.
    pub port: u16,
    /// The host's addresses, the near ones first.
    pub addresses: Vec<IpAddr>,
    /// What its TXT record says, by the keys that are known.
    pub hints: BTreeMap<&'static str, String>,
}

impl Beacon {
    /// One of these parts, bounded and without control characters. `None` where it has no name.
    pub(super) fn new(
        full_name: &str,
        domain: &str,
        host: &str,
        port: u16,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Option<Self> {
        let full = full_name.trim_end_matches('.');
        let suffix = format!(".{SERVICE}.{domain}");
        let at = full.len().checked_sub(suffix.len()).filter(|at| full.is_char_boundary(*at))?;
        let (name, rest) = full.split_at(at);
        let instance = clean(&unescaped(name));
        if !rest.eq_ignore_ascii_case(&suffix) || instance.is_empty() {
            return None;
        }
        let mut addresses: Vec<IpAddr> = addresses.into_iter().collect();
        addresses.sort_by_key(|ip| (!model::is_private_ip(*ip), ip.is_ipv6(), *ip));
        addresses.dedup();
        addresses.truncate(MAX_ADDRESSES);
        let host = clean(host.trim_end_matches('.')).to_ascii_lowercase();
        Some(Self { instance, domain: domain.to_owned(), host, port, addresses, hints: BTreeMap::new() })
    }

    /// Takes an entry of the TXT record, if it is one that is known.
    pub(super) fn hint(&mut self, key: &str, value: &[u8]) {
        let Some(key) = TXT_KEYS.iter().find(|known| known.eq_ignore_ascii_case(key)) else { return };
        let value = clean(&String::from_utf8_lossy(value));
        if !value.is_empty() {
            // The first entry of a key counts (RFC 6763, 6.4).
            self.hints.entry(key).or_insert(value);
        }
    }

    /// Whether it says that it has TLS.
    pub fn says_tls(&self) -> bool {
        self.hints.get("gatewayTls").is_some_and(|value| value == "1")
    }

    /// Whether it says that others than its own host get to its port. Who listens on loopback alone does not say so.
    pub fn says_reachable(&self) -> bool {
        self.hints.get("gatewayDirectReachable").is_some_and(|value| value == "1")
    }

    /// The URL of what was found, from its SRV record alone.
    ///
    /// # Errors
    /// Why it is not offered: nobody gets there directly, or the record leads out of where it was found or to where a client may
    /// not go.
    pub fn ws_url(&self) -> Result<String, String> {
        let url = self.resolved_url()?;
        if self.says_reachable() {
            return Ok(url);
        }
        // What people paste into a shell holds nothing that steers one.
        let is_plain = self.host.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
        let host = if is_plain { &self.host } else { "HOST" };
        let port = self.hints.get("sshPort").filter(|port| *port != "22").and_then(|p| p.parse::<u16>().ok());
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Err(format!(
            "it listens on loopback alone: come by ssh (openclaw config set gateway.remote.sshTarget USER@{host}{port})"
        ))
    }

    fn resolved_url(&self) -> Result<String, String> {
        let domain = &self.domain;
        let inside = self.host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
        // The names that a tailnet gives its machines are in no zone of ours.
        let tailnet = domain != "local" && self.host.ends_with(".ts.net");
        if !inside && !tailnet {
            return Err(format!("its record leads out of {domain}: to {}", self.host));
        }
        let scheme = if self.says_tls() { "wss" } else { "ws" };
        // In a domain of one's own the name says nothing about the way there; the address does.
        let near = self.addresses.first().filter(|_| domain != "local" && !tailnet && scheme == "ws");
        let host = match near {
            Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            Some(ip) => ip.to_string(),
            None => self.host.clone(),
        };
        check_url(&format!("{scheme}://{host}:{}", self.port)).map_err(|error| error.to_string())
    }
}

/// What a stranger says: bounded, and nothing in it that steers a terminal or hides.
fn clean(text: &str) -> String {
    let shown = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}')
    };
    text.chars().filter(|c| shown(*c)).take(MAX_CHARS).collect::<String>().trim().to_owned()
}

/// A label as people read it: `\032` and `\.` are how DNS writes a blank and a dot.
fn unescaped(label: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = label.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let number =
            after.get(..3).and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| d.parse::<u8>().ok());
        let taken = match (number, after.first()) {
            (Some(byte), _) => {
                bytes.push(byte);
                3
            }
            (None, Some(byte)) => {
                bytes.push(*byte);
                1
            }
            (None, None) => 0,
        };
        rest = after.get(taken..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(name: &str, host: &str, port: u16) -> Option<Beacon> {
        Beacon::new(
            &format!("{name}._openclaw-gw._tcp.local."),
            "local",
            host,
            port,
            ["10.0.0.2".parse().unwrap()],
        )
    }

    #[test]
    fn names_are_read_as_people_wrote_them() {
        for (name, shown) in
            [("My\\032box", "My box"), ("a\\.b", "a.b"), ("x\x1b[2Jy\u{202e}z", "x[2Jyz"), ("a\\", "a")]
        {
            assert_eq!(found(name, "h.local", 1).unwrap().instance, shown);
        }
        assert_eq!(found("\\000\x07", "h.local", 1), None);
        assert_eq!(Beacon::new("x._http._tcp.local.", "local", "h.local", 1, []), None);
    }

    #[test]
    fn a_url_comes_of_the_srv_record_and_stays_where_it_was_found() {
        for (host, tls, url) in [
            ("box.local.", false, Some("ws://box.local:5")),
            ("BOX.local", true, Some("wss://box.local:5")),
            ("evil.example.com", true, None),
            ("evil.example.com", false, None),
            ("notlocal", false, None),
            ("", false, None),
            ("a/b.local", false, None),
            ("u:p@h.local", false, None),
        ] {
            let mut beacon = found("x", host, 5).unwrap();
            if tls {
                beacon.hint("gatewayTls", b"1");
            }
            beacon.hint("lanHost", b"evil.example.com");
            beacon.hint("gatewayDirectReachable", b"1");
            assert_eq!(beacon.ws_url().ok().as_deref(), url, "{host}");
        }
        let wide = |host: &str, ip: &str| {
            let name = "x._openclaw-gw._tcp.gw.internal";
            let mut beacon = Beacon::new(name, "gw.internal", host, 5, [ip.parse().unwrap()]).unwrap();
            beacon.hint("gatewayDirectReachable", b"1");
            beacon.ws_url()
        };
        assert_eq!(wide("box.gw.internal", "100.64.0.7").unwrap(), "ws://100.64.0.7:5");
        assert!(wide("box.gw.internal", "8.8.8.8").is_err(), "plain text to a public address");
        assert_eq!(wide("box.tail1.ts.net", "100.64.0.7").unwrap(), "ws://box.tail1.ts.net:5");
        assert!(wide("box.other.internal", "100.64.0.7").is_err());
    }

    #[test]
    fn who_listens_on_loopback_alone_is_reached_by_ssh_and_by_no_url() {
        let mut beacon = found("x", "box.local.", 18789).unwrap();
        let problem = beacon.ws_url().unwrap_err();
        assert!(problem.contains("sshTarget USER@box.local)"), "{problem}");
        let problem = found("x", "$(reboot).local", 18789).unwrap().ws_url().unwrap_err();
        assert!(!problem.contains("reboot)"), "{problem}");
        beacon.hint("sshPort", b"2222");
        let problem = beacon.ws_url().unwrap_err();
        assert!(problem.contains("USER@box.local:2222)"), "{problem}");
        beacon.hint("gatewayDirectReachable", b"1");
        assert_eq!(beacon.ws_url().unwrap(), "ws://box.local:18789");
    }

    #[test]
    fn hints_are_known_ones_short_and_clean() {
        let mut beacon = found("x", "h.local", 1).unwrap();
        beacon.hint("displayName", &[b'a'; 5000]);
        beacon.hint("displayName", b"later");
        beacon.hint("cliPath", b"/bin/\x1b]0;x\x07oc\xff");
        beacon.hint("token", b"hush");
        assert_eq!(beacon.hints["displayName"].len(), MAX_CHARS);
        assert_eq!(beacon.hints["cliPath"], "/bin/]0;xoc");
        assert_eq!(beacon.hints.len(), 2);
    }

    proptest! {
        #[test]
        fn nothing_that_is_said_panics_or_steers(name in "\\PC{0,80}", host in "\\PC{0,80}", value in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Some(mut beacon) = found(&name, &host, 1) {
                beacon.hint("displayName", &value);
                let shown = format!("{}{}{:?}", beacon.instance, beacon.host, beacon.hints.values());
                prop_assert!(!shown.chars().any(char::is_control));
                let _ = beacon.ws_url();
            }
        }
    }
}
