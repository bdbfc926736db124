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
        ErrorKind::AddrInUse => StartError::PortTaken { host, port, holder: holder_of(port) },
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

/// `process 123 (name)`, from `/proc`; only processes of this user can be looked into.
fn holder_of(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|file| {
        let table = std::fs::read_to_string(file).ok()?;
        table.lines().skip(1).find_map(|line| listening_inode(line, port))
    })?;
    let wanted = format!("socket:[{inode}]");
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(descriptors) = std::fs::read_dir(entry.path().join("fd")) else { continue };
        let holds = |link: std::fs::DirEntry| {
            std::fs::read_link(link.path()).is_ok_and(|t| t.as_os_str() == wanted.as_str())
        };
        if descriptors.flatten().any(holds) {
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            return Some(format!("process {pid} ({})", name.trim()));
        }
    }
    None
}

/// The inode of a line of `/proc/net/tcp`, where it is a listening socket on `port`.
fn listening_inode(line: &str, port: u16) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
    let is_it = u16::from_str_radix(local_port, 16).ok()? == port && *fields.get(3)? == "0A";
    is_it.then(|| fields.get(9).map(|inode| (*inode).to_owned())).flatten()
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
