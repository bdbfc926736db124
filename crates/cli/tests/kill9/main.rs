//! What is left when whole programs are killed while they work.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod jobs;
mod main_job;
mod messages;

#[path = "../support/live.rs"]
mod live;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/verdict.rs"]
mod verdict;
#[path = "../support/world.rs"]
mod world;
