//! Which gateway a command or a node comes to, and what it proves itself with.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod credential_order;
mod discovery;
mod joining;
mod targets;
mod tls;

#[path = "../support/far.rs"]
mod far;
#[path = "../support/live.rs"]
mod live;
#[path = "../support/namespaces.rs"]
mod namespaces;
#[path = "../support/stranger.rs"]
mod stranger;
#[path = "../support/mod.rs"]
mod support;
