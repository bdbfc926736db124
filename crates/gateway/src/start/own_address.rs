//! The address that this host has in its network, for those who are told where its gateway is.

use super::bind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// Interfaces that lead to containers and virtual machines of this host: nobody else reaches their addresses.
const INNER: [&str; 9] = ["docker", "br-", "virbr", "veth", "lxc", "lxd", "cni", "podman", "vmnet"];

/// The IPv4 address from which this host would send to elsewhere; where it knows no way there, that of an interface. Nothing is
/// sent.
pub(crate) fn in_network() -> Option<IpAddr> {
    // An address for documentation: only the route to it is looked up.
    towards(SocketAddr::from(([192, 0, 2, 1], 9))).or_else(|| of_interfaces(&interfaces())).map(IpAddr::V4)
}

/// The IPv4 address from which this host would send there.
pub(crate) fn towards(there: SocketAddr) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(there).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(ip) if !ip.is_unspecified() && !ip.is_loopback() => Some(ip),
        _ => None,
    }
}

/// Names and IPv4 addresses. Where they cannot be listed, there is none to be told.
fn interfaces() -> Vec<(String, Ipv4Addr)> {
    let all = if_addrs::get_if_addrs().inspect_err(|error| {
        tracing::warn!(%error, "the addresses of this host cannot be listed");
    });
    let v4 = |interface: if_addrs::Interface| match interface.ip() {
        IpAddr::V4(ip) => Some((interface.name, ip)),
        IpAddr::V6(_) => None,
    };
    all.unwrap_or_default().into_iter().filter_map(v4).collect()
}

/// The one that others most likely reach: of a private network before a public one. None of this host alone, of no network, or of
/// a tailnet.
fn of_interfaces(all: &[(String, Ipv4Addr)]) -> Option<Ipv4Addr> {
    let is_outer = |(name, ip): &&(String, Ipv4Addr)| {
        let nowhere = ip.is_loopback() || ip.is_unspecified() || ip.is_link_local();
        !nowhere && !bind::is_tailscale((*ip).into()) && !INNER.iter().any(|inner| name.starts_with(inner))
    };
    // The first of those that are equal.
    all.iter().filter(is_outer).map(|(_, ip)| *ip).min_by_key(|ip| !ip.is_private())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_that_others_reach_gives_the_address() {
        for (interfaces, address) in [
            (&[("lo", "127.0.0.1"), ("eth0", "192.168.1.5")][..], Some("192.168.1.5")),
            (&[("docker0", "172.17.0.1"), ("br-1a", "172.18.0.1"), ("wlan0", "10.0.0.7")], Some("10.0.0.7")),
            (&[("eth0", "203.0.113.4"), ("eth1", "10.0.0.7"), ("eth2", "10.0.0.8")], Some("10.0.0.7")),
            (&[("tailscale0", "100.64.0.1"), ("eth0", "203.0.113.4")], Some("203.0.113.4")),
            (&[("lo", "127.0.0.1"), ("eth0", "169.254.3.4"), ("docker0", "172.17.0.1")], None),
            (&[], None),
        ] {
            let all: Vec<(String, Ipv4Addr)> =
                interfaces.iter().map(|(name, ip)| ((*name).to_owned(), ip.parse().unwrap())).collect();
            assert_eq!(of_interfaces(&all), address.map(|ip| ip.parse().unwrap()), "{interfaces:?}");
        }
    }
}
