//! Does what the [`Machine`] says, and tells it what came of it.

use super::argv::{Manner, cannot_fork, ssh_arguments};
use super::holders::Holders;
use super::machine::{Event, Machine, Phase, Step, Way};
use super::path_watch::PathWatch;
use super::process::{Said, Ssh, find_ssh};
use super::stderr::{self, Progress};
use super::supervisor::Supervise;
use super::verdict::Verdict;
use super::wire::{Parting, Status};
use super::{TunnelSpec, ports};
use client::{ConnectError, Unanswered};
use serde_json::json;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// The longest single wait; whatever is due later is looked at again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// The same while it is not up: that this host slept is noticed after a wait, and is a reason to try at once.
const LONGEST_WAIT_DOWN: Duration = Duration::from_secs(2);
/// What ssh says of a connection that failed comes at the same time as the failure.
const EXPLAINED_WITHIN: Duration = Duration::from_millis(100);

/// An ssh that reads so much in the time of a probe is busy, and the probe waits behind the rest.
const BUSY: u64 = 64 * 1024;

type Probe = Pin<Box<dyn Future<Output = Result<(), Unanswered>> + Send>>;

/// The state of one supervised tunnel.
pub(super) struct Driver {
    setup: Supervise,
    machine: Machine,
    ssh: Option<Ssh>,
    probe: Option<Probe>,
    /// What ssh had taken in when the probe began.
    taken_in: Option<u64>,
    /// Whether this ssh could go into the background, as far as is known.
    forks: bool,
    port: u16,
    /// Whether that port is one that others may go by: this tunnel had it before, or an ssh of it listened there. Then it stays.
    settled: bool,
    note: Option<String>,
    verdict: Option<Verdict>,
    epoch: Instant,
    since: (Phase, u64, i64),
    path: PathWatch,
    holders: Arc<Holders>,
    status: watch::Sender<Status>,
}

/// What woke the driver.
pub(super) enum Wake {
    Said(Said),
    Probed(Result<(), Unanswered>),
    Due,
    Path,
}

impl Driver {
    /// A driver that has not begun, and where its status can be read.
    pub(super) fn new(setup: Supervise, holders: Arc<Holders>) -> (Self, watch::Receiver<Status>) {
        let (machine, _) = Machine::begin(0, setup.ask);
        let since_ms = setup.clock.now_ms();
        let (status, reader) = watch::channel(Status {
            state: machine.phase(),
            since_ms,
            reason: machine.reason().to_owned(),
            refusal: None,
            fix: None,
            target: setup.spec.target.to_string(),
            remote_port: setup.spec.remote_port,
            local_port: 0,
            note: None,
            pid: std::process::id(),
            ssh_pid: None,
            starts: 0,
            was_up: false,
            kept: setup.keep,
            holders: Vec::new(),
        });
        let driver = Self {
            path: PathWatch::begin(setup.clock.clone()),
            since: (machine.phase(), 0, since_ms),
            machine,
            ssh: None,
            probe: None,
            taken_in: None,
            forks: true,
            port: 0,
            settled: false,
            note: None,
            verdict: None,
            epoch: Instant::now(),
            holders,
            status,
            setup,
        };
        (driver, reader)
    }

    /// Whether it stays when nobody holds it.
    pub(super) fn is_kept(&self) -> bool {
        self.setup.keep
    }

    /// Starts ssh for the first time.
    pub(super) async fn begin(&mut self) {
        self.note(&format!("a tunnel to {}, port {}", self.setup.spec.target, self.setup.spec.remote_port));
        let (machine, steps) = Machine::begin(self.now(), self.setup.ask);
        self.machine = machine;
        self.carry_out(VecDeque::new(), steps).await;
    }

