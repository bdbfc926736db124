//! What becomes of messages that arrive while a session's turn runs. A pure state machine: the caller owns the tasks.
//!
//! The rules. A message joins a running turn ([`QueueMode::Steer`]) or a waiting one ([`QueueMode::Collect`]) only
//! where both are answered to the same place: an answer must reach the one who asked. A submission without a reply
//! route (an RPC) needs an answer of its own and is never merged. Messages of one route are never overtaken by later
//! ones of the same route, whatever their modes.

use std::collections::VecDeque;
use std::str::FromStr;

/// What a message does that arrives while a turn runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueMode {
    /// It joins the running turn when the next tool ends.
    #[default]
    Steer,
    /// It gets a turn of its own, afterwards.
    FollowUp,
    /// All that arrive in a row get one turn together, afterwards.
    Collect,
    /// It is next, and ends the running turn where that answers to the same place.
    Interrupt,
}

/// The text is no queue mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a queue mode; messages.queue.mode may be steer, followup, collect or interrupt")]
pub struct QueueModeError(pub String);

impl FromStr for QueueMode {
    type Err = QueueModeError;

    fn from_str(text: &str) -> Result<Self, QueueModeError> {
        match text {
            "steer" => Ok(QueueMode::Steer),
            "followup" => Ok(QueueMode::FollowUp),
            "collect" => Ok(QueueMode::Collect),
            "interrupt" => Ok(QueueMode::Interrupt),
            other => Err(QueueModeError(other.chars().take(80).collect())),
        }
    }
}

/// Something to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission<T> {
    /// The run that answers it; unique in the session.
    pub run_id: String,
    /// Where the reply goes, such as `telegram:default:777`; `None` for an RPC, which is answered itself.
    pub route: Option<String>,
    /// What it is.
    pub payload: T,
}

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// Nothing runs: call [`SessionQueue::start_next`].
    Start,
    /// It waits for a turn.
    Queued {
        /// How many were waiting when it came, itself included: 1 is next.
        position: usize,
    },
    /// It joins the running turn: [`SessionQueue::take_steering`] gives it.
    Steering,
    /// Abort the running turn; it is next.
    Interrupts,
    /// Too many are waiting. It was dropped; tell the sender to try later.
    Refused,
}

#[derive(Debug)]
struct Entry<T> {
    /// Order of arrival.
    seq: u64,
    mode: QueueMode,
    submission: Submission<T>,
}

#[derive(Debug)]
struct Running {
    run_ids: Vec<String>,
    route: Option<String>,
}

/// The messages of one session that are not answered yet.
#[derive(Debug)]
pub struct SessionQueue<T> {
    cap: usize,
    next_seq: u64,
    running: Option<Running>,
    /// In order of arrival. Short (`cap`), so that searching it beats keeping it in order of execution.
    pending: VecDeque<Entry<T>>,
    /// For the running turn, in order of arrival.
    steering: VecDeque<Entry<T>>,
}

impl<T> SessionQueue<T> {
    /// An idle queue in which at most `cap` submissions wait; 200 is far more than a person sends meanwhile, and
    /// bounds what a runaway client can pile up.
    pub fn new(cap: usize) -> Self {
        Self { cap, next_seq: 0, running: None, pending: VecDeque::new(), steering: VecDeque::new() }
    }

    /// Takes a submission in and says what to do about it.
    pub fn submit(&mut self, submission: Submission<T>, mode: QueueMode) -> Submitted {
        if self.len() >= self.cap {
            return Submitted::Refused;
        }
        let mode = match (&submission.route, mode) {
            (None, QueueMode::Steer | QueueMode::Collect) => QueueMode::FollowUp,
            (_, mode) => mode,
        };
        let steers = mode == QueueMode::Steer && self.joins_running(submission.route.as_deref());
        let route = submission.route.clone();
        let entry = Entry { seq: self.next_seq, mode, submission };
        self.next_seq += 1;
        if steers {
            self.steering.push_back(entry);
            return Submitted::Steering;
        }
        self.pending.push_back(entry);
        match (&self.running, mode) {
            (None, _) => Submitted::Start,
            // Nobody silences the answer to somebody else: from another route an interrupt is only next.
            (Some(running), QueueMode::Interrupt) if running.route == route => Submitted::Interrupts,
            (Some(_), _) => Submitted::Queued { position: self.pending.len() },
        }
    }

