//! What happens without being asked: jobs, heartbeats, wake words.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod cron;
mod cron_bounds;
mod heartbeat;
mod voice_wake;

#[path = "../flow/mod.rs"]
mod flow;
#[path = "../support/mod.rs"]
mod support;