    /// Deals with what happened. Not to be given up half-way.
    pub(super) async fn handle(&mut self, wake: Wake) {
        if self.path.slept() {
            self.note("this host slept, or its clock was set");
            self.feed(Event::PathChanged).await;
        }
        match wake {
            Wake::Due => self.feed(Event::Due).await,
            Wake::Path => self.feed(Event::PathChanged).await,
            Wake::Said(Said::Lines(lines)) => self.on_lines(&lines).await,
            Wake::Said(Said::Ended(status)) => {
                let Some(mut ssh) = self.ssh.take() else { return };
                self.probe = None;
                let words = ssh.last_words().await;
                let verdict = self.meaning(&words, status.ok());
                self.on_end(verdict).await;
            }
            Wake::Probed(Ok(())) => {
                self.probe = None;
                self.verdict = None;
                if let Some(ssh) = &mut self.ssh {
                    ssh.forget_words();
                }
                self.feed(Event::Answered).await;
            }
            Wake::Probed(Err(error)) => {
                self.probe = None;
                self.on_no_answer(&error).await;
            }
        }
    }

    /// Waits for the next thing that happens. Giving this up loses nothing.
    pub(super) async fn wake(&mut self) -> Wake {
        let longest = if self.machine.phase() == Phase::Up { LONGEST_WAIT } else { LONGEST_WAIT_DOWN };
        let wait = Duration::from_millis(self.machine.due().saturating_sub(self.now())).min(longest);
        let due = Instant::now() + wait;
        tokio::select! {
            said = said(&mut self.ssh) => Wake::Said(said),
            probed = probed(&mut self.probe) => Wake::Probed(probed),
            () = sleep_until(due) => Wake::Due,
            () = self.path.changed() => Wake::Path,
        }
    }

    /// Becomes this tunnel, if it is another one.
    pub(super) async fn be(&mut self, spec: TunnelSpec, keep: bool) {
        self.setup.keep |= keep;
        if spec == self.setup.spec {
            if keep {
                self.try_now().await;
            }
        } else {
            if spec.local_port != self.setup.spec.local_port {
                (self.port, self.settled) = (0, false);
            }
            self.setup.spec = spec;
            self.note("it is to be another tunnel from now on");
            self.feed(Event::Changed).await;
        }
        self.publish();
    }

    /// Tries at once.
    pub(super) async fn try_now(&mut self) {
        self.feed(Event::TryNow).await;
    }

    /// Stays no longer; whether it ends now.
    pub(super) fn down(&mut self, force: bool, answer: oneshot::Sender<Parting>) -> bool {
        self.setup.keep = false;
        let holders = self.holders.all();
        let ends = force || holders.is_empty();
        // Whoever asked may be gone; it ends all the same.
        let _ = answer.send(Parting { ends, holders });
        self.publish();
        ends
    }

    /// Ends ssh.
    pub(super) async fn end(mut self) {
        self.probe = None;
        if let Some(ssh) = self.ssh.take() {
            ssh.end().await;
        }
        self.note("ended");
    }

    async fn on_lines(&mut self, lines: &[String]) {
        for line in lines {
            if stderr::is_said(line) {
                self.log(&json!({"at": self.setup.clock.now_ms(), "ssh": line}));
            }
            match stderr::progress(line) {
                Some(Progress::Linked) => self.feed(Event::Linked).await,
                Some(Progress::Listening) => {
                    self.settled = true;
                    self.feed(Event::Listening).await;
                }
                None => {}
            }
        }
    }

    /// What the end of ssh means, with these last words. What is met at the first start alone is told by nobody but the log: the
    /// next try does without it.
    fn meaning(&mut self, words: &[String], status: Option<ExitStatus>) -> Verdict {
        if self.forks && words.iter().any(|word| cannot_fork(word)) {
            self.forks = false;
            return Verdict::older_ssh();
        }
        let verdict = Verdict::of_end(&self.setup.spec.asked(self.port), words, status);
        if verdict.is_of_the_port() && !self.settled {
            return Verdict::quicker(self.port);
        }
        verdict
    }

    async fn on_end(&mut self, verdict: Verdict) {
        let event = Event::Ended { lasting: verdict.lasting, reason: verdict.reason.clone() };
        self.verdict = Some(verdict);
        self.feed(event).await;
    }

