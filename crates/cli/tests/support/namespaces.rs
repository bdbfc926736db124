//! Two network namespaces with a cable between them: multicast reaches from one into the other and nowhere else.

#![allow(clippy::unwrap_used, clippy::panic, dead_code)] // Each test file uses its share of these.

use crate::support::{Home, Ran};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where `ip` and what it runs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The namespaces; they go with this.
pub(crate) struct Net {
    /// Its address is 10.77.0.1.
    pub(crate) here: String,
    /// Its address is 10.77.0.2.
    pub(crate) there: String,
}

impl Net {
    /// Makes them, which takes root and `ip`.
    pub(crate) fn make() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("oc{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let net = Self { here: format!("{id}a"), there: format!("{id}b") };
        ip(&["netns", "add", &net.here]);
        ip(&["netns", "add", &net.there]);
        ip(&[
            "link", "add", "v0", "netns", &net.here, "type", "veth", "peer", "name", "v0", "netns",
            &net.there,
        ]);
        let ends = [(&net.here, "10.77.0.1", "10.77.0.2"), (&net.there, "10.77.0.2", "10.77.0.1")];
        for (name, address, other) in ends {
            ip(&["-n", name, "address", "add", &format!("{address}/24"), "dev", "v0"]);
            ip(&["-n", name, "link", "set", "v0", "up"]);
            ip(&["-n", name, "link", "set", "lo", "up"]);
            ip(&["-n", name, "route", "add", "default", "via", other]);
        }
        net
    }

    /// A program in one of them, not yet started.
    pub(crate) fn exec(name: &str, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", name, program]).args(args);
        command.env_clear().env("PATH", PATH).stdin(Stdio::null());
        command
    }

    /// The built program in one of them, not yet started.
    pub(crate) fn command(name: &str, home: &Home, args: &[&str]) -> Command {
        let mut command = Self::exec(name, env!("CARGO_BIN_EXE_openclaw"), args);
        command.env("HOME", home.path()).current_dir(home.path());
        command
    }

    /// Runs the built program in one of them to its end.
    pub(crate) fn run(name: &str, home: &Home, args: &[&str]) -> Ran {
        Self::command(name, home, args).output().unwrap().into()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in [&self.here, &self.there] {
            // Nothing is left to be done about one that does not go.
            let _ = Command::new("ip").args(["netns", "delete", name]).env("PATH", PATH).output();
        }
    }
}

fn ip(args: &[&str]) {
    let done = Command::new("ip").args(args).env("PATH", PATH).output();
    let done = done.unwrap_or_else(|error| panic!("ip (package iproute2) is needed: {error}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "ip {args:?}: {said} (root is needed for network namespaces)");
}
