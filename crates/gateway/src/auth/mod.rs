//! Who may connect: origins, proxies, rate limits, the shared secret, device proofs and device tokens.
//! What a connection may do afterwards is decided in [`crate::connection::handshake`] from what was verified here.

pub(crate) mod device;
mod host;
pub(crate) mod origin;
pub(crate) mod peer;
pub(crate) mod proxy;
pub(crate) mod rate_limit;
pub(crate) mod rules;
pub(crate) mod secret;
