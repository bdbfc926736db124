//! Jobs that run by themselves: one task that sleeps until the next is due, and what happens when it is.
//!
//! A run begins with one commit (the job's next time, the open run, and the message or line that it consists of) and ends
//! with one (its entry, the job after it). What the agent does between the two is a run as any other, so a crash at any
//! point finds the run open, takes it up where it is, and reports it once.

mod beats;
pub(crate) mod begin;
mod catch_up;
mod end;
pub(crate) mod input;
pub(crate) mod ops;
pub(crate) mod schedule;
mod scheduler;
pub(crate) mod target;
pub(crate) mod tool;
pub(crate) mod wire;

pub(crate) use scheduler::{prepare, run};

use crate::shared::Shared;
use jiff::tz::TimeZone;
use model::SessionKey;
use model::cron::Job;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

/// Jobs that there may be: each is looked at when it is due, and all of them in a list.
pub(crate) const MAX_JOBS: usize = 1000;

/// What the parts of the scheduler share.
#[derive(Default)]
pub(crate) struct Cron {
    wake: Notify,
    /// Runs that were asked for since the start.
    asked: AtomicU64,
    /// Whether what was missed before the start has been looked at.
    caught_up: AtomicBool,
    /// Whether a job waits for what it had to say to be sent; the next look finds those that wait since before a start.
    awaits_sending: AtomicBool,
}

impl Cron {
    /// Something about the jobs has changed, or somebody is to be woken: the scheduler looks again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// A message has been sent: a job that waited for that may go.
    pub(crate) fn sent(&self) {
        if self.awaits_sending.load(Ordering::Acquire) {
            self.wake();
        }
    }

    fn next_asked(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// The agent that does a job.
pub(crate) fn agent_of(shared: &Shared, job: &Job) -> String {
    let of_session = || job.session_key.as_deref().and_then(|key| key.split(':').nth(1));
    let named = job.agent_id.as_deref().or_else(of_session);
    named.map_or_else(|| shared.settings().default_agent.clone(), str::to_owned)
}

/// The session that a job was made in.
fn origin_of(job: &Job) -> Option<SessionKey> {
    job.session_key.as_deref().and_then(|key| SessionKey::parse(key).ok())
}

/// The first time of a job after this one.
fn next_of(job: &Job, after_ms: i64) -> Option<i64> {
    schedule::next(&job.schedule, &job.id, after_ms, &TimeZone::system())
}
