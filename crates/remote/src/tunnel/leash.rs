//! The leash on ssh: it ends with whoever started it, even when that is killed with -9.
//!
//! A supervisor does not start ssh itself but this program again, as a *leash*. On Linux the leash asks the kernel for a
//! signal at its parent's death and becomes ssh (`exec`), so that one process is left. Where there is no such signal, it
//! stays: it starts ssh, and ends it when its own standard input ends, which happens when the supervisor is gone.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// The first argument of a leash, after whatever leads to it: which way it works.
const BECOME: &str = "become";
pub(super) const STAY: &str = "stay";

/// Whether a leash stays a process beside ssh on this system.
pub(super) const STAYS: bool = !cfg!(target_os = "linux");

/// How a supervisor starts ssh.
#[derive(Debug, Clone)]
pub(super) struct Leash {
    /// This program, or the small one (`program`).
    pub program: PathBuf,
    /// What leads it to [`run_leash`].
    pub lead: Vec<OsString>,
}

impl Leash {
    /// A command that runs `ssh` with these arguments and ends with the calling thread's process. Its standard input has
    /// to be a pipe that is held open.
    pub(super) fn command(&self, ssh: &std::path::Path, arguments: &[OsString]) -> Command {
        self.command_by(if STAYS { STAY } else { BECOME }, ssh, arguments)
    }

    pub(super) fn command_by(&self, way: &str, ssh: &std::path::Path, arguments: &[OsString]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.lead).arg(way).arg(std::process::id().to_string()).arg(ssh).args(arguments);
        command
    }
}

/// What the leash does, with the arguments that follow its lead. Does not return where it becomes ssh.
///
/// # Errors
/// The arguments are none of a leash, the parent is gone already, or ssh cannot be started.
pub(super) fn run_leash(arguments: impl IntoIterator<Item = OsString>) -> io::Result<i32> {
    let mut arguments = arguments.into_iter();
    let way = arguments.next().unwrap_or_default();
    let parent = arguments.next().and_then(|pid| pid.to_str()?.parse::<i32>().ok());
    let (Some(parent), Some(ssh)) = (parent, arguments.next()) else {
        return Err(io::Error::other("this is for the tunnel's own use; try: openclaw remote up"));
    };
    let mut ssh = Command::new(ssh);
    ssh.args(arguments);
    match way.to_str() {
        Some(BECOME) => {
            bind_to_parent(parent)?;
            // Gives an error, or never comes back.
            Err(ssh.exec())
        }
        Some(STAY) => stay(ssh),
        _ => Err(io::Error::other("this is for the tunnel's own use; try: openclaw remote up")),
    }
}

#[cfg(target_os = "linux")]
fn bind_to_parent(parent: i32) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    // Not one that could be put off: a stopped ssh must go, too. It survives exec.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before this was asked for.
    match getppid() {
        Some(pid) if pid.as_raw_nonzero().get() == parent => Ok(()),
        _ => Err(io::Error::other("the supervisor is gone")),
    }
}

#[cfg(not(target_os = "linux"))]
fn bind_to_parent(_parent: i32) -> io::Result<()> {
    Err(io::Error::other("this system has no signal for a parent's death"))
}

/// Runs ssh until it ends, or until standard input does.
fn stay(mut ssh: Command) -> io::Result<i32> {
    use std::io::Read;
    let mut child = ssh.stdin(std::process::Stdio::null()).spawn()?;
    let id = child.id();
    let pid = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
    // Ends with this process, which ends when ssh does.
    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(io::stdin().lock().read(&mut byte), Ok(1..)) {}
        if let Some(pid) = pid {
            // Its own child, which has not been waited for as long as this process lives.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    Ok(child.wait()?.code().unwrap_or(255))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_that_is_none_of_a_leash_starts_nothing() {
        for line in [&[][..], &["become"], &["become", "x", "/bin/true"], &["hold", "1", "/bin/true"]] {
            let error = run_leash(line.iter().map(OsString::from)).unwrap_err().to_string();
            assert!(error.contains("openclaw remote up"), "{line:?}: {error}");
        }
        // Process 1 is not the parent of a test; or there is none to be bound to.
        let error = run_leash(["become", "1", "/bin/true"].map(OsString::from)).unwrap_err();
        assert!(error.to_string().contains("supervisor") || cfg!(not(target_os = "linux")), "{error}");
    }
}
