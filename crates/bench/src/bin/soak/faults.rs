//! What can happen to a tunnel. Each fault ends with the path being good again; from then on the time counts.

use crate::failure::{Failure, Result};
use rustix::process::Signal;
use std::time::Duration;
use testkit::far::Far;
use testkit::process::Descendant;
use tokio::time::Instant;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The cable is out for so many seconds.
    Unplug(u64),
    /// Nothing comes through for so many seconds, and nobody is told.
    Swallow(u64),
    /// The far host's sshd and all sessions end and start again.
    RestartSshd,
    /// Sessions end, as when a server drops its clients.
    EndSessions,
    /// `systemctl restart ssh`: the listener alone.
    RestartListener,
    /// `kill -9` for ssh.
    KillSsh,
    /// ssh hangs.
    StopSsh,
    /// The supervisor stands still for so many seconds, as when a laptop sleeps, and its ssh loses the session.
    StopSupervisor(u64),
    /// `kill -9` for the supervisor; somebody opens the tunnel anew.
    KillSupervisor,
    /// Another gateway in place of the far one.
    ReplaceGateway,
    /// Another address.
    Move,
}

/// Numbers from a seed (splitmix64): good enough to choose by, the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

impl Fault {
    /// What is checked of every change: each kind once, in two and a half minutes.
    pub(crate) const EACH: &[Fault] = &[
        Self::Unplug(1),
        Self::Unplug(10),
        Self::Unplug(60),
        Self::Swallow(10),
        Self::RestartSshd,
        Self::EndSessions,
        Self::RestartListener,
        Self::KillSsh,
        Self::StopSsh,
        Self::StopSupervisor(30),
        Self::KillSupervisor,
        Self::ReplaceGateway,
        Self::Move,
    ];

    /// Chooses one; long cuts are rarer, since they take so long.
    pub(crate) fn choose(random: &mut Random, long: bool) -> Self {
        let seconds = match random.below(20) {
            0 if long => 60,
            0..=3 => 10,
            _ => 1,
        };
        match random.below(11) {
            0 => Self::Unplug(seconds),
            1 => Self::Swallow(seconds),
            2 => Self::RestartSshd,
            3 => Self::EndSessions,
            4 => Self::RestartListener,
            5 => Self::KillSsh,
            6 => Self::StopSsh,
            7 => Self::StopSupervisor(if long && seconds > 1 { 30 } else { seconds }),
            8 => Self::KillSupervisor,
            9 => Self::ReplaceGateway,
            _ => Self::Move,
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Unplug(seconds) => format!("cable out, {seconds} s"),
            Self::Swallow(seconds) => format!("silence, {seconds} s"),
            Self::RestartSshd => "sshd restarted, sessions gone".to_owned(),
            Self::EndSessions => "sessions gone".to_owned(),
            Self::RestartListener => "sshd's listener restarted".to_owned(),
            Self::KillSsh => "kill -9 ssh".to_owned(),
            Self::StopSsh => "ssh hangs".to_owned(),
            Self::StopSupervisor(seconds) => format!("supervisor stopped, {seconds} s, session gone"),
            Self::KillSupervisor => "kill -9 supervisor, remote up".to_owned(),
            Self::ReplaceGateway => "far gateway replaced".to_owned(),
            Self::Move => "another address".to_owned(),
        }
    }

    /// How soon the tunnel has to be back.
    pub(crate) fn back_within(self) -> Duration {
        Duration::from_secs(match self {
            // Nobody tells; it is found by its silence, within 7 s.
            Self::StopSsh => 9,
            // What was open before may live on, and is given 2 s for it.
            Self::Move => 3,
            _ => 2,
        })
    }

    /// Lets it happen; since when the path has been good again.
    pub(crate) fn strike(self, far: &mut Far) -> Result<Instant> {
        let pass = |seconds| std::thread::sleep(Duration::from_secs(seconds));
        match self {
            Self::Unplug(seconds) => {
                far.hosts.unplug();
                pass(seconds);
                far.hosts.plug();
            }
            Self::Swallow(seconds) => {
                far.hosts.swallow();
                pass(seconds);
                far.hosts.let_through();
            }
            Self::RestartSshd => far.sshd.restart(),
            Self::EndSessions => far.sshd.end_sessions(),
            Self::RestartListener => {
                far.sshd.stop();
                far.sshd.start_again();
            }
            Self::KillSsh => part(far, "sshPid")?.kill(),
            Self::StopSsh => part(far, "sshPid")?.signal(Signal::STOP),
            Self::StopSupervisor(seconds) => {
                let supervisor = part(far, "pid")?;
                supervisor.signal(Signal::STOP);
                far.sshd.end_sessions();
                pass(seconds);
                supervisor.signal(Signal::CONT);
            }
            Self::KillSupervisor => {
                part(far, "pid")?.kill();
                let begun = Instant::now();
                far.near_json(&["remote", "up"]);
                return Ok(begun);
            }
            Self::ReplaceGateway => {
                far.kill_gateway();
                far.start_gateway();
            }
            Self::Move => far.hosts.move_near(),
        }
        Ok(Instant::now())
    }
}

/// A process of the tunnel.
fn part(far: &Far, name: &str) -> Result<Descendant> {
    let tunnel = far.tunnel();
    let id = tunnel[name].as_u64().and_then(|id| u32::try_from(id).ok());
    id.and_then(Descendant::of).ok_or_else(|| Failure::new(format!("the tunnel has no {name}: {tunnel}")))
}
