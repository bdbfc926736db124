//! Rows about scheduled jobs, as the rest of the program sees them. All times are ms since the Unix epoch.

use model::cron::{Job, RunOutcome};
use model::{Inbound, Outbound, SessionKey};
use serde_json::Value;

/// A job as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// The job.
    pub job: Job,
    /// Changes with it.
    pub revision: i64,
    /// The run under way.
    pub running: Option<String>,
}

/// What became of a new job.
#[derive(Debug, Clone, PartialEq)]
pub enum AddedJob {
    /// It is there.
    Yes(Box<JobRow>),
    /// A job with its declaration key is there already.
    Declared,
    /// There are too many.
    Full,
}

/// The beginning of a run: the job as it stands from then on, and what the run consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct StartCronRun {
    /// Unique for ever; the agent's run has it too.
    pub run_id: String,
    /// The job, with the state that it has from here on.
    pub job: Job,
    /// The revision at which it was read.
    pub revision: i64,
    /// The agent that does it.
    pub agent_id: String,
    /// The session in which it happens.
    pub session_key: Option<SessionKey>,
    /// When it begins.
    pub started_at_ms: i64,
    /// The message that the agent is to answer.
    pub inbound: Option<Inbound>,
    /// The line that waits for the session's next turn.
    pub event: Option<String>,
    /// Whether that line wakes the agent.
    pub wakes: bool,
    /// The wake that this run answers; over with it.
    pub woken_by: Option<i64>,
    /// How a run that is over with this ended, and its entry.
    pub end: Option<(RunOutcome, Value)>,
    /// Whether the job goes with a run that is over with this.
    pub remove_job: bool,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCronRun {
    /// Its id.
    pub run_id: String,
    /// The job, which may be gone.
    pub job_id: String,
    /// The job's name when it began.
    pub job_name: String,
    /// The agent that does it.
    pub agent_id: String,
    /// The session in which it happens.
    pub session_key: Option<String>,
    /// When it began.
    pub started_at_ms: i64,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct EndCronRun {
    /// Its id.
    pub run_id: String,
    /// How it ended.
    pub status: RunOutcome,
    /// `not-requested`, `not-delivered`, or `outbox` for what became of its rows there.
    pub delivery: &'static str,
    /// What `cron.runs` shows.
    pub entry: Value,
    /// The job after it, and the revision at which it was read; `None` where it is gone.
    pub job: Option<(Job, i64)>,
    /// What becomes of the job.
    pub after: AfterRun,
    /// What is told about it.
    pub outbox: Vec<Outbound>,
}

/// What becomes of a job when a run of it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRun {
    /// It stays.
    Keep,
    /// It goes.
    Remove,
    /// It goes once everything that the run had to say has been sent.
    RemoveOnceSent,
}

/// Whether a run was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By this call.
    Now,
    /// By an earlier one; nothing was changed.
    Before,
    /// Not yet: the job was changed meanwhile. Read it again.
    Stale,
}

/// Which ended runs to list. Empty lists and `None` ask for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this job.
    pub job_id: Option<String>,
    /// Of this agent.
    pub agent_id: Option<String>,
    /// This one.
    pub run_id: Option<String>,
    /// That ended so.
    pub statuses: Vec<String>,
    /// Whose answer was delivered so.
    pub deliveries: Vec<String>,
    /// Whose job's name, summary or error holds this.
    pub query: Option<String>,
    /// The oldest first.
    pub ascending: bool,
    /// At most so many.
    pub limit: usize,
    /// Leaving out so many at the beginning.
    pub offset: usize,
}

/// A page of ended runs.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<CronRun>,
    /// How many there are in all.
    pub total: i64,
}

/// An ended run.
#[derive(Debug, Clone, PartialEq)]
pub struct CronRun {
    /// What was known at its end.
    pub entry: Value,
    /// What has become of its answer: `delivered`, `not-delivered`, `unknown` or `not-requested`.
    pub delivery: String,
    /// Why it was not delivered, where the platform said so.
    pub delivery_error: Option<String>,
}

/// A session in which something has happened that its agent is to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    /// Another one for each time that it is asked for.
    pub id: i64,
    /// The session.
    pub key: SessionKey,
}

/// A line that waits for a session's next turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemEvent {
    /// Counts up.
    pub id: i64,
    /// The line.
    pub text: String,
    /// When it came.
    pub at_ms: i64,
}
