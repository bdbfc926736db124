//! Which addresses are listened on, and taking them; who has the port where that fails.
//!
//! Whatever `gateway.bind` opens, `127.0.0.1` on the same port is among it, so that programs on this host find their
//! gateway without being told where it is.

use super::StartError;
use crate::listener::{Bound, ListenerKind};
use config::{Bind, GatewayConfig};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;

/// Connections that the system holds until they are accepted: after a restart everybody comes at once.
const BACKLOG: i32 = 1024;
/// With any free port, all addresses must have it free; so many are tried.
const PORT_TRIES: usize = 16;
const LOCAL4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOCAL6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// The listeners, and the address that people are told.
pub(super) struct Listeners {
    pub(super) addr: SocketAddr,
    pub(super) all: Vec<Bound>,
}

/// An address to listen on. One that is not needed may fail: IPv6 is not everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    ip: IpAddr,
    needed: bool,
}

fn needed(ip: impl Into<IpAddr>) -> Wanted {
    Wanted { ip: ip.into(), needed: true }
}

fn nice(ip: impl Into<IpAddr>) -> Wanted {
    Wanted { ip: ip.into(), needed: false }
}

/// Listens where `gateway.bind` says, on `port` (0: any that is free). With `fall_back`, a free port where the wanted one is
/// taken. `may_open` is asked before anything that others can reach is listened on.
pub(super) fn listen(
    gateway: &GatewayConfig,
    port: u16,
    fall_back: bool,
    may_open: impl Fn() -> Result<(), StartError>,
) -> Result<Listeners, StartError> {
    if gateway.opens_to_others() {
        may_open()?;
    }
    match take(&wanted(gateway), port, fall_back) {
        // This host has no loopback; S6 has no other meaning of "auto".
        Err(StartError::Bind { source, .. })
            if gateway.bind == Bind::Auto && source.kind() == ErrorKind::AddrNotAvailable =>
        {
            may_open()?;
            tracing::warn!(
                "gateway.bind is \"auto\" and this host has no 127.0.0.1: listening on all its addresses"
            );
            take(&LAN, port, fall_back)
        }
        other => other,
    }
}

const LAN: [Wanted; 2] = [
    Wanted { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), needed: true },
    Wanted { ip: IpAddr::V6(Ipv6Addr::UNSPECIFIED), needed: false },
];

fn wanted(gateway: &GatewayConfig) -> Vec<Wanted> {
    let loopback = vec![needed(LOCAL4), nice(LOCAL6)];
    match gateway.bind {
        Bind::Loopback | Bind::Auto => loopback,
        Bind::Lan => LAN.to_vec(),
        Bind::Custom => custom(gateway.custom_bind_host.unwrap_or(LOCAL4)),
        Bind::Tailnet => [loopback, tailnet(own_addresses())].concat(),
    }
}

/// `gateway.customBindHost`, and `127.0.0.1` where that does not cover it.
fn custom(ip: IpAddr) -> Vec<Wanted> {
    let covered = ip == LOCAL4 || ip == IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    if covered { vec![needed(ip)] } else { vec![needed(LOCAL4), needed(ip)] }
}

/// The Tailscale addresses among those of this host. Without any, there is loopback alone: Tailscale may not be up yet, and a
/// gateway that cannot be reached from the tailnet is better than none.
fn tailnet(own: Vec<IpAddr>) -> Vec<Wanted> {
    let found = of_tailnet(own);
    if found.is_empty() {
        tracing::warn!(
            "gateway.bind is \"tailnet\" and no interface of this host has a Tailscale address: listening on loopback alone; start Tailscale, then the gateway again"
        );
    }
    // The second is there beside the first at best.
    found.into_iter().enumerate().map(|(at, ip)| if at == 0 { needed(ip) } else { nice(ip) }).collect()
}

/// This host's addresses in its tailnet, IPv4 before IPv6.
pub fn tailnet_addresses() -> Vec<IpAddr> {
    of_tailnet(own_addresses())
}

fn of_tailnet(own: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = own.into_iter().filter(|ip| is_tailscale(*ip)).collect();
    found.sort_by_key(IpAddr::is_ipv6);
    found
}

/// The addresses of this host's interfaces.
fn own_addresses() -> Vec<IpAddr> {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.iter().map(if_addrs::Interface::ip).collect(),
        Err(error) => {
            tracing::warn!(%error, "the addresses of this host cannot be listed");
            Vec::new()
        }
    }
}

/// Where Tailscale takes its addresses from: `100.64.0.0/10`, `fd7a:115c:a1e0::/48`.
pub(crate) fn is_tailscale(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => model::is_carrier_grade_ip(ip.into()),
        IpAddr::V6(ip) => ip.segments()[..3] == [0xfd7a, 0x115c, 0xa1e0],
    }
}

fn take(wanted: &[Wanted], port: u16, fall_back: bool) -> Result<Listeners, StartError> {
    let any_port = |first: Result<Listeners, StartError>| {
        (0..PORT_TRIES).fold(first, |taken, _| match taken {
            Err(StartError::PortTaken { .. }) => take_all(wanted, 0),
            other => other,
        })
    };
    let first = take_all(wanted, port);
    if port == 0 || fall_back { any_port(first) } else { first }
}

