//! Whether it is the daemon that connects: other programs on this host could send its headers, too. Linux says which user a
//! socket belongs to; elsewhere nobody does, and `gateway.auth.allowTailscale` is the owner's decision alone.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Both ends of an open connection over loopback: the caller's and this process's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The caller's.
    pub(crate) theirs: SocketAddr,
    /// This process's.
    pub(crate) ours: SocketAddr,
}

/// Whether the caller's end belongs to the user that the daemon's socket belongs to.
#[cfg(target_os = "linux")]
pub(super) async fn is_daemon(ends: Ends, socket: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let daemon = tokio::fs::metadata(socket).await?.uid();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = tokio::fs::read_to_string(table).await?;
        if let Some(uid) = text.lines().skip(1).find_map(|line| owner_of(line, ends)) {
            return Ok(uid == daemon);
        }
    }
    // It has closed its end already.
    Ok(false)
}

/// Nobody can tell.
#[cfg(not(target_os = "linux"))]
pub(super) async fn is_daemon(_ends: Ends, _socket: &Path) -> std::io::Result<bool> {
    Ok(true)
}

/// State of a connection that is open, as the table has it.
const ESTABLISHED: &str = "01";

/// The user of a line of `/proc/net/tcp`, where it is the caller's end of this very connection. Anything less would be
/// somebody else's: what is left of a closed connection from the same port is listed with user 0 and without an inode, and
/// anybody can make that.
fn owner_of(line: &str, ends: Ends) -> Option<u32> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let is_open = *fields.get(3)? == ESTABLISHED && *fields.get(9)? != "0";
    let is_it = is_open
        && read_end(fields.get(1)?)? == plain(ends.theirs)
        && read_end(fields.get(2)?)? == plain(ends.ours);
    is_it.then(|| fields.get(7)?.parse().ok()).flatten()
}

fn plain(end: SocketAddr) -> (IpAddr, u16) {
    (end.ip().to_canonical(), end.port())
}

fn read_end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    Some((read_address(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// An address as the table writes it: hexadecimal words, each in this machine's byte order.
fn read_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match text.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            Some(IpAddr::from(<[u8; 16]>::try_from(words).ok()?).to_canonical())
        }
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::fs::chown;

    #[tokio::test]
    async fn a_connection_belongs_to_the_user_who_made_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = listener.local_addr().unwrap();
        let client = tokio::net::TcpStream::connect(ours).await.unwrap();
        let (_held, theirs) = listener.accept().await.unwrap();
        assert_eq!(client.local_addr().unwrap(), theirs);
        let ends = Ends { theirs, ours };
        let socket = tempfile::NamedTempFile::new().unwrap();
        assert!(is_daemon(ends, socket.path()).await.unwrap());
        // Only root can give a file away; for everybody else, root's own is somebody else's.
        let others =
            if chown(socket.path(), Some(65534), None).is_ok() { socket.path() } else { Path::new("/") };
        assert!(!is_daemon(ends, others).await.unwrap());
        assert!(is_daemon(ends, Path::new("/no/such/socket")).await.is_err());
        let elsewhere = Ends { theirs: "127.0.0.2:1".parse().unwrap(), ours };
        assert!(!is_daemon(elsewhere, socket.path()).await.unwrap());
    }

    #[test]
    fn nothing_but_the_open_connection_itself_says_whose_it_is() {
        let ends =
            Ends { theirs: "127.0.0.1:40000".parse().unwrap(), ours: "127.0.0.1:5000".parse().unwrap() };
        let (theirs, ours, other) = ("0100007F:9C40", "0100007F:1388", "0200007F:1389");
        let line = |from: &str, to: &str, state: &str, uid: u32, inode: u32| {
            format!(
                "   0: {from} {to} {state} 00000000:00000000 00:00000000 00000000 {uid:5}        0 {inode} 1 0 20 4 0 10 -1"
            )
        };
        for (line, owner) in [
            (line(theirs, ours, "01", 1000, 77), Some(1000)),
            // What is left of another connection from that port, and of this one.
            (line(theirs, other, "06", 0, 0), None),
            (line(theirs, ours, "06", 0, 0), None),
            (line(theirs, other, "01", 0, 77), None),
            // Without a process that has it.
            (line(theirs, ours, "01", 0, 0), None),
            // This process's own end.
            (line(ours, theirs, "01", 0, 77), None),
        ] {
            assert_eq!(owner_of(&line, ends), owner, "{line}");
        }
    }
}
