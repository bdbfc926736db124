//! Taking the port, and saying who has it where that fails.

use super::StartError;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;

/// The listeners, and the address that people are told.
pub(super) struct Listeners {
    pub(super) addr: SocketAddr,
    pub(super) all: Vec<TcpListener>,
}

/// Listens on `host:port`, and for loopback on `[::1]` too where there is one (S2).
pub(super) async fn listen(host: IpAddr, port: u16, fall_back: bool) -> Result<Listeners, StartError> {
    let first = match TcpListener::bind((host, port)).await {
        Err(e) if e.kind() == ErrorKind::AddrInUse && fall_back => TcpListener::bind((host, 0)).await,
        other => other,
    };
    let first = first.map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => StartError::PortTaken { host, port, holder: config::port_holder(port) },
        _ => StartError::Bind { addr: SocketAddr::new(host, port), source },
    })?;
    let addr = first.local_addr().map_err(|source| StartError::Bind { addr: (host, port).into(), source })?;
    let mut all = vec![first];
    if host == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        match TcpListener::bind((Ipv6Addr::LOCALHOST, addr.port())).await {
            Ok(second) => all.push(second),
            // A host without IPv6, or a port that somebody else has there: IPv4 is what clients are told.
            Err(error) => tracing::debug!(%error, "not listening on [::1]"),
        }
    }
    Ok(Listeners { addr, all })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_its_holder_and_can_be_avoided() {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let held = listen(host, 0, false).await.unwrap();
        let port = held.addr.port();
        let error = listen(host, port, false).await.err().unwrap();
        let text = error.to_string();
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        assert!(text.contains("--port"), "{text}");
        assert_ne!(listen(host, port, true).await.unwrap().addr.port(), port);
    }
}
