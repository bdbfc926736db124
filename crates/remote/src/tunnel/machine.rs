//! What a tunnel does next, as a function of what happened: no clock, no process, no socket.
//!
//! Times are milliseconds of a clock that never goes back. Whoever drives it hands in each [`Event`] and does the
//! [`Step`]s in their order; [`Machine::due`] says when [`Event::Due`] is wanted.

use std::fmt;

/// How a tunnel is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// ssh was started and the far gateway has not answered yet.
    Connecting,
    /// The far gateway answers.
    Up,
    /// ssh runs and the far gateway does not answer.
    Degraded,
    /// No ssh runs; the next try is soon.
    BackingOff,
    /// ssh or sshd said something that another try does not change.
    Refused,
}

impl Phase {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Connecting => "connecting",
            Phase::Up => "up",
            Phase::Degraded => "degraded",
            Phase::BackingOff => "backing-off",
            Phase::Refused => "refused",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// ssh reached its server, or hands the way there to another program.
    Linked,
    /// ssh is let in and listens on the local port.
    Listening,
    /// The far gateway sent its challenge through the tunnel.
    Answered,
    /// It did not.
    NoAnswer {
        /// What that tells about the way there.
        way: Way,
        /// What is known about it.
        reason: String,
    },
    /// ssh ended, or could not be started.
    Ended {
        /// Whether another try would end in the same way.
        lasting: bool,
        /// Why.
        reason: String,
    },
    /// The time that [`Machine::due`] named has come.
    Due,
    /// The network changed, or this host woke up.
    PathChanged,
    /// Somebody asks for a try at once.
    TryNow,
    /// The tunnel is to be another one from now on.
    Changed,
}

/// What a probe without an answer tells about the way to the far host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It is good: a refusal came back, or ssh took in what was asked, or much else meanwhile.
    Good,
    /// Nothing came back, and ssh did not take in what was asked: it stands still, or waits for its server.
    Dead,
    /// Nothing came back, and that is all that is known.
    Silent,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Start ssh.
    Start,
    /// End ssh and forget it: its end is no event any more, and neither is a probe's result.
    Stop,
    /// Ask the far gateway for its challenge, for so many milliseconds at most, in place of asking that is under way; exactly one
    /// [`Event::Answered`] or [`Event::NoAnswer`] follows.
    Probe(u64),
}

/// The far gateway is asked so often while it answers: with the time that it has, an ssh that stands still is found within 7 s.
pub(super) const PROBE_EVERY: u64 = 3_500;
/// It has so long to answer. A path that is slower than that is none to work over.
const PROBE_WITHIN: u64 = 3_500;
/// The same after the network changed: what was open before is most likely dead, and asking again costs little.
const HURRIED_PROBE: u64 = 1_200;
/// And once more, before an ssh is given up that may only have lost a packet or two to the change.
const HURRIED_AGAIN: u64 = 800;
/// ssh has so long to reach its server when it is patient: a little less than a command waits, which then ends with the reason.
const PATIENT_LINK: u64 = 9_000;
/// And so long when it is not: after a cut, the first packet that comes through should be a new one, since TCP sends the
/// lost one again ever more rarely.
const HASTY_LINK: u64 = 2_000;
/// Every so many tries ssh is patient, for servers that are far away, and for slow names.
const PATIENT_EVERY: u32 = 6;
/// The same for a server that was reached in half of the hasty time before.
const PATIENT_EVERY_NEAR: u32 = 30;
/// ssh has so long to be let in: a hardware key may have to be touched.
const LOGIN_WITHIN: u64 = 60_000;
/// And so long once the network has changed, where nobody is asked anything: its connection is most likely dead.
const LOGIN_AFTER_CHANGE: u64 = 5_000;
/// After so long up, what was before counts no more.
const FORGIVEN_AFTER: u64 = 60_000;
/// The shortest and the longest wait before another try.
const SHORTEST_WAIT: u64 = 250;
const LONGEST_WAIT: u64 = 30_000;
/// Waits grow with the outage: a sixtieth of it.
const SHARE_OF_OUTAGE: u64 = 60;
/// After a lasting refusal: rarely enough for those who ban addresses after a few bad tries.
const REFUSED_WAIT: u64 = 300_000;
/// A network that changes all the time must not make refused tries more frequent than this.
const REFUSED_PATIENCE: u64 = 60_000;
/// An ssh is given up after a silence of a tenth of the time without answers, where that is longer than what it has otherwise.
const SHARE_OF_SILENCE: u64 = 10;
/// A new ssh is not replaced within this time, however often the network changes.
const YOUNG: u64 = 500;

/// The state of one tunnel.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    phase: Phase,
    since: u64,
    reason: String,
    due: u64,
    ssh: bool,
    linked: bool,
    probing: bool,
    hurried: bool,
    /// Whether ssh may ask somebody.
    asks: bool,
    /// Whether the server was reached quickly the last time.
    near: bool,
    started_at: u64,
    asked_at: u64,
    outage: Option<u64>,
    /// When the far gateway answered last, at the latest.
    left_up: u64,
    silent_since: Option<u64>,
    tries: u32,
    starts: u64,
}

