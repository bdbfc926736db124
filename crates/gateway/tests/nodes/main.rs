//! Nodes: their tools, files, progress, and what waits for them.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod captures;
mod files;
mod pending;
mod progress;
mod tools;

#[path = "../flow/mod.rs"]
mod flow;
#[path = "../support/mod.rs"]
mod support;
