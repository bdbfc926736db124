//! The other end of a connection to a port of this host: whose it is, and whether what was sent has been taken in. Linux tells
//! it of every connection (`/proc/net/tcp`); other systems do not.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use tokio::net::TcpStream;

/// The other end, as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherEnd {
    /// The user whose process has it; nothing as long as no process has accepted it.
    pub(crate) uid: Option<u32>,
    /// Bytes that have arrived and that the process has not read.
    pub(crate) unread: u64,
}

/// The two addresses of a connection, seen from here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    own: SocketAddrV4,
    other: SocketAddrV4,
}

impl Ends {
    /// Of a connection over IPv4 within this host; nothing for any other.
    pub(crate) fn of(tcp: &TcpStream) -> Option<Self> {
        let v4 = |address: SocketAddr| match address {
            SocketAddr::V4(address) if IpAddr::V4(*address.ip()).is_loopback() => Some(address),
            _ => None,
        };
        Some(Self { own: v4(tcp.local_addr().ok()?)?, other: v4(tcp.peer_addr().ok()?)? })
    }

    /// The other end; nothing where the system does not tell.
    pub(crate) fn other(self) -> Option<OtherEnd> {
        self.look(self.other, self.own)
    }

    /// The user who has the other end, where that is another one than whoever has this end.
    pub(crate) fn stranger(self) -> Option<u32> {
        let own = self.look(self.own, self.other)?.uid?;
        self.other()?.uid.filter(|other| *other != own)
    }

    fn look(self, at: SocketAddrV4, to: SocketAddrV4) -> Option<OtherEnd> {
        let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
        table.lines().find_map(|line| read(line, at, to))
    }
}

/// What a line of the table says, where it is the one of the end at this address of a connection to that one.
fn read(line: &str, at: SocketAddrV4, to: SocketAddrV4) -> Option<OtherEnd> {
    let mut fields = line.split_whitespace().skip(1);
    if fields.next()? != written(at) || fields.next()? != written(to) {
        return None;
    }
    // State, queues, timer, retransmissions, user, timeout, inode.
    let rest: Vec<&str> = fields.collect();
    let (_, unread) = rest.get(1)?.split_once(':')?;
    let is_taken = *rest.get(6)? != "0";
    let uid = rest.get(4)?.parse().ok()?;
    Some(OtherEnd { uid: is_taken.then_some(uid), unread: u64::from_str_radix(unread, 16).ok()? })
}

/// An address as the table has it: the four bytes as one number of this machine, and the port.
fn written(address: SocketAddrV4) -> String {
    let number = u32::from_ne_bytes(address.ip().octets());
    format!("{number:08X}:{:04X}", address.port())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn the_other_end_has_an_owner_once_it_is_accepted_and_tells_what_it_has_not_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut here = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let ends = Ends::of(&here).unwrap();
        here.write_all(b"question").await.unwrap();
        assert_eq!(ends.other(), Some(OtherEnd { uid: None, unread: 8 }));
        let (mut there, _) = listener.accept().await.unwrap();
        let own = std::fs::metadata("/proc/self").unwrap().uid();
        assert_eq!(ends.other(), Some(OtherEnd { uid: Some(own), unread: 8 }));
        there.read_exact(&mut [0; 8]).await.unwrap();
        assert_eq!(ends.other(), Some(OtherEnd { uid: Some(own), unread: 0 }));
        assert_eq!(ends.stranger(), None);
    }

    #[test]
    fn another_connections_line_and_what_is_no_line_say_nothing() {
        let (own, other) = ("127.0.0.1:4660".parse().unwrap(), "127.0.0.1:18789".parse().unwrap());
        let line =
            " 7: 0100007F:4965 0100007F:1234 01 00000000:0000001C 00:00000000 00000000  1000        0 99 1";
        if cfg!(target_endian = "little") {
            assert_eq!(read(line, other, own), Some(OtherEnd { uid: Some(1000), unread: 28 }));
        }
        for wrong in
            ["", "  sl  local_address rem_address   st", &line.replace(":1234", ":1235"), &line[..60]]
        {
            assert_eq!(read(wrong, other, own), None, "{wrong:?}");
        }
    }
}