/// No time at all: something else is awaited.
const NEVER: u64 = u64::MAX;

impl Machine {
    /// A tunnel that begins now; the first step is [`Step::Start`]. With `asks`, ssh may ask somebody for something.
    pub(super) fn begin(now: u64, asks: bool) -> (Self, Vec<Step>) {
        let mut machine = Self {
            phase: Phase::Connecting,
            since: now,
            reason: "starting".to_owned(),
            due: NEVER,
            ssh: false,
            linked: false,
            probing: false,
            hurried: false,
            asks,
            near: false,
            started_at: now,
            asked_at: now,
            outage: Some(now),
            left_up: now,
            silent_since: None,
            tries: 0,
            starts: 0,
        };
        let steps = machine.start(now, "ssh connects".to_owned());
        (machine, steps)
    }

    /// How it is doing.
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Since when it has been in this phase.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    /// Why it is in this phase.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    /// When [`Event::Due`] is wanted; far away where something else is awaited.
    pub(super) fn due(&self) -> u64 {
        self.due
    }

    /// Whether [`Event::Due`] ends an ssh now that has not reached its server, or has not been let in, in time.
    pub(super) fn gives_up(&self, now: u64) -> bool {
        self.phase == Phase::Connecting && now >= self.due
    }

    /// How often ssh was started.
    pub(super) fn starts(&self) -> u64 {
        self.starts
    }

    /// Takes in what happened. `jitter` is any random number.
    pub(super) fn on(&mut self, now: u64, event: Event, jitter: u64) -> Vec<Step> {
        match event {
            Event::Linked => self.on_linked(now),
            Event::Listening if self.ssh && !self.probing => self.probe(now, PROBE_WITHIN),
            Event::Listening => Vec::new(),
            Event::Answered => self.on_answer(now),
            Event::NoAnswer { way, reason } => self.on_no_answer(now, way, reason, jitter),
            Event::Ended { lasting, reason } => self.on_end(now, lasting, reason, jitter),
            Event::Due => self.on_due(now, jitter),
            Event::PathChanged => self.on_path(now),
            Event::TryNow => self.on_try_now(now),
            Event::Changed => self.restart(now, "the configuration changed".to_owned()),
        }
    }

    fn on_linked(&mut self, now: u64) -> Vec<Step> {
        if self.ssh && !self.linked {
            self.linked = true;
            self.near = now - self.started_at <= HASTY_LINK / 2;
            if self.phase == Phase::Connecting && !self.probing {
                self.due = now + LOGIN_WITHIN;
                self.reason = "ssh logs in".to_owned();
            }
        }
        Vec::new()
    }

    fn on_answer(&mut self, now: u64) -> Vec<Step> {
        if !self.ssh || !self.probing {
            return Vec::new();
        }
        (self.probing, self.hurried, self.silent_since, self.tries) = (false, false, None, 0);
        self.enter(now, Phase::Up, "the gateway answers".to_owned());
        self.due = now + PROBE_EVERY;
        Vec::new()
    }

    fn on_no_answer(&mut self, now: u64, way: Way, reason: String, jitter: u64) -> Vec<Step> {
        if !self.ssh || !self.probing {
            return Vec::new();
        }
        self.probing = false;
        self.enter(now, Phase::Degraded, reason);
        if way == Way::Good {
            (self.hurried, self.silent_since) = (false, None);
        } else {
            let since = *self.silent_since.get_or_insert(self.asked_at);
            if now - since >= self.given_up_after(now, way) {
                let reason = format!("{}; ssh connects anew", self.reason);
                return self.restart(now, reason);
            }
            if self.hurried {
                return self.probe(now, if way == Way::Dead { HURRIED_AGAIN } else { PROBE_WITHIN });
            }
        }
        self.due = now + wait(self.outage_at(now), jitter).min(PROBE_EVERY);
        Vec::new()
    }

    /// The silence after which another ssh has better prospects than this one. Where it is not known what ssh took in, one more
    /// probe has to be lost.
    fn given_up_after(&self, now: u64, way: Way) -> u64 {
        let silence = match (way, self.hurried) {
            (Way::Dead, true) => HURRIED_PROBE + HURRIED_AGAIN,
            (Way::Dead, false) => PROBE_WITHIN,
            (_, true) => HURRIED_PROBE + PROBE_WITHIN,
            (_, false) => 2 * PROBE_WITHIN,
        };
        silence.max((now - self.left_up) / SHARE_OF_SILENCE)
    }

    fn on_end(&mut self, now: u64, lasting: bool, reason: String, jitter: u64) -> Vec<Step> {
        if !self.ssh {
            return Vec::new();
        }
        self.no_ssh();
        self.rest(now, lasting, reason, jitter);
        Vec::new()
    }

    /// Waits without ssh.
    fn rest(&mut self, now: u64, lasting: bool, reason: String, jitter: u64) {
        let phase = if lasting { Phase::Refused } else { Phase::BackingOff };
        self.enter(now, phase, reason);
        let wait = if lasting { spread(REFUSED_WAIT, jitter) } else { wait(self.outage_at(now), jitter) };
        self.due = now + wait;
    }

