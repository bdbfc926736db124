//! Which addresses may be reached on behalf of somebody who may have been told to by a stranger.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address may not be reached; `None` where it may. With `allow_private`, loopback and private networks may be, and
/// link-local addresses, where clouds keep their credentials, and reserved ones still are not.
pub fn address_refusal(address: IpAddr, allow_private: bool) -> Option<&'static str> {
    let (reason, private) = match address {
        IpAddr::V4(v4) => v4_kind(v4)?,
        IpAddr::V6(v6) => v6_kind(v6)?,
    };
    if private && allow_private { None } else { Some(reason) }
}

/// What is special about an address, and whether it is a private one that an operator may allow; `None` where nothing is.
fn v4_kind(v4: Ipv4Addr) -> Option<(&'static str, bool)> {
    let [a, b, c, d] = v4.octets();
    Some(match (a, b, c, d) {
        (0, ..) => ("it is an unspecified address", false),
        (127, ..) => ("it is a loopback address", true),
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => ("it is a private address", true),
        // Also Alibaba's metadata service, 100.100.100.200, which no operator means by "private".
        (100, 100, 100, 200) | (168, 63, 129, 16) => ("it is a cloud's metadata service", false),
        (100, 64..=127, ..) => ("it is an address within a provider's network", true),
        (169, 254, ..) => ("it is a link-local address", false),
        (192, 0, 0, _) => ("it is reserved for protocols", false),
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => {
            ("it is an address for documentation", false)
        }
        (192, 88, 99, _) => ("it is a 6to4 relay", false),
        (198, 18..=19, ..) => ("it is an address for benchmarks", false),
        (224..=239, ..) => ("it is a multicast address", false),
        (240..=255, ..) => ("it is a reserved address", false),
        _ => return None,
    })
}

/// As [`v4_kind`]. Only global unicast (2000::/3) is ordinary; all that embeds an IPv4 address is refused, since the
/// address within would need the same checks again.
fn v6_kind(v6: Ipv6Addr) -> Option<(&'static str, bool)> {
    let [a, b, c, ..] = v6.segments();
    Some(match (a, b, c) {
        _ if v6.is_loopback() => ("it is a loopback address", true),
        _ if v6.is_unspecified() => ("it is an unspecified address", false),
        // Amazon's metadata service lies within the private range.
        (0xfd00, 0x0ec2, _) => ("it is a cloud's metadata service", false),
        (0xfd20, 0x00ce, _) => ("it is a cloud's metadata service", false),
        (0xfc00..=0xfdff, ..) => ("it is a private address", true),
        (0xfe80..=0xfebf, ..) => ("it is a link-local address", false),
        (0xff00..=0xffff, ..) => ("it is a multicast address", false),
        (0x0064, 0xff9b, _) => ("it is a NAT64 address", false),
        (0x2002, ..) => ("it is a 6to4 address", false),
        (0x2001, 0x0db8, _) | (0x3fff, 0x0000..=0x0fff, _) => ("it is an address for documentation", false),
        (0x2001, 0x0000..=0x01ff, _) => ("it is reserved for protocols", false),
        (0x2000..=0x3fff, ..) => return None,
        _ if v6.to_ipv4_mapped().is_some() => ("it is an IPv4 address in IPv6 form", false),
        _ => ("it is a reserved address", false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refused always.
    const NEVER: &[&str] = &[
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "198.51.100.7",
        "203.0.113.9",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::7f00:1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:db8::1",
        "3fff::1",
        "2001::1",
        "2001:10::1",
        "2001:20::1",
        "2001:2::1",
        "100::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "5f00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "4000::1",
    ];
    /// Refused unless the operator allows private addresses.
    const PRIVATE: &[&str] = &[
        "127.0.0.1",
        "127.255.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "::1",
        "fc00::1",
        "fdff::1",
    ];
    const PUBLIC: &[&str] = &[
        "8.8.8.8",
        "1.1.1.1",
        "93.184.216.34",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "169.253.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "2001:4860:4860::8888",
        "2400:cb00::1",
    ];

    #[test]
    fn each_address_is_what_it_is() {
        for (list, strict, open) in [(NEVER, true, true), (PRIVATE, true, false), (PUBLIC, false, false)] {
            for text in list {
                let address: IpAddr = text.parse().unwrap();
                assert_eq!(address_refusal(address, false).is_some(), strict, "{text}");
                assert_eq!(address_refusal(address, true).is_some(), open, "{text}, private ones allowed");
            }
        }
    }
}
