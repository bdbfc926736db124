//! Those who speak without TLS on a port that has it: they are told, as far as their protocol has words for it.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The first byte of every TLS connection: a handshake record.
const HANDSHAKE_RECORD: u8 = 0x16;
/// Bytes of the request that are read and thrown away, so that the answer is not lost to a reset.
const MAX_DISCARDED: usize = 64 * 1024;
/// The request's rest may take this long.
const LINGER: Duration = Duration::from_secs(1);
const BODY: &str = "this gateway speaks TLS on this port: use wss:// or https:// (gateway.tls); on its host, \
                    `openclaw gateway tls fingerprint` prints what to pin\n";

/// Whether the first byte is of TLS; nothing is taken out of the stream. `None` where none comes.
pub(super) async fn is_tls(stream: &TcpStream) -> std::io::Result<Option<bool>> {
    let mut first = [0u8; 1];
    let read = stream.peek(&mut first).await?;
    Ok((read == 1).then(|| first[0] == HANDSHAKE_RECORD))
}

/// Answers a request that came without TLS, and closes.
pub(super) async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let discard = async {
        let (mut buffer, mut left) = ([0u8; 4096], MAX_DISCARDED);
        while left > 0 {
            match stream.read(&mut buffer).await {
                Ok(read) if read > 0 => left = left.saturating_sub(read),
                _ => break,
            }
        }
    };
    // It has had its answer; whether it reads it is its own affair.
    let _late = tokio::time::timeout(LINGER, discard).await;
    Ok(())
}