    /// How long ago it was up for a whole minute.
    fn outage_at(&self, now: u64) -> u64 {
        now - self.outage.unwrap_or(now)
    }

    fn on_due(&mut self, now: u64, jitter: u64) -> Vec<Step> {
        if now < self.due {
            return Vec::new();
        }
        match self.phase {
            Phase::BackingOff | Phase::Refused => {
                let reason = format!("another try, because {}", self.reason);
                self.start(now, reason)
            }
            Phase::Up | Phase::Degraded => self.probe(now, PROBE_WITHIN),
            Phase::Connecting => {
                let stage = if self.linked { "let this host in" } else { "answer" };
                let took = now - self.started_at;
                self.no_ssh();
                let reason = format!("the ssh server did not {stage} within {} s", took / 1000);
                self.rest(now, false, reason, jitter);
                // Nobody was bothered: the try itself was a part of the wait.
                let left = (self.due - now).saturating_sub(took).max(SHORTEST_WAIT);
                self.due = now + left;
                vec![Step::Stop]
            }
        }
    }

    fn on_path(&mut self, now: u64) -> Vec<Step> {
        let why = || "the network changed".to_owned();
        match self.phase {
            Phase::BackingOff => self.start(now, why()),
            Phase::Refused if now - self.since >= REFUSED_PATIENCE => self.start(now, why()),
            Phase::Refused => Vec::new(),
            Phase::Connecting if !self.linked && now - self.started_at >= YOUNG => self.restart(now, why()),
            Phase::Connecting if self.linked && !self.probing && !self.asks => {
                self.due = self.due.min(now + LOGIN_AFTER_CHANGE);
                Vec::new()
            }
            Phase::Degraded if self.silent_for(now) >= HURRIED_PROBE + HURRIED_AGAIN => {
                self.restart(now, why())
            }
            Phase::Connecting if !self.probing => Vec::new(),
            // It began after a change.
            Phase::Connecting | Phase::Up | Phase::Degraded if self.hurried => Vec::new(),
            // One that is under way may tell of the way before.
            Phase::Connecting | Phase::Up | Phase::Degraded => {
                self.hurried = true;
                self.probe(now, HURRIED_PROBE)
            }
        }
    }

    /// For how long nothing has come back.
    fn silent_for(&self, now: u64) -> u64 {
        now - self.silent_since.unwrap_or(now)
    }

    fn on_try_now(&mut self, now: u64) -> Vec<Step> {
        // Somebody is there, and does not want to wait for what was before.
        (self.tries, self.outage) = (0, (self.phase != Phase::Up).then_some(now));
        match self.phase {
            Phase::BackingOff | Phase::Refused => self.start(now, "asked for".to_owned()),
            Phase::Up | Phase::Degraded if !self.probing => self.probe(now, PROBE_WITHIN),
            Phase::Up | Phase::Degraded | Phase::Connecting => Vec::new(),
        }
    }

    fn probe(&mut self, now: u64, within: u64) -> Vec<Step> {
        (self.probing, self.asked_at) = (true, now);
        self.due = NEVER;
        vec![Step::Probe(within)]
    }

    fn restart(&mut self, now: u64, reason: String) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.ssh {
            self.no_ssh();
            steps.push(Step::Stop);
        }
        steps.extend(self.start(now, reason));
        steps
    }

    fn start(&mut self, now: u64, reason: String) -> Vec<Step> {
        self.enter(now, Phase::Connecting, reason);
        (self.ssh, self.linked, self.started_at) = (true, false, now);
        let every = if self.near { PATIENT_EVERY_NEAR } else { PATIENT_EVERY };
        let patient = (self.starts == 0) || self.tries % every == every - 1;
        self.due = now + if patient { PATIENT_LINK } else { HASTY_LINK };
        self.tries = self.tries.wrapping_add(1);
        self.starts += 1;
        vec![Step::Start]
    }

    fn no_ssh(&mut self) {
        (self.ssh, self.linked, self.probing, self.hurried) = (false, false, false, false);
        self.silent_since = None;
    }

    /// Goes into a phase, or gives another reason for the one that it is in.
    fn enter(&mut self, now: u64, phase: Phase, reason: String) {
        self.reason = reason;
        if self.phase == phase {
            return;
        }
        if self.phase == Phase::Up {
            self.left_up = now;
        }
        match (self.phase, phase) {
            (Phase::Up, _) if now - self.since >= FORGIVEN_AFTER => self.outage = Some(now),
            (_, Phase::Up) => {}
            _ => {
                self.outage.get_or_insert(now);
            }
        }
        (self.phase, self.since) = (phase, now);
    }
}

/// How long to wait when it has not worked for `outage`.
fn wait(outage: u64, jitter: u64) -> u64 {
    spread((outage / SHARE_OF_OUTAGE).clamp(SHORTEST_WAIT, LONGEST_WAIT), jitter)
}

/// The time, a fifth more or less, so that many clients of one server do not come all at once.
fn spread(time: u64, jitter: u64) -> u64 {
    time * 4 / 5 + jitter % (time * 2 / 5 + 1)
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
