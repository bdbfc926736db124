//! A systemd of one user, running for one test: the real one, in a mount and PID namespace of its own and in a cgroup of
//! its own, so that nothing of it touches the host or outlives the test.

#![allow(clippy::unwrap_used, clippy::panic, dead_code)] // Each test file uses its share of these.

use crate::live::Program;
use crate::support::{Home, Ran};
use std::path::PathBuf;
use std::process::Command;

/// Run as the namespace's first process. systemd wants to see that the host was booted with it, and gets a `/run` where
/// it looks so.
const SCRIPT: &str = r#"
set -eu
for at in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  [ -e "$at/cgroup.procs" ] || continue
  mkdir -p "$at/$GROUP" && echo $$ > "$at/$GROUP/cgroup.procs"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
/usr/lib/systemd/systemd --user &
until systemctl --user show-environment >/dev/null 2>&1; do
  kill -0 $! || exit 1
done
echo '{"ready":true}'
wait
"#;

/// The running systemd. Dropping it ends it and all that it started.
pub(crate) struct Systemd {
    program: Option<Program>,
    runtime: PathBuf,
    group: String,
    inside: u32,
}

impl Systemd {
    /// Starts one for the user with this home, and waits until it is up.
    pub(crate) fn start(home: &Home) -> Self {
        let runtime = home.path().join("run");
        std::fs::create_dir(&runtime).unwrap();
        let group = format!("openclaw-test-{}-{:p}", std::process::id(), home);
        let mut command = Command::new("setpriv");
        command
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .args(["bash", "-c", SCRIPT])
            .env_clear()
            .envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("GROUP", &group), ("LC_ALL", "C")])
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", &runtime);
        let program = Program::start("systemd --user", command);
        program.wait_for_json("its readiness", |line| (line["ready"] == true).then_some(()));
        let children = format!("/proc/{0}/task/{0}/children", program.pid());
        let inside = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
        Self { program: Some(program), runtime, group, inside }
    }

    /// A program of this build among those that this systemd manages, not yet started.
    pub(crate) fn command(&self, home: &Home, args: &[&str]) -> Command {
        let inside = self.inside.to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &inside, "--mount", "--pid", env!("CARGO_BIN_EXE_openclaw")]);
        self.dress(&mut command, home);
        command.args(args);
        command
    }

    fn dress(&self, command: &mut Command, home: &Home) {
        command
            .env_clear()
            .env("PATH", crate::live::PATH)
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", &self.runtime)
            .current_dir(home.path())
            .stdin(std::process::Stdio::null());
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, home: &Home, args: &[&str]) -> Ran {
        self.command(home, args).output().unwrap().into()
    }

    /// Runs `systemctl --user` and gives what it says.
    pub(crate) fn systemctl(&self, home: &Home, args: &[&str]) -> Ran {
        self.tool(home, &[&["systemctl", "--user", "--no-pager"], args].concat())
    }

    /// Runs one of the system's tools and gives what it says.
    pub(crate) fn tool(&self, home: &Home, argv: &[&str]) -> Ran {
        let inside = self.inside.to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &inside, "--mount", "--pid"]).args(argv);
        self.dress(&mut command, home);
        command.output().unwrap().into()
    }

    /// One property of a unit.
    pub(crate) fn property(&self, home: &Home, unit: &str, name: &str) -> String {
        self.systemctl(home, &["show", unit, "--value", "--property", name]).out.trim().to_owned()
    }

    /// Sends a signal to a process by its number in there.
    pub(crate) fn signal(&self, signal: &str, pid: &str) {
        let inside = self.inside.to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &inside, "--mount", "--pid", "kill", signal, pid]);
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // The namespace's first process takes all others with it, and has ended when they are gone.
        let killed = Command::new("kill").args(["-KILL", &self.inside.to_string()]).status();
        if killed.is_ok_and(|status| status.success())
            && let Some(program) = self.program.take()
        {
            program.ended();
        }
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
        for group in roots.map(|root| PathBuf::from(root).join(&self.group)) {
            remove_groups(&group);
        }
    }
}

/// Removes a cgroup and those in it. What cannot be removed is empty and harmless.
fn remove_groups(group: &std::path::Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_groups(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(group);
}
