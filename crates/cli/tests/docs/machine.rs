//! A computer for the walks: with a network, processes, a systemd of its user, a `/root` and names of other computers that are
//! its own. Commands are typed there as they stand on the pages. Nothing of it touches the host or outlives the test.

use crate::live::{PATIENCE, Program};
use crate::seat::Seat;
use crate::support::Ran;
use serde_json::Value;
use std::cell::RefCell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use testkit::netns::Host;
use tokio::time::Instant;

/// Run as the first process. systemd wants to see that the host was booted with it, and gets a `/run` where it looks so. In place
/// of an editor, `nano` writes what the pages say that is to be written with it.
const BOOT: &str = r#"
set -eu
for at in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  [ -e "$at/cgroup.procs" ] || continue
  mkdir -p "$at/$GROUP" && echo $$ > "$at/$GROUP/cgroup.procs"
done
mount --bind "$PLACE/root" /root
mount --bind "$PLACE/passwd" /etc/passwd
mount --bind "$PLACE/hosts" /etc/hosts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /home
mount -t tmpfs tmpfs /usr/local
mkdir /usr/local/bin
touch /usr/local/bin/openclaw
mount --bind "$PROGRAM" /usr/local/bin/openclaw
printf '#!/bin/sh\necho ANTHROPIC_API_KEY=sk-of-a-test >> "$1"\n' > /usr/local/bin/nano
chmod 755 /usr/local/bin/nano
mkdir -p /run/systemd/system /run/user/0 /run/sshd
chmod 700 /run/user/0
hostname "$NAME"
cp /etc/skel/.profile /root
cd /root
/usr/lib/systemd/systemd --user &
until systemctl --user show-environment >/dev/null 2>&1; do
  kill -0 $! || exit 1
done
echo ready
wait
"#;
/// What a login gives.
const LOGIN: [(&str, &str); 5] = [
    ("HOME", "/root"),
    ("USER", "root"),
    ("PATH", "/root/.local/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("XDG_RUNTIME_DIR", "/run/user/0"),
    ("LC_ALL", "C.UTF-8"),
];
/// Who is typing longer than this types in vain.
const PATIENCE_S: &str = "90";

/// A running computer. Dropping it ends all that runs there.
pub(crate) struct Machine {
    program: Option<Program>,
    inside: u32,
    group: String,
    place: TempDir,
    vars: RefCell<Vec<(String, String)>>,
}

impl Machine {
    /// Starts one with this name in this network, where these lines of `/etc/hosts` name others, and waits until it is up.
    pub(crate) fn start(name: &str, network: &Host, hosts: &str) -> Self {
        let place = TempDir::with_prefix("machine-").unwrap();
        let file = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
        std::fs::create_dir(place.path().join("root")).unwrap();
        file("hosts", &format!("127.0.0.1 localhost\n{hosts}"));
        // The pages call the user of a gateway as they like: all of these are who runs the test.
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        file("passwd", &format!("{users}claw:x:0:0::/root:/bin/bash\nme:x:0:0::/root:/bin/bash\n"));
        let group = format!("openclaw-{}", network.name);
        let net = format!("--net=/run/netns/{}", network.name);
        let mut command = Command::new("nsenter");
        command
            .args([&net, "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--uts", "--pid", "--fork"])
            .args(["--kill-child", "--mount-proc", "bash", "-c", BOOT])
            .env_clear()
            .envs(LOGIN)
            .envs([("GROUP", group.as_str()), ("NAME", name), ("PROGRAM", env!("CARGO_BIN_EXE_openclaw"))])
            .env("PLACE", place.path());
        let program = Program::start("machine", command);
        program.wait_for("its readiness", |line| (line == "ready").then_some(()));
        let children = format!("/proc/{0}/task/{0}/children", program.pid());
        let inside = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
        Self { program: Some(program), inside, group, place, vars: RefCell::default() }
    }

    /// Its `/root`, seen from the test.
    pub(crate) fn home(&self) -> PathBuf {
        self.place.path().join("root")
    }

    /// A place beside it that it sees by the same path.
    pub(crate) fn beside(&self) -> &Path {
        self.place.path()
    }

    /// Writes a file below its `/root`, which is for its owner alone as its directory is.
    pub(crate) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let file = self.home().join(name);
        let own = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
        };
        let dir = file.parent().unwrap();
        if dir != self.home() {
            std::fs::create_dir_all(dir).unwrap();
            own(dir, 0o700);
        }
        std::fs::write(&file, text).unwrap();
        own(&file, 0o600);
    }

    /// From now on its shell has this variable.
    pub(crate) fn has(&self, name: &str, value: &str) {
        self.vars.borrow_mut().push((name.to_owned(), value.to_owned()));
    }

    /// A program there, not yet started.
    fn command(&self, argv: &[&str]) -> Command {
        let inside = self.inside.to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &inside, "--mount", "--uts", "--pid", "--net", "--wdns=/root"]);
        command.args(argv).env_clear().envs(LOGIN).envs(self.vars.borrow().iter().cloned());
        command
    }

    /// Types a line there and waits until it is done. What is `typed` comes by its standard input.
    pub(crate) fn types(&self, line: &str, typed: &str) -> Ran {
        let mut command =
            self.command(&["timeout", "--kill-after=5", PATIENCE_S, "bash", "-o", "pipefail", "-c", line]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // One that does not read it may have ended already.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// As [`Machine::types`]; it must succeed.
    pub(crate) fn runs(&self, line: &str) -> String {
        let ran = self.types(line, "");
        assert_eq!(ran.code, 0, "{line}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// What a line prints as JSON.
    pub(crate) fn json(&self, line: &str) -> Value {
        let out = self.runs(&format!("{line} --json"));
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{line}: {e}: {out}"))
    }

    /// What a command shows, looked at again until what was begun elsewhere has arrived.
    pub(crate) fn shows(
        &self,
        line: &str,
        find: impl Fn(&Value) -> Option<String>,
    ) -> Result<String, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.json(line);
            match find(&shown) {
                Some(found) => return Ok(found),
                None if Instant::now() < until => {}
                None => return Err(format!("{line} shows none: {shown}")),
            }
        }
    }

    /// Types a line at a terminal there.
    pub(crate) fn sits_at(&self, line: &str) -> Seat {
        Seat::run(&self.command(&["bash", "-c", line]))
    }

    /// Types a line that stays up, and waits until it says this.
    pub(crate) fn stays(&self, line: &str, until: &str) -> Program {
        let program = Program::start(line, self.command(&["bash", "-c", line]));
        program.wait_for(until, |said| said.contains(until).then_some(()));
        program
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The first process takes all others with it, and has ended when they are gone.
        let killed = Command::new("kill").args(["-KILL", &self.inside.to_string()]).status();
        if killed.is_ok_and(|status| status.success())
            && let Some(program) = self.program.take()
        {
            program.ended();
        }
        for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"] {
            remove_groups(&Path::new(root).join(&self.group));
        }
    }
}

/// Removes a cgroup and those in it. What cannot be removed is empty and harmless.
fn remove_groups(group: &Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_groups(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(group);
}
