//! A delivery to a webhook, as the platform makes it: one request, one connection.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Who is not answered by then is not answered at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Posts an update to a port of this host and gives the answer, head and all, in small letters. An answer that breaks off is as
/// much as there is of it.
///
/// # Errors
/// Nobody listens there, or nobody answers within a minute.
pub async fn deliver(port: u16, path: &str, secret: Option<&str>, update: &str) -> io::Result<String> {
    let delivering = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let secret = secret.map(|s| format!("X-Telegram-Bot-Api-Secret-Token: {s}\r\n")).unwrap_or_default();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{secret}Content-Length: {}\r\n\r\n",
            update.len()
        );
        stream.write_all(head.as_bytes()).await?;
        // Who refuses at once need not listen to the rest.
        let _sent = stream.write_all(update.as_bytes()).await;
        let mut answer = Vec::new();
        let _read = stream.read_to_end(&mut answer).await;
        Ok::<_, io::Error>(String::from_utf8_lossy(&answer).to_lowercase())
    };
    timeout(PATIENCE, delivering).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
