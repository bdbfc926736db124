//! What goes over the socket and the port beside it: frames as recorded, limits, who may call what.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod about;
mod authority;
mod contract;
mod drop_in;
mod handshake;
mod probe;
mod protocol_limits;
mod recorded;
mod sizes;

#[path = "../flow/mod.rs"]
mod flow;
#[path = "../support/mod.rs"]
mod support;
