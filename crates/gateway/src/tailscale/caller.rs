//! Whether it is the daemon that connects: other programs on this host could send its headers, too. Linux says which user a
//! socket belongs to; elsewhere nobody does, and `gateway.auth.allowTailscale` is the owner's decision alone.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Whether the other end of a connection over loopback belongs to the user that the daemon's socket belongs to.
#[cfg(target_os = "linux")]
pub(super) async fn is_daemon(caller: SocketAddr, socket: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let daemon = tokio::fs::metadata(socket).await?.uid();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = tokio::fs::read_to_string(table).await?;
        if let Some(uid) = text.lines().skip(1).find_map(|line| owner_of(line, caller)) {
            return Ok(uid == daemon);
        }
    }
    // It has closed its end already.
    Ok(false)
}

/// Nobody can tell.
#[cfg(not(target_os = "linux"))]
pub(super) async fn is_daemon(_caller: SocketAddr, _socket: &Path) -> std::io::Result<bool> {
    Ok(true)
}

/// The user of a line of `/proc/net/tcp`, where it is the socket with this address of its own.
fn owner_of(line: &str, own: SocketAddr) -> Option<u32> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = fields.get(1)?.rsplit_once(':')?;
    let is_it = u16::from_str_radix(port, 16).ok()? == own.port()
        && read_address(address)? == own.ip().to_canonical();
    is_it.then(|| fields.get(7)?.parse().ok()).flatten()
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
        let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_held, caller) = listener.accept().await.unwrap();
        assert_eq!(client.local_addr().unwrap(), caller);
        let socket = tempfile::NamedTempFile::new().unwrap();
        assert!(is_daemon(caller, socket.path()).await.unwrap());
        // Only root can give a file away; for everybody else, root's own is somebody else's.
        let others =
            if chown(socket.path(), Some(65534), None).is_ok() { socket.path() } else { Path::new("/") };
        assert!(!is_daemon(caller, others).await.unwrap());
        assert!(is_daemon(caller, Path::new("/no/such/socket")).await.is_err());
        assert!(!is_daemon("127.0.0.2:1".parse().unwrap(), socket.path()).await.unwrap());
    }
}
