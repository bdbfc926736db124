//! The only way out that the browser has: a SOCKS proxy of this process. It looks each name up once, checks what it found, and
//! connects to exactly that: a name that changes its mind between the look and the connection (DNS rebinding) leads nowhere else,
//! and neither does what no request of a page stands for: WebSockets, workers, what the browser does by itself.

use super::guard::Guard;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections at once; a browser has some two hundred.
const MAX_OPEN: usize = 512;
/// How long the browser may take to say where it wants to go, and a host to take a connection.
const GREETING: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(10);
/// Answers, by their numbers in RFC 1928.
const GRANTED: u8 = 0;
const FAILED: u8 = 1;
const NOT_ALLOWED: u8 = 2;
const UNREACHABLE: u8 = 4;
const REFUSED: u8 = 5;
const NO_SUCH_COMMAND: u8 = 7;

/// A place for the browser to connect to; nobody else on this computer gets further than it would by itself.
pub(super) async fn listen() -> std::io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Serves for as long as it is asked to; gives why it ended.
pub(super) async fn serve(listener: TcpListener, guard: &Arc<Guard>) -> String {
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        if open.len() >= MAX_OPEN {
            // One has to end first.
            open.join_next().await;
        }
        match listener.accept().await {
            Ok((socket, _)) => {
                let guard = Arc::clone(guard);
                open.spawn(async move { one(socket, &guard).await });
            }
            Err(error) => return format!("its way out is closed: {error}"),
        }
    }
}

async fn one(mut browser: TcpStream, guard: &Guard) {
    let Ok(Ok((host, port))) = timeout(GREETING, asked(&mut browser)).await else { return };
    let (answer, host) = match reach(&host, port, guard).await {
        Ok(socket) => (GRANTED, Some(socket)),
        Err(answer) => (answer, None),
    };
    let told = timeout(GREETING, browser.write_all(&reply(answer))).await;
    if let (Ok(Ok(())), Some(mut host)) = (told, host) {
        // It ends when one of the two does, and with the browser. How is their own affair.
        let _ = copy_bidirectional(&mut browser, &mut host).await;
    }
}

/// Connects to the first address that answers, of those that were checked.
async fn reach(host: &str, port: u16, guard: &Guard) -> Result<TcpStream, u8> {
    let addresses = guard.addresses(host).await.map_err(|why| {
        tracing::debug!(why, "a connection of the browser was refused");
        NOT_ALLOWED
    })?;
    let mut failure = UNREACHABLE;
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(SocketAddr::new(address, port))).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => failure = REFUSED,
            Ok(Err(_)) => failure = FAILED,
            Err(_) => failure = UNREACHABLE,
        }
    }
    Err(failure)
}

/// Where the browser wants to go.
async fn asked(browser: &mut TcpStream) -> std::io::Result<(String, u16)> {
    let strange = |what: &str| std::io::Error::other(what.to_owned());
    let mut head = [0; 2];
    browser.read_exact(&mut head).await?;
    let [5, methods] = head else { return Err(strange("no SOCKS 5")) };
    let mut offered = vec![0; usize::from(methods)];
    browser.read_exact(&mut offered).await?;
    // Without a name and a password.
    let known = offered.contains(&0);
    browser.write_all(&[5, if known { 0 } else { 0xff }]).await?;
    let mut request = [0; 4];
    browser.read_exact(&mut request).await?;
    let [5, command, _, kind] = request else { return Err(strange("no request")) };
    let host = match kind {
        1 => {
            let mut address = [0; 4];
            browser.read_exact(&mut address).await?;
            IpAddr::V4(Ipv4Addr::from(address)).to_string()
        }
        4 => {
            let mut address = [0; 16];
            browser.read_exact(&mut address).await?;
            IpAddr::V6(Ipv6Addr::from(address)).to_string()
        }
        3 => {
            let length = browser.read_u8().await?;
            let mut name = vec![0; usize::from(length)];
            browser.read_exact(&mut name).await?;
            String::from_utf8(name).map_err(|_| strange("no name"))?
        }
        _ => return Err(strange("no address")),
    };
    let port = browser.read_u16().await?;
    if command != 1 || !known {
        browser.write_all(&reply(NO_SUCH_COMMAND)).await?;
        return Err(strange("no connection is asked for"));
    }
    Ok((host, port))
}

fn reply(answer: u8) -> [u8; 10] {
    [5, answer, 0, 1, 0, 0, 0, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::super::guard::Reach;
    use super::*;

    /// Asks for a connection; the answer's number, and the socket.
    async fn ask(port: u16, host: &str, to: u16) -> (u8, TcpStream) {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        socket.write_all(&[5, 1, 0]).await.unwrap();
        let mut chosen = [0; 2];
        socket.read_exact(&mut chosen).await.unwrap();
        assert_eq!(chosen, [5, 0]);
        let length = u8::try_from(host.len()).unwrap();
        socket
            .write_all(&[&[5, 1, 0, 3, length], host.as_bytes(), &to.to_be_bytes()].concat())
            .await
            .unwrap();
        let mut answer = [0; 10];
        socket.read_exact(&mut answer).await.unwrap();
        (answer[1], socket)
    }

    #[tokio::test]
    async fn a_connection_goes_to_the_address_that_was_checked_whatever_the_name_says_now() {
        let guard =
            Arc::new(Guard::new(Reach { allow_private: false, allowed_hosts: vec!["127.0.0.1".into()] }));
        let (listener, port) = listen().await.unwrap();
        let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = site.local_addr().unwrap().port();
        // What a look at the names gave; no server of names knows them.
        guard.remember("checked.test", Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]));
        guard.remember("turned.test", Err("it leads to this computer".into()));
        let serving = serve(listener, &guard);
        let asking = async {
            for (host, answer) in [
                ("checked.test", GRANTED),
                ("CHECKED.test.", GRANTED),
                ("127.0.0.1", GRANTED),
                ("turned.test", NOT_ALLOWED),
                ("127.0.0.2", NOT_ALLOWED),
                ("localhost", NOT_ALLOWED),
                ("[::1]", NOT_ALLOWED),
                ("169.254.169.254", NOT_ALLOWED),
                ("no such name", NOT_ALLOWED),
            ] {
                let (got, mut socket) = ask(port, host, to).await;
                assert_eq!(got, answer, "{host}");
                if answer == GRANTED {
                    let (mut there, _) = site.accept().await.unwrap();
                    socket.write_all(b"hi").await.unwrap();
                    let mut heard = [0; 2];
                    there.read_exact(&mut heard).await.unwrap();
                    assert_eq!(&heard, b"hi");
                }
            }
            drop(site);
            assert_eq!(ask(port, "checked.test", to).await.0, REFUSED);
        };
        tokio::select! {
            why = serving => panic!("{why}"),
            () = asking => {}
        }
    }
}
