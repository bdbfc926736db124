//! Who listens on this host, as far as Linux lets this user see it. Elsewhere nothing is seen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// A listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listener {
    /// Its address.
    pub(super) ip: IpAddr,
    inode: String,
}

/// Everything that listens on a TCP port.
pub(super) fn on_port(port: u16) -> Vec<Listener> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| std::fs::read_to_string(file).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines().skip(1)).filter_map(|line| listener(line, port)).collect()
}

impl Listener {
    /// Its process, and what that calls itself; only processes of this user can be looked into.
    pub(super) fn process(&self) -> Option<(u32, String)> {
        let wanted = format!("socket:[{}]", self.inode);
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            if holds(&entry.path(), &wanted) {
                let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                return Some((pid, name.trim().to_owned()));
            }
        }
        None
    }
}

fn holds(process: &Path, socket: &str) -> bool {
    let Ok(descriptors) = std::fs::read_dir(process.join("fd")) else { return false };
    descriptors.flatten().any(|link| std::fs::read_link(link.path()).is_ok_and(|to| to.as_os_str() == socket))
}

/// A line of `/proc/net/tcp` or `tcp6`, where it is a socket that listens on this port.
fn listener(line: &str, port: u16) -> Option<Listener> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, local_port) = fields.get(1)?.rsplit_once(':')?;
    let listens = u16::from_str_radix(local_port, 16).ok()? == port && *fields.get(3)? == "0A";
    let inode = (*fields.get(9)?).to_owned();
    listens.then(|| address_of(address)).flatten().map(|ip| Listener { ip, inode })
}

/// An address as the table writes it: hexadecimal words, each in this machine's byte order.
fn address_of(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Some(IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?)).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_seen_with_its_address_and_its_process() {
        for bound in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = std::net::TcpListener::bind(bound).unwrap();
            let address = listener.local_addr().unwrap();
            let found = on_port(address.port());
            assert!(found.iter().any(|found| found.ip == address.ip()), "{found:?}");
            let (pid, name) = found[0].process().unwrap();
            assert!(pid == std::process::id() && !name.is_empty(), "{pid} {name}");
            drop(listener);
            assert!(on_port(address.port()).is_empty());
        }
    }

    #[test]
    fn what_is_connected_or_malformed_is_no_listener() {
        let line = |address: &str, state: &str| {
            format!(
                "  0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 0 0 4711 1 0 100 0 0 10 0"
            )
        };
        assert!(listener(&line("00000000:4965", "0A"), 0x4965).is_some());
        for (address, state) in
            [("00000000:4965", "01"), ("00000000:4966", "0A"), ("00:4965", "0A"), ("x", "0A")]
        {
            assert_eq!(listener(&line(address, state), 0x4965), None, "{address} {state}");
        }
        assert_eq!(listener("", 1), None);
    }
}