/// All of them on one port, or none.
fn take_all(wanted: &[Wanted], mut port: u16) -> Result<Listeners, StartError> {
    let mut all = Vec::new();
    let mut told = None;
    for Wanted { ip, needed } in wanted.iter().copied() {
        let bound = match bind(SocketAddr::new(ip, port)) {
            Ok(bound) => bound,
            // A host without IPv6, or a port that somebody else has there: IPv4 is what clients are told.
            Err(error) if !needed => {
                tracing::debug!(%error, %ip, "not listening there");
                continue;
            }
            Err(source) => return Err(refused(SocketAddr::new(ip, port), source)),
        };
        let addr = bound
            .local_addr()
            .map_err(|source| StartError::Bind { addr: SocketAddr::new(ip, port), source })?;
        port = addr.port();
        let kind = if ip.is_loopback() { ListenerKind::Loopback } else { ListenerKind::Public };
        // People are told the address that others can use, if there is one.
        if told.is_none_or(|told: SocketAddr| told.ip().is_loopback() && !ip.is_loopback()) {
            told = Some(addr);
        }
        all.push(Bound { socket: bound, kind });
    }
    let addr = told.unwrap_or((LOCAL4, port).into());
    Ok(Listeners { addr, all })
}

fn refused(addr: SocketAddr, source: io::Error) -> StartError {
    match source.kind() {
        ErrorKind::AddrInUse => {
            let (host, port) = (addr.ip(), addr.port());
            StartError::PortTaken { host, port, holder: config::port_holder(port) }
        }
        _ => StartError::Bind { addr, source },
    }
}

/// IPv6 sockets take IPv6 alone, whatever the system's default is: IPv4 has a listener of its own.
fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A port whose last connections are not quite over is free.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(bind: Bind, custom: Option<&str>) -> GatewayConfig {
        let custom_bind_host = custom.map(|ip| ip.parse().unwrap());
        GatewayConfig { bind, custom_bind_host, ..GatewayConfig::default() }
    }

    fn shown(wanted: &[Wanted]) -> Vec<String> {
        wanted.iter().map(|w| format!("{}{}", w.ip, if w.needed { "" } else { "?" })).collect()
    }

    #[tokio::test]
    async fn a_taken_port_names_its_holder_and_can_be_avoided() {
        let loopback = gateway(Bind::Loopback, None);
        let held = listen(&loopback, 0, false, || Ok(())).unwrap();
        let port = held.addr.port();
        let error = listen(&loopback, port, false, || Ok(())).err().unwrap();
        let text = error.to_string();
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        assert!(text.contains("--port"), "{text}");
        assert_ne!(listen(&loopback, port, true, || Ok(())).unwrap().addr.port(), port);
    }

    #[test]
    fn every_bind_has_its_addresses_and_this_host_is_always_among_them() {
        for (bind, host, addresses) in [
            (Bind::Loopback, None, &["127.0.0.1", "::1?"] as &[_]),
            (Bind::Auto, None, &["127.0.0.1", "::1?"]),
            (Bind::Lan, None, &["0.0.0.0", "::?"]),
            (Bind::Custom, Some("127.0.0.1"), &["127.0.0.1"]),
            (Bind::Custom, Some("0.0.0.0"), &["0.0.0.0"]),
            (Bind::Custom, Some("192.168.1.5"), &["127.0.0.1", "192.168.1.5"]),
            (Bind::Custom, Some("::1"), &["127.0.0.1", "::1"]),
            (Bind::Custom, Some("::"), &["127.0.0.1", "::"]),
            (Bind::Custom, Some("2001:db8::5"), &["127.0.0.1", "2001:db8::5"]),
        ] {
            assert_eq!(shown(&wanted(&gateway(bind, host))), addresses, "{bind} {host:?}");
        }
    }

    #[test]
    fn tailscale_addresses_are_told_from_others() {
        let own =
            ["192.168.1.5", "fd7a:115c:a1e0::12", "fd7a:115c:a1e1::1", "100.101.102.103", "100.128.0.1"];
        let own = own.iter().map(|ip| ip.parse().unwrap()).collect();
        assert_eq!(shown(&tailnet(own)), ["100.101.102.103", "fd7a:115c:a1e0::12?"]);
        assert_eq!(
            shown(&tailnet(vec!["fd7a:115c:a1e0:ab12::1".parse().unwrap()])),
            ["fd7a:115c:a1e0:ab12::1"]
        );
        assert!(tailnet(vec![LOCAL4]).is_empty());
    }

    #[tokio::test]
    async fn nothing_that_others_can_reach_is_listened_on_before_that_is_allowed() {
        let refuse = || Err(StartError::OwnSecret("is not there".into()));
        for (bind, host) in [(Bind::Lan, None), (Bind::Tailnet, None), (Bind::Custom, Some("0.0.0.0"))] {
            assert!(listen(&gateway(bind, host), 0, false, refuse).is_err(), "{bind}");
        }
        let alone = gateway(Bind::Custom, Some("::1"));
        assert!(!matches!(listen(&alone, 0, false, refuse), Err(StartError::OwnSecret(_))));
    }
}
