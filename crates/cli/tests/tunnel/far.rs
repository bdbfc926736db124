//! A gateway that is reached through a real sshd, and somebody who reaches it.

use crate::live::{Gateway, PATIENCE, Program, TOKEN};
use crate::support::{Home, Ran, free_port};
use serde_json::{Value, json};
use std::time::Instant;
use testkit::process::Descendant;
use testkit::sshd::{SshUser, Sshd, SshdOptions};

/// The far gateway, the sshd before it, and the near user's home.
pub(crate) struct Far {
    pub(crate) sshd: Sshd,
    pub(crate) user: SshUser,
    pub(crate) gateway: Gateway,
    /// The port that is wanted here.
    pub(crate) port: String,
    pub(crate) near: Home,
    // Of the gateway.
    pub(crate) home: Home,
    scheme: &'static str,
}

impl Far {
    /// All of it, with nothing but an ssh target and a token configured, and ports that no other test has.
    pub(crate) fn new() -> Self {
        Self::of("ws")
    }

    /// The same, and the gateway speaks TLS.
    pub(crate) fn with_tls() -> Self {
        Self::of("wss")
    }

    fn of(scheme: &'static str) -> Self {
        let tls = scheme == "wss";
        let config = json!({"gateway": {"auth": {"token": TOKEN}, "tls": {"enabled": tls}}});
        let home = Home::with_config(&config.to_string());
        let gateway = Gateway::start(&home);
        let sshd = Sshd::with(SshdOptions::default());
        let user = SshUser::of(&sshd);
        let far = Self { sshd, user, gateway, port: free_port(), near: Home::new(), home, scheme };
        std::fs::create_dir_all(far.near.state()).unwrap();
        far.configure(&far.gateway.port);
        far
    }

    /// Writes the near user's configuration for a gateway at this port there.
    pub(crate) fn configure(&self, far_port: &str) {
        let config = json!({"gateway": {"mode": "remote", "remote": {
            "sshTarget": self.sshd.target(), "token": TOKEN,
            "remotePort": far_port.parse::<u16>().unwrap(), "url": format!("{}://127.0.0.1:{}", self.scheme, self.port),
        }}});
        std::fs::write(self.near.state().join("openclaw.json"), config.to_string()).unwrap();
    }

    /// Runs a command of the near user.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.near.run_with(args, &[("PATH", &self.user.path())])
    }

    /// The same with `--json`; it must succeed.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}{}\n{}", ran.out, ran.err, self.log());
        ran.json()
    }

    /// A command of the near user that stays up.
    pub(crate) fn start(&self, name: &str, args: &[&str]) -> Program {
        let mut command = self.near.command(args);
        command.env("PATH", self.user.path());
        Program::start(name, command)
    }

    /// The tunnel's status, where there is one.
    pub(crate) fn tunnel(&self) -> Option<Value> {
        self.json(&["remote", "status"])["tunnels"].get(0).cloned()
    }

    /// Waits until the tunnel is up by another ssh than `before`.
    pub(crate) fn back(&self, before: &Descendant) -> Value {
        self.patiently("the tunnel back", || {
            let status = self.json(&["remote", "up"]);
            let new = status["state"] == "up" && status["sshPid"] != before.id;
            new.then_some(status)
        })
    }

    /// Asks until there is an answer.
    pub(crate) fn patiently<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        #[allow(clippy::disallowed_methods)] // A deadline of the test, in real time.
        let begun = Instant::now();
        loop {
            if let Some(found) = ask() {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}\n{}", self.log());
        }
    }

    /// What the tunnel's supervisor wrote down.
    pub(crate) fn log(&self) -> String {
        self.run(&["remote", "logs"]).out
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        // No supervisor outlives its test; one that does not answer ends with the files that it works on.
        let ran = self.run(&["remote", "down", "--all", "--force"]);
        if std::thread::panicking() {
            eprintln!("{}{}\n{}", ran.out, ran.err, self.log());
        }
    }
}

/// A process by its number in a status.
pub(crate) fn process(status: &Value, name: &str) -> Descendant {
    let id = status[name].as_u64().unwrap_or_else(|| panic!("no {name} in {status}"));
    Descendant::of(u32::try_from(id).unwrap()).unwrap_or_else(|| panic!("{name} is gone: {status}"))
}
