//! Looking up a domain by DNS-SD: who is there (PTR), where (SRV, A, AAAA), and what they say of themselves (TXT).

use super::{Beacon, DiscoveryError, dns};
use protocol::discovery::SERVICE;
use simple_dns::rdata::RData;
use simple_dns::{Packet, TYPE};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::Instant;

/// Gateways of a domain that are asked about: four questions each.
const MAX_INSTANCES: usize = 16;
/// One question. A server that does not answer must leave time for the next.
const QUESTION: Duration = Duration::from_millis(1500);

/// Whom to ask, about what, until when.
struct Look<'a> {
    domain: &'a str,
    servers: &'a [SocketAddr],
    until: Instant,
}

pub(super) async fn look_up(
    domain: &str,
    servers: &[SocketAddr],
    within: Duration,
) -> Result<Vec<Beacon>, DiscoveryError> {
    if servers.is_empty() {
        return Err(DiscoveryError::NoServer(domain.to_owned()));
    }
    let look = Look { domain, servers, until: Instant::now() + within };
    let answer = look.ask(&format!("{SERVICE}.{domain}"), TYPE::PTR).await?;
    let names = records(&answer, |data| match data {
        RData::PTR(name) => Some(name.0.to_string()),
        _ => None,
    });
    let mut beacons = Vec::new();
    for name in names.into_iter().take(MAX_INSTANCES) {
        // One that is described badly hides none of the others.
        if let Some(beacon) = look.instance(&name).await {
            beacons.push(beacon);
        }
    }
    beacons.sort_by(|one, other| one.instance.cmp(&other.instance));
    Ok(beacons)
}

impl Look<'_> {
    async fn ask(&self, name: &str, kind: TYPE) -> Result<Vec<u8>, DiscoveryError> {
        let mut problem = "the time is over".to_owned();
        for server in self.servers {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match dns::ask(*server, name, kind, left.min(QUESTION)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => problem = error,
            }
        }
        Err(DiscoveryError::Dns { domain: self.domain.to_owned(), problem })
    }

    async fn instance(&self, name: &str) -> Option<Beacon> {
        let srv = self.ask(name, TYPE::SRV).await.ok()?;
        let (host, port) = records(&srv, |data| match data {
            RData::SRV(srv) => Some((srv.target.to_string(), srv.port)),
            _ => None,
        })
        .into_iter()
        .next()?;
        let mut addresses = Vec::new();
        for kind in [TYPE::A, TYPE::AAAA] {
            if let Ok(answer) = self.ask(&host, kind).await {
                addresses.extend(records(&answer, |data| match data {
                    RData::A(a) => Some(IpAddr::from(a.address.to_be_bytes())),
                    RData::AAAA(aaaa) => Some(IpAddr::from(aaaa.address.to_be_bytes())),
                    _ => None,
                }));
            }
        }
        let mut beacon = Beacon::new(name, self.domain, &host, port, addresses)?;
        if let Ok(answer) = self.ask(name, TYPE::TXT).await {
            let entries = records(&answer, |data| match data {
                RData::TXT(txt) => Some(
                    txt.iter_raw()
                        .map(|(key, value)| {
                            (String::from_utf8_lossy(key).into_owned(), value.unwrap_or_default().to_vec())
                        })
                        .collect::<Vec<_>>(),
                ),
                _ => None,
            });
            for (key, value) in entries.into_iter().flatten() {
                beacon.hint(&key, &value);
            }
        }
        Some(beacon)
    }
}

/// What is wanted of the records of an answer.
fn records<T>(answer: &[u8], pick: impl Fn(&RData<'_>) -> Option<T>) -> Vec<T> {
    let Ok(packet) = Packet::parse(answer) else { return Vec::new() };
    packet.answers.iter().filter_map(|record| pick(&record.rdata)).collect()
}