    async fn on_no_answer(&mut self, unanswered: &Unanswered) {
        let way = self.way_after(unanswered);
        let silent = matches!(unanswered.error, ConnectError::Timeout { .. });
        let mut words = Vec::new();
        if let Some(ssh) = self.ssh.as_mut().filter(|_| !silent) {
            // What it says now belongs to this answer; a line that comes later is read as any other.
            if let Ok(Said::Lines(lines)) = timeout(EXPLAINED_WITHIN, ssh.next_lines()).await {
                for line in lines.iter().filter(|line| stderr::is_said(line)) {
                    self.log(&json!({"at": self.setup.clock.now_ms(), "ssh": line}));
                }
            }
            words = self.ssh.as_ref().map(Ssh::words).unwrap_or_default();
        }
        let verdict = Verdict::of_silence(&self.setup.spec.asked(self.port), &words, &unanswered.error);
        if verdict.lasting {
            if let Some(ssh) = self.ssh.take() {
                ssh.end().await;
            }
            return self.on_end(verdict).await;
        }
        let event = Event::NoAnswer { way, reason: verdict.reason.clone() };
        self.verdict = Some(verdict);
        self.feed(event).await;
    }

    /// What a probe without an answer tells about the way there. ssh takes in what is asked once its server has opened the
    /// channel for it.
    fn way_after(&self, unanswered: &Unanswered) -> Way {
        let now = self.ssh.as_ref().and_then(Ssh::taken_in);
        let is_busy = now.zip(self.taken_in).is_some_and(|(now, before)| now.saturating_sub(before) >= BUSY);
        match (&unanswered.error, unanswered.heard) {
            (ConnectError::Timeout { .. }, Some(true)) => Way::Good,
            (ConnectError::Timeout { .. }, _) if is_busy => Way::Good,
            (ConnectError::Timeout { .. }, Some(false)) => Way::Dead,
            (ConnectError::Timeout { .. }, None) => Way::Silent,
            _ => Way::Good,
        }
    }

    /// Hands an event to the machine, and does what it says.
    async fn feed(&mut self, event: Event) {
        self.carry_out(VecDeque::from([event]), Vec::new()).await;
    }

    async fn carry_out(&mut self, mut events: VecDeque<Event>, mut steps: Vec<Step>) {
        loop {
            for step in steps {
                events.extend(self.perform(step).await);
            }
            self.publish();
            let Some(event) = events.pop_front() else { return };
            let now = self.now();
            if event == Event::Due && self.machine.gives_up(now) {
                // ssh is ended before it says so itself.
                self.verdict = Some(Verdict::late(&self.setup.spec.asked(self.port)));
            }
            steps = self.machine.on(now, event, random());
        }
    }

    async fn perform(&mut self, step: Step) -> Option<Event> {
        match step {
            Step::Probe(within) => {
                let url = self.setup.spec.url_at(self.port);
                let within = Duration::from_millis(within);
                self.taken_in = self.ssh.as_ref().and_then(Ssh::taken_in);
                self.probe = Some(Box::pin(async move { client::challenge(&url, within).await }));
                None
            }
            Step::Stop => {
                self.probe = None;
                if let Some(ssh) = self.ssh.take() {
                    ssh.end().await;
                }
                None
            }
            Step::Start => match self.start().await {
                Ok(ssh) => {
                    self.ssh = Some(ssh);
                    None
                }
                Err(verdict) => {
                    let event = Event::Ended { lasting: verdict.lasting, reason: verdict.reason.clone() };
                    self.verdict = Some(verdict);
                    Some(event)
                }
            },
        }
    }

    async fn start(&mut self) -> Result<Ssh, Verdict> {
        let ssh = find_ssh(self.setup.path.as_deref()).ok_or_else(Verdict::no_ssh)?;
        if let Some(identity) = &self.setup.spec.identity
            && !identity.exists()
            && !public_half(identity).exists()
        {
            return Err(Verdict::no_identity(identity));
        }
        self.take_port().await?;
        let manner = Manner { asks: self.setup.ask, forks: self.forks };
        let line = ssh_arguments(&self.setup.spec, self.port, manner);
        Ssh::start(&self.setup.leash, &ssh, &line, self.setup.ask).map_err(|error| Verdict::no_start(&error))
    }

