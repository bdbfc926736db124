//! Who is let in: credentials, pairing, tokens, certificates, what stands before the gateway.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod identity;
mod pairing;
mod pairing_any_order;
mod secrets;
mod tls;
mod tokens;

#[path = "../flow/mod.rs"]
mod flow;
#[path = "../support/mod.rs"]
mod support;
