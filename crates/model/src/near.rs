//! Which addresses are near: reached without leaving this host's network, as far as an address can tell.

use std::net::{IpAddr, Ipv4Addr};

/// An address of a private network, or of this link. Loopback is none.
pub fn is_private_ip(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// An address of 100.64.0.0/10: a provider's own network, and every tailnet.
pub fn is_carrier_grade_ip(ip: IpAddr) -> bool {
    let IpAddr::V4(ip) = ip.to_canonical() else { return false };
    ip & Ipv4Addr::new(255, 192, 0, 0) == Ipv4Addr::new(100, 64, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_private_carrier_grade_or_neither() {
        for (ip, private, carrier_grade) in [
            ("10.1.2.3", true, false),
            ("172.31.255.255", true, false),
            ("172.32.0.1", false, false),
            ("192.168.1.2", true, false),
            ("169.254.1.1", true, false),
            ("fd00::1", true, false),
            ("fe80::1", true, false),
            ("::ffff:10.0.0.1", true, false),
            ("100.64.0.1", false, true),
            ("100.127.255.255", false, true),
            ("::ffff:100.100.1.1", false, true),
            ("100.63.0.1", false, false),
            ("100.128.0.1", false, false),
            ("127.0.0.1", false, false),
            ("::1", false, false),
            ("0.0.0.0", false, false),
            ("8.8.8.8", false, false),
            ("2001:db8::1", false, false),
        ] {
            let address: IpAddr = ip.parse().unwrap();
            assert_eq!(
                (is_private_ip(address), is_carrier_grade_ip(address)),
                (private, carrier_grade),
                "{ip}"
            );
        }
    }
}