    /// Makes sure of the local port: once others may go by it, it stays. Where somebody took a new one between choice and ssh, another
    /// is chosen.
    async fn take_port(&mut self) -> Result<(), Verdict> {
        if self.settled {
            if ports::comes_free(self.port).await {
                return Ok(());
            }
            return Err(Verdict::port_taken(self.port, &ports::holder(self.port).await));
        }
        let (place, spec) = (&self.setup.place, &self.setup.spec);
        let before = place.port(spec.local_port);
        if let Some(before) = before.filter(|_| self.port == 0) {
            // The ssh of before may be about to let go of it.
            ports::comes_free(before).await;
        }
        let choice = ports::choose(place, spec.target.to_string(), spec.local_port).await;
        let choice = choice.map_err(Verdict::no_port)?;
        if let Some(error) = choice.forgotten {
            self.note(&format!("the port could not be remembered: {error}"));
        }
        if let Some(note) = &choice.note {
            self.note(note);
        }
        if choice.port != self.port {
            self.settled = self.port == 0 && before == Some(choice.port);
            (self.port, self.note) = (choice.port, choice.note);
        }
        Ok(())
    }

    /// Tells everybody how it is doing, where that changed.
    pub(super) fn publish(&mut self) {
        let (phase, since) = (self.machine.phase(), self.machine.since());
        if (self.since.0, self.since.1) != (phase, since) {
            self.since = (phase, since, self.setup.clock.now_ms());
        }
        let bad = self.verdict.as_ref().filter(|_| phase != Phase::Up);
        let status = Status {
            state: phase,
            since_ms: self.since.2,
            reason: self.machine.reason().to_owned(),
            refusal: bad.and_then(|verdict| verdict.code.map(str::to_owned)),
            fix: bad.and_then(|verdict| verdict.fix.clone()),
            target: self.setup.spec.target.to_string(),
            remote_port: self.setup.spec.remote_port,
            local_port: self.port,
            note: self.note.clone(),
            pid: std::process::id(),
            ssh_pid: self.ssh.as_ref().and_then(Ssh::pid),
            starts: self.machine.starts(),
            was_up: phase == Phase::Up || self.status.borrow().was_up,
            kept: self.setup.keep,
            holders: self.holders.all(),
        };
        let before = self.status.borrow().clone();
        if before == status {
            return;
        }
        if (before.state, &before.reason) != (status.state, &status.reason) {
            let at = self.setup.clock.now_ms();
            self.log(&json!({"at": at, "state": status.state, "reason": status.reason}));
        }
        self.status.send_replace(status);
    }

    /// Writes a line about what this supervisor does.
    pub(super) fn note(&self, text: &str) {
        self.log(&json!({"at": self.setup.clock.now_ms(), "note": text}));
    }

    fn log(&self, line: &serde_json::Value) {
        // A tunnel is worth more than its log: on a full disk it works on without one.
        let _ = self.setup.place.append(&line.to_string());
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

async fn said(ssh: &mut Option<Ssh>) -> Said {
    match ssh {
        Some(ssh) => ssh.next().await,
        None => std::future::pending().await,
    }
}

async fn probed(probe: &mut Option<Probe>) -> Result<(), Unanswered> {
    match probe {
        Some(probe) => probe.await,
        None => std::future::pending().await,
    }
}

/// `FILE.pub`, which is enough where an agent has the key; of `id.work`, too.
fn public_half(identity: &Path) -> PathBuf {
    let mut name = identity.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// Spreads the tries of many; without randomness they are merely not spread.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_half_of_a_key_lies_beside_it_whatever_it_is_called() {
        for (key, half) in [("/k/id_ed25519", "/k/id_ed25519.pub"), ("/k/id.work", "/k/id.work.pub")] {
            assert_eq!(public_half(Path::new(key)), Path::new(half));
        }
    }
}