    /// Whether a message of this route may join the running turn: same route, and none of it waits already.
    fn joins_running(&self, route: Option<&str>) -> bool {
        route.is_some()
            && self.running.as_ref().is_some_and(|r| r.route.as_deref() == route)
            && !self.pending.iter().any(|e| e.submission.route.as_deref() == route)
    }

    /// The submissions of the next turn, which counts as running from here on until [`SessionQueue::finished`]. `None`
    /// while a turn runs or nothing waits. More than one only where they were collected.
    pub fn start_next(&mut self) -> Option<Vec<Submission<T>>> {
        if self.running.is_some() {
            return None;
        }
        let at = self.next_index();
        let first = self.pending.remove(at)?;
        let route = first.submission.route.clone();
        let collects = first.mode == QueueMode::Collect;
        let mut turn = vec![first.submission];
        while collects
            && self
                .pending
                .get(at)
                .is_some_and(|e| e.mode == QueueMode::Collect && e.submission.route == route)
        {
            turn.extend(self.pending.remove(at).map(|e| e.submission));
        }
        self.running = Some(Running { run_ids: turn.iter().map(|s| s.run_id.clone()).collect(), route });
        Some(turn)
    }

    /// The first interrupt goes first, behind what its route was waiting for already; then the order of arrival.
    fn next_index(&self) -> usize {
        let Some(at) = self.pending.iter().position(|e| e.mode == QueueMode::Interrupt) else { return 0 };
        let route = self.pending.get(at).and_then(|e| e.submission.route.as_deref());
        if route.is_none() {
            return at;
        }
        self.pending.iter().position(|e| e.submission.route.as_deref() == route).unwrap_or(at)
    }

    /// What has arrived to steer the running turn, in order of arrival. All of it has the turn's route.
    pub fn take_steering(&mut self) -> Vec<Submission<T>> {
        self.steering.drain(..).map(|e| e.submission).collect()
    }

    /// Gives steering back that could not be taken in: it comes before whatever has arrived since.
    pub fn give_back_steering(&mut self, submissions: Vec<Submission<T>>) {
        for submission in submissions.into_iter().rev() {
            self.steering.push_front(Entry { seq: 0, mode: QueueMode::Steer, submission });
        }
    }

    /// The turn has ended. Steering that it did not take gets turns of its own, in the order of arrival.
    pub fn finished(&mut self) {
        self.running = None;
        self.pending.extend(self.steering.drain(..));
        self.pending.make_contiguous().sort_by_key(|e| e.seq);
    }

    /// Takes out something that waits, to abort it. `None` where it does not wait (any more).
    pub fn remove(&mut self, run_id: &str) -> Option<Submission<T>> {
        for queue in [&mut self.pending, &mut self.steering] {
            if let Some(at) = queue.iter().position(|e| e.submission.run_id == run_id) {
                return queue.remove(at).map(|e| e.submission);
            }
        }
        None
    }

    /// Whether a turn runs.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The run of the running turn: of its first submission, where several were collected.
    pub fn running_run_id(&self) -> Option<&str> {
        self.running_run_ids().first().map(String::as_str)
    }

    /// The runs of all submissions that the running turn began with.
    pub fn running_run_ids(&self) -> &[String] {
        self.running.as_ref().map_or(&[], |r| &r.run_ids)
    }

    /// The runs that wait, steering included, in no particular order.
    pub fn waiting_run_ids(&self) -> impl Iterator<Item = &str> {
        self.pending.iter().chain(&self.steering).map(|e| e.submission.run_id.as_str())
    }

    /// How many wait, steering included.
    pub fn len(&self) -> usize {
        self.pending.len() + self.steering.len()
    }

    /// Whether nothing waits. A turn may still run.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
