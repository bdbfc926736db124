//! One question to a DNS server, over UDP, and over TCP where the answer is too long for that.

use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// The longest answer that is read, over TCP.
const MAX_ANSWER: usize = 16 * 1024;
/// Servers that are asked.
const MAX_SERVERS: usize = 3;

/// The DNS servers in the text of a `resolv.conf`.
pub fn nameservers(resolv_conf: &str) -> Vec<SocketAddr> {
    let ip = |line: &str| -> Option<IpAddr> { line.trim().strip_prefix("nameserver")?.trim().parse().ok() };
    resolv_conf.lines().filter_map(ip).map(|ip| SocketAddr::new(ip, 53)).take(MAX_SERVERS).collect()
}

/// Asks one server; the bytes of an answer to this very question. A name that does not exist is an answer without records.
pub(super) async fn ask(
    server: SocketAddr,
    name: &str,
    kind: TYPE,
    within: Duration,
) -> Result<Vec<u8>, String> {
    let id = id()?;
    let question = question(id, name, kind)?;
    let asked = async {
        let answer = over_udp(server, &question, id, name).await?;
        let cut = Packet::parse(&answer).is_ok_and(|packet| packet.has_flags(PacketFlag::TRUNCATION));
        if cut { over_tcp(server, &question, id, name).await } else { Ok(answer) }
    };
    match timeout(within, asked).await {
        Ok(answer) => answer.map_err(|error| format!("{server}: {error}")),
        Err(_) => Err(format!("{server} does not answer")),
    }
}

fn id() -> Result<u16, String> {
    let random = model::random_token().map_err(|error| error.to_string())?;
    Ok(random.bytes().take(8).fold(0u16, |id, byte| id.rotate_left(5) ^ u16::from(byte)))
}

fn question(id: u16, name: &str, kind: TYPE) -> Result<Vec<u8>, String> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).map_err(|error| format!("{name:?} is no name: {error}"))?;
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().map_err(|error| error.to_string())
}

async fn over_udp(server: SocketAddr, question: &[u8], id: u16, name: &str) -> Result<Vec<u8>, String> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let failed = |error: std::io::Error| error.to_string();
    // Connected: what comes from elsewhere is not heard.
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    socket.send(question).await.map_err(failed)?;
    let mut buffer = vec![0; 4096];
    loop {
        let read = socket.recv(&mut buffer).await.map_err(failed)?;
        let answer = buffer.get(..read).unwrap_or_default();
        // Somebody may guess: what is no answer to this question is left aside.
        if let Some(verdict) = verdict(answer, id, name) {
            return verdict.map(|()| answer.to_vec());
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &[u8], id: u16, name: &str) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(server).await.map_err(failed)?;
    let length = u16::try_from(question.len()).map_err(|_| "the question is too long".to_owned())?;
    stream.write_all(&[&length.to_be_bytes()[..], question].concat()).await.map_err(failed)?;
    let length = usize::from(stream.read_u16().await.map_err(failed)?);
    if length > MAX_ANSWER {
        return Err(format!("the answer has more than {MAX_ANSWER} bytes"));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.map_err(failed)?;
    match verdict(&answer, id, name) {
        Some(verdict) => verdict.map(|()| answer),
        None => Err("the answer is to another question".to_owned()),
    }
}

/// Whether this answers the question; `None` where it is something else.
fn verdict(answer: &[u8], id: u16, name: &str) -> Option<Result<(), String>> {
    let packet = Packet::parse(answer).ok()?;
    let asked = packet.questions.first()?.qname.to_string();
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) || !asked.eq_ignore_ascii_case(name) {
        return None;
    }
    Some(match packet.rcode() {
        RCODE::NoError | RCODE::NameError => Ok(()),
        other => Err(format!("it refuses to answer ({other:?})")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_systems_servers_are_read() {
        let text = "# x\nsearch lan\nnameserver 10.0.0.1\n nameserver  ::1\nnameserver nonsense\n";
        assert_eq!(nameservers(text), ["10.0.0.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
    }

    #[test]
    fn only_an_answer_to_the_question_is_one() {
        let reply = |id: u16, name: &str, flags: PacketFlag| {
            let asked = question(id, name, TYPE::PTR).unwrap();
            let mut packet = Packet::parse(&asked).unwrap().into_reply();
            packet.set_flags(flags);
            packet.build_bytes_vec().unwrap()
        };
        let good = reply(7, "a.b", PacketFlag::RESPONSE);
        assert_eq!(verdict(&good, 7, "A.b"), Some(Ok(())));
        assert_eq!(verdict(&good, 8, "a.b"), None);
        assert_eq!(verdict(&good, 7, "a.c"), None);
        assert_eq!(
            verdict(&question(7, "a.b", TYPE::PTR).unwrap(), 7, "a.b"),
            None,
            "a question is no answer"
        );
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = verdict(&bytes, 1, "a.b");
        }
    }
}
