//! Sessions: made, read, changed, ended.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod control;
mod ends;
mod reading;
mod sessions;

#[path = "../flow/mod.rs"]
mod flow;
