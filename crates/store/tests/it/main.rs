//! The store by its public door, on real files.
// Helpers of tests may fail by panic, as tests do; clippy knows only the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod approvals;
mod audit;
mod channels;
mod crash;
mod cron;
mod devices;
mod nodes;
mod opening;
mod pairing_property;
mod runs;
mod session_edits;
mod sessions;
mod setup;
mod support;
mod tool_calls;
