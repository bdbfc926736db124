//! Strangers who answer what they like: by mDNS, and as a DNS server.

#![allow(clippy::unwrap_used, clippy::panic, dead_code)] // Each test file uses its share of these.

use simple_dns::rdata::{A, PTR, RData, SRV, TXT};
use simple_dns::{CLASS, CharacterString, Name, Packet, PacketFlag, QTYPE, ResourceRecord, TYPE};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// Where the DNS server is, in the namespace.
pub(crate) const DNS: &str = "127.0.0.1:5300";
const MULTICAST: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// A gateway as somebody describes it.
#[derive(Clone)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) txt: Vec<Vec<u8>>,
}

fn gateway(name: &str, target: &str, txt: &[&[u8]]) -> Described {
    Described {
        name: name.to_owned(),
        target: target.to_owned(),
        txt: txt.iter().map(|t| t.to_vec()).collect(),
    }
}

/// What is said in a domain: one honest gateway and some that are not.
pub(crate) fn descriptions(domain: &str) -> Vec<Described> {
    let mut all = vec![
        gateway(
            "honest",
            &format!("honest.{domain}"),
            &[b"role=gateway", b"displayName=Honest", b"gatewayPort=1", b"gatewayDirectReachable=1"],
        ),
        gateway("leads-away", "evil.example.com", &[b"lanHost=evil.example.com"]),
        gateway(
            "claims-a-pin",
            &format!("pin.{domain}"),
            &[b"gatewayTls=1", b"gatewayTlsSha256=00ff", b"gatewayDirectReachable=1"],
        ),
        gateway(
            "steers",
            &format!("steers.{domain}"),
            &[b"displayName=\x1b[2J\x1b]0;owned\x07Nice\xe2\x80\xae", b"cliPath=/bin/\r\n\x00oc", b"evil=1"],
        ),
    ];
    let long = [b"displayName=".to_vec(), vec![b'a'; 200]].concat();
    let huge = Described { txt: vec![long; 30], ..gateway("huge", &format!("huge.{domain}"), &[]) };
    all.push(huge);
    all
}

/// The records of these gateways, one packet each.
fn packets(all: &[Described], domain: &str) -> Vec<Vec<u8>> {
    all.iter()
        .map(|one| {
            let service = format!("_openclaw-gw._tcp.{domain}");
            let full = format!("{}.{service}", one.name);
            let mut packet = Packet::new_reply(0);
            packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
            packet.answers.push(record(&service, ptr(&full)));
            packet.answers.push(record(&full, srv(&one.target)));
            packet.answers.push(record(&full, txt(&one.txt)));
            packet.answers.push(record(&one.target, RData::A(A { address: 0x0a4d_0001 })));
            packet.build_bytes_vec().unwrap()
        })
        .collect()
}

fn record<'a>(name: &str, data: RData<'a>) -> ResourceRecord<'a> {
    ResourceRecord::new(Name::new_unchecked(name).into_owned(), CLASS::IN, 120, data)
}

fn ptr(name: &str) -> RData<'static> {
    RData::PTR(PTR(Name::new_unchecked(name).into_owned()))
}

fn srv(target: &str) -> RData<'static> {
    let target = Name::new_unchecked(target).into_owned();
    RData::SRV(SRV { priority: 0, weight: 0, port: 18789, target })
}

fn txt(entries: &[Vec<u8>]) -> RData<'_> {
    let add = |txt: TXT<'static>, entry: &Vec<u8>| {
        txt.with_char_string(CharacterString::new(entry).unwrap().into_owned())
    };
    RData::TXT(entries.iter().fold(TXT::new(), add))
}

/// Answers every question for gateways with all that strangers say, and with a crowd besides, until the process ends.
pub(crate) fn answer_by_mdns() {
    let socket = UdpSocket::bind(("0.0.0.0", 5353)).unwrap();
    socket.join_multicast_v4(&MULTICAST, &Ipv4Addr::new(10, 77, 0, 1)).unwrap();
    let mut all = descriptions("local");
    all.extend((0..200).map(|i| gateway(&format!("crowd-{i}"), "crowd.local", &[b"role=gateway"])));
    let packets = packets(&all, "local");
    println!("ready");
    let mut buffer = [0; 9000];
    loop {
        let (read, _) = socket.recv_from(&mut buffer).unwrap();
        let asked = Packet::parse(&buffer[..read])
            .is_ok_and(|p| !p.has_flags(PacketFlag::RESPONSE) && !p.questions.is_empty());
        if asked {
            for packet in &packets {
                socket.send_to(packet, (MULTICAST, 5353)).unwrap();
            }
        }
    }
}

/// A DNS server for `gw.internal`, until the process ends. One description is too long for UDP; `silent.internal` is never
/// answered, `refused.internal` is refused, and each answer comes behind one to another question.
pub(crate) fn answer_by_dns() {
    let listener = TcpListener::bind(DNS).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut question).unwrap();
            let answer = answer(&question, true).unwrap();
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length[..], &answer].concat()).unwrap();
        }
    });
    let socket = UdpSocket::bind(DNS).unwrap();
    println!("ready");
    let mut buffer = [0; 4096];
    loop {
        let (read, from): (usize, SocketAddr) = socket.recv_from(&mut buffer).unwrap();
        if let Some(answer) = answer(&buffer[..read], false) {
            let mut forged = answer.clone();
            forged[0] ^= 0xff;
            socket.send_to(b"nonsense", from).unwrap();
            socket.send_to(&forged, from).unwrap();
            socket.send_to(&answer, from).unwrap();
        }
    }
}

fn answer(question: &[u8], whole: bool) -> Option<Vec<u8>> {
    let asked = Packet::parse(question).unwrap();
    let name = asked.questions[0].qname.to_string();
    let kind = asked.questions[0].qtype;
    let mut packet = Packet::parse(question).unwrap().into_reply();
    if name.ends_with("silent.internal") {
        return None;
    }
    if name.ends_with("refused.internal") {
        *packet.rcode_mut() = simple_dns::RCODE::Refused;
        return Some(packet.build_bytes_vec().unwrap());
    }
    let all = descriptions("gw.internal");
    let service = "_openclaw-gw._tcp.gw.internal";
    let one = all.iter().find(|one| name == format!("{}.{service}", one.name));
    let datas: Vec<RData<'_>> = match (kind, one) {
        (QTYPE::TYPE(TYPE::PTR), _) => {
            all.iter().map(|one| ptr(&format!("{}.{service}", one.name))).collect()
        }
        (QTYPE::TYPE(TYPE::SRV), Some(one)) => vec![srv(&one.target)],
        (QTYPE::TYPE(TYPE::TXT), Some(one)) => vec![txt(&one.txt)],
        (QTYPE::TYPE(TYPE::A), None) => vec![RData::A(A { address: 0x6440_0007 })],
        _ => Vec::new(),
    };
    packet.answers.extend(datas.into_iter().map(|data| record(&name, data)));
    let bytes = packet.build_bytes_vec().unwrap();
    if whole || bytes.len() <= 1232 {
        return Some(bytes);
    }
    packet.answers.clear();
    packet.set_flags(PacketFlag::TRUNCATION);
    Some(packet.build_bytes_vec().unwrap())
}
