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

/// `(session, run)` of a log line about a run that was cut.
fn cut_run(line: &str) -> Option<(String, String)> {
    let (_, fields) = line.split_once("a run was cut")?;
    let field = |name: &str| {
        let (_, value) = fields.split_once(&format!(" {name}="))?;
        Some(value.split_whitespace().next()?.to_owned())
    };
    Some((field("session")?, field("run")?))
}
