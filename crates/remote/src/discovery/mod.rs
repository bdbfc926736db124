//! Finding gateways: by mDNS in this network, and by DNS-SD in a domain. Whatever is found is a hint by somebody who has
//! proven nothing: it is bounded and cleaned here, and no secret goes to it by itself.

mod beacon;
mod dns;
mod mdns;
mod wide_area;

pub use beacon::Beacon;
pub use dns::nameservers;

use std::net::SocketAddr;
use std::time::Duration;

/// Gateways that are listed at most: whoever answers more often than that is none.
pub const MAX_BEACONS: usize = 64;

/// Why nobody could be looked for.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The system gives no sockets for multicast.
    #[error("cannot look for gateways in this network by mDNS: {0}")]
    Mdns(String),
    /// No DNS server was found to ask.
    #[error(
        "no DNS server is known to ask about {0}: /etc/resolv.conf names none; name one with --nameserver"
    )]
    NoServer(String),
    /// The DNS server does not answer, or not with what was asked for.
    #[error("cannot look for gateways in {domain}: {problem}")]
    Dns {
        /// The domain.
        domain: String,
        /// What is wrong.
        problem: String,
    },
}

/// Those that answer by mDNS within this time, by name.
///
/// # Errors
/// See [`DiscoveryError`].
pub async fn nearby(within: Duration) -> Result<Vec<Beacon>, DiscoveryError> {
    mdns::browse(within).await
}

/// Those that a domain names, by name. `servers` are asked in their order.
///
/// # Errors
/// See [`DiscoveryError`].
pub async fn in_domain(
    domain: &str,
    servers: &[SocketAddr],
    within: Duration,
) -> Result<Vec<Beacon>, DiscoveryError> {
    wide_area::look_up(domain, servers, within).await
}
