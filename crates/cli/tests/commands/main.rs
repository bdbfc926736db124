//! Commands by their outcome: against a gateway, against recorded answers, and without one.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod against_recorded;
mod agents;
mod approvals;
mod calls;
mod command_line;
mod config;
mod cron;
mod dead_letters;
mod gateway_run;
mod local_files;
mod mcp;
mod mcp_login;
mod models_probe;
mod node_devices;
mod node_mcp;
mod node_output;
mod one_look;
mod pairing;
mod refusals;
mod sessions;
mod tail;

#[path = "../support/live.rs"]
mod live;
#[path = "../support/recorded.rs"]
mod recorded;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world.rs"]
mod world;
