//! The agent: its turns, tools, approvals and files, and the configuration that it runs by.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agent_files;
mod agent_turn;
mod agents;
mod approval_rules;
mod approvals;
mod audit;
mod config;
mod restart;
mod terminal;
mod tools;
mod world;

#[path = "../flow/mod.rs"]
mod flow;
#[path = "../support/mod.rs"]
mod support;
