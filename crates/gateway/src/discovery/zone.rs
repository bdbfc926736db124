//! Wide-area DNS-SD: a zone file (RFC 1035) for whatever DNS server answers for the domain, such as CoreDNS on the tailnet.

use super::beacon::{Host, instance};
use crate::start::own_address as own;
use config::{MdnsMode, ZONE_MARK};
use protocol::discovery::SERVICE;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where Tailscale's own resolver is: the address that is used to get there is this machine's in the tailnet.
const TAILSCALE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(100, 100, 100, 100)), 53);

/// The zone; nothing where no address of this machine is known that others could use.
pub(super) fn text(domain: &str, host: &Host, mode: MdnsMode, now_ms: i64) -> Option<String> {
    let listening = host.addr.ip();
    let ip =
        if listening.is_loopback() || listening.is_unspecified() { own_address() } else { Some(listening) };
    Some(render(domain, host, ip?, mode, now_ms / 1000))
}

fn render(domain: &str, host: &Host, ip: IpAddr, mode: MdnsMode, serial: i64) -> String {
    let kind = if ip.is_ipv4() { "A" } else { "AAAA" };
    let (label, port) = (&host.label, host.addr.port());
    let name = escaped(&instance(&host.name));
    let mut txt = String::new();
    for (key, value) in host.txt(mode, None) {
        // Writing to a string cannot fail.
        let _ = write!(txt, " \"{}\"", quoted(&format!("{key}={value}")));
    }
    format!(
        "{ZONE_MARK}$ORIGIN {domain}.\n$TTL 60\n\
         @ IN SOA {label} hostmaster {serial} 7200 3600 1209600 60\n@ IN NS {label}\n{label} IN {kind} {ip}\n\
         {SERVICE} IN PTR {name}.{SERVICE}\n{name}.{SERVICE} IN SRV 0 0 {port} {label}\n{name}.{SERVICE} IN TXT{txt}\n"
    )
}

/// Whether two zones differ in their serial number at most.
pub(super) fn says_the_same(one: &str, other: &str) -> bool {
    let rest = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains(" SOA ")).map(str::to_owned).collect()
    };
    rest(one) == rest(other)
}

/// A label in a zone file: what could mean something else there is written as its number.
fn escaped(label: &str) -> String {
    let mut text = String::new();
    for byte in label.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\{byte:03}");
        }
    }
    text
}

/// A quoted string in a zone file.
fn quoted(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\' {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\{byte:03}");
        }
    }
    text
}

/// This machine's address in the tailnet, else in its network.
fn own_address() -> Option<IpAddr> {
    let tailnet = own::towards(TAILSCALE).map(IpAddr::V4).filter(|ip| model::is_carrier_grade_ip(*ip));
    tailnet.or_else(own::in_network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_names_the_gateway_and_nothing_breaks_out_of_it() {
        let env = [("OPENCLAW_CLI_PATH", "/a \"b\"\\\nc"), ("OPENCLAW_MDNS_HOSTNAME", "box")].into();
        let host =
            Host { name: "My box; x".into(), ..Host::of(&env, "0.0.0.0:18789".parse().unwrap(), None) };
        let zone = render("openclaw.internal", &host, "100.64.0.7".parse().unwrap(), MdnsMode::Full, 7);
        assert_eq!(zone.lines().count(), 9, "{zone}");
        for line in [
            "$ORIGIN openclaw.internal.",
            "box IN A 100.64.0.7",
            "_openclaw-gw._tcp IN PTR My\\032box\\059\\032x._openclaw-gw._tcp",
            "My\\032box\\059\\032x._openclaw-gw._tcp IN SRV 0 0 18789 box",
        ] {
            assert!(zone.lines().any(|l| l == line), "{line}: {zone}");
        }
        assert!(zone.contains(r#""cliPath=/a \034b\034\092\010c""#) && !zone.contains("lanHost"), "{zone}");
        let later = render("openclaw.internal", &host, "100.64.0.7".parse().unwrap(), MdnsMode::Full, 8);
        assert!(says_the_same(&zone, &later) && zone != later);
    }
}
