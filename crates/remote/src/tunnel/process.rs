//! One ssh: started on a [`Leash`], watched, ended by its handle.

use super::leash::{self, Leash};
use super::stderr::Lines;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::time::timeout;

/// How long ssh has between SIGTERM and SIGKILL: it ends its own helpers in that time.
const GRACE: Duration = Duration::from_secs(2);
/// How long its last words are read after its end; a helper that outlived it may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A running ssh.
pub(super) struct Ssh {
    child: Child,
    /// Held open for a leash that stays: its end is the end of ssh.
    stdin: Option<ChildStdin>,
    /// Whether this is such a leash. A signal would end it alone, and leave ssh with the port.
    stays: bool,
    lines: Lines<ChildStderr>,
    /// Whether it leads a process group of its own.
    leads: bool,
}

/// What became of it.
pub(super) enum Said {
    /// It said something.
    Lines(Vec<String>),
    /// It ended.
    Ended(io::Result<ExitStatus>),
}

impl Ssh {
    /// Starts ssh. With `ask` it may ask on the terminal of this process.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(leash: &Leash, ssh: &Path, line: &[OsString], ask: bool) -> io::Result<Self> {
        Self::start_by(leash.command(ssh, line), leash::STAYS, ask)
    }

    fn start_by(command: std::process::Command, stays: bool, ask: bool) -> io::Result<Self> {
        let mut command = Command::from(command);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        // Reading from a terminal is for the foreground's group alone.
        if !ask {
            command.process_group(0);
        }
        for (name, _) in std::env::vars_os() {
            // Nothing of ours is ssh's business, least of all a token.
            if name.to_string_lossy().starts_with("OPENCLAW_") {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn()?;
        let stderr = child.stderr.take().ok_or_else(|| io::Error::other("ssh has no standard error"))?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, stays, lines: Lines::new(stderr), leads: !ask })
    }

    /// The process, as long as it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// How many bytes it has read so far, from its server and from those who use the tunnel; nothing where the system does not
    /// tell (`/proc/PID/io`).
    pub(super) fn taken_in(&self) -> Option<u64> {
        let counts = std::fs::read_to_string(format!("/proc/{}/io", self.pid()?)).ok()?;
        counts.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok())
    }

    /// Waits for what it says or for its end. Giving this up loses nothing.
    pub(super) async fn next(&mut self) -> Said {
        tokio::select! {
            biased;
            lines = self.lines.next() => Said::Lines(lines),
            status = self.child.wait() => Said::Ended(status),
        }
    }

    /// The next lines, whether or not it runs on.
    pub(super) async fn next_lines(&mut self) -> Said {
        Said::Lines(self.lines.next().await)
    }

    /// Forgets what it said so far: it is about what is over.
    pub(super) fn forget_words(&mut self) {
        self.lines.forget();
    }

    /// All that it said lately, once it has ended.
    pub(super) async fn last_words(&mut self) -> Vec<String> {
        // What comes after that is somebody else's.
        let _ = timeout(LAST_WORDS, self.lines.finish()).await;
        self.lines.kept()
    }

    /// What it said lately, without waiting.
    pub(super) fn words(&self) -> Vec<String> {
        self.lines.kept()
    }

    /// Ends it: SIGTERM, or a leash's end of input, and SIGKILL for all of its group after 2 s.
    pub(super) async fn end(mut self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let Some(pid) = pid else { return };
        drop(self.stdin.take());
        if !self.stays {
            // It has not been waited for, so that the number is its own. An error says that it is gone. One that was stopped
            // hears it when it goes on.
            let _ = kill_process(pid, Signal::TERM);
            let _ = kill_process(pid, Signal::CONT);
        }
        if timeout(GRACE, self.child.wait()).await.is_err() {
            if self.leads {
                let _ = kill_process_group(pid, Signal::KILL);
            }
            // SIGKILL fails only for what is gone.
            let _ = self.child.kill().await;
        }
    }
}

/// The system's ssh: the first in the absolute directories of `PATH`.
pub(super) fn find_ssh(path: Option<&str>) -> Option<PathBuf> {
    std::env::split_paths(path?)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("ssh"))
        .find(|p| is_program(p))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does what a leash that stays does.
    const LEASH: &str = r#""$3" "$4" & echo $! >&2; cat; kill -9 $!; wait"#;

    #[tokio::test]
    async fn what_a_leash_holds_ends_with_it() {
        let leash =
            Leash { program: "/bin/sh".into(), lead: ["-c", LEASH, "leash"].map(OsString::from).into() };
        let command = leash.command_by(leash::STAY, Path::new("/bin/sleep"), &["1000".into()]);
        let mut ssh = Ssh::start_by(command, true, false).unwrap();
        let Said::Lines(lines) = ssh.next().await else { panic!("it ended") };
        let stat = format!("/proc/{}/stat", lines[0]);
        assert!(std::fs::exists(&stat).unwrap(), "{lines:?}");
        ssh.end().await;
        // Nobody may have asked how it ended.
        let left = std::fs::read_to_string(&stat).ok().filter(|stat| !stat.contains(") Z "));
        assert_eq!(left, None);
    }
}
