//! A gateway elsewhere: a host of its own with a real sshd and a real gateway program on it, and a host from which it is
//! reached over ssh alone. Nothing of it is imitated but the model.

// Only tests use this: what cannot be set up ends them with the reason.
#![allow(clippy::panic)]

use crate::fake_model::FakeModel;
use crate::netns::{Host, Hosts};
use crate::process::Process;
use crate::sshd::{SshUser, Sshd, SshdOptions};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// The token of the far gateway.
pub const TOKEN: &str = "long-random-token-of-a-far-gateway";
/// The port of the far gateway, and the one wanted here: nothing else is in these hosts.
pub const PORT: u16 = 18789;

/// Both hosts and what runs there; all of it ends when this is dropped.
pub struct Far {
    openclaw: PathBuf,
    gateway: Option<Process>,
    /// sshd on the far host, at the usual port.
    pub sshd: Sshd,
    /// Who signs in there.
    pub user: SshUser,
    far_home: TempDir,
    near_home: TempDir,
    model: Model,
    /// The hosts and their cable. Last: what runs there has ended when they go.
    pub hosts: Hosts,
}

impl Far {
    /// Sets it up with this program, and waits until the far gateway answers. The near host's configuration has `sshTarget`,
    /// `token` and the mode, and nothing else.
    ///
    /// # Panics
    /// It cannot be set up. It needs root.
    pub fn start(openclaw: &Path) -> Self {
        let hosts = Hosts::new();
        let options = SshdOptions {
            address: hosts.far.address.into(),
            namespace: Some(hosts.far.name.clone()),
            // Many faults in a row are no attack.
            config: vec!["MaxStartups 100".to_owned()],
        };
        let sshd = Sshd::with(options);
        let user = SshUser::of(&sshd);
        let model = Model::start(&hosts.far);
        let far_home = home(&json!({
            "gateway": {"mode": "local", "port": PORT, "auth": {"mode": "token", "token": TOKEN}},
            "models": {"providers": {"local": {"baseUrl": model.url, "apiKey": "none", "api": "openai-completions",
                "models": [{"id": "test-model", "name": "Test", "contextWindow": 128_000, "maxTokens": 8192}]}}},
            "agents": {"defaults": {"model": {"primary": "local/test-model"}}},
        }));
        let near_home = home(&json!({
            "gateway": {"mode": "remote", "remote": {"sshTarget": sshd.destination(), "token": TOKEN}},
        }));
        let openclaw = openclaw.to_owned();
        let mut far = Self { openclaw, gateway: None, sshd, user, far_home, near_home, model, hosts };
        far.start_gateway();
        far
    }

    /// The far gateway's process.
    ///
    /// # Panics
    /// It was ended.
    pub fn gateway(&self) -> &Process {
        self.gateway.as_ref().unwrap_or_else(|| panic!("the far gateway was ended"))
    }

    /// The model that the far gateway asks.
    pub fn model(&self) -> &FakeModel {
        &self.model.fake
    }

    /// Ends the far gateway as `kill -9` does.
    pub fn kill_gateway(&mut self) {
        self.gateway = None;
    }

    /// Starts the far gateway and waits until it answers.
    pub fn start_gateway(&mut self) {
        let command = self.command_at(&self.hosts.far, self.far_home.path(), &["gateway", "run", "--json"]);
        let gateway = Process::start("far gateway", command);
        gateway.wait_for("address", 0, |line| line.contains("\"url\"").then_some(()));
        self.gateway = Some(gateway);
    }

    /// A command of the program on the near host, not yet started.
    pub fn near_command(&self, args: &[&str]) -> Command {
        self.command_at(&self.hosts.near, self.near_home.path(), args)
    }

    /// Runs a command on the near host.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn near_run(&self, args: &[&str]) -> Output {
        self.near_command(args).stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{args:?}: {e}"))
    }

    /// What a command on the near host prints with `--json`.
    ///
    /// # Panics
    /// It fails, or prints something else.
    pub fn near_json(&self, args: &[&str]) -> Value {
        let ran = self.near_run(&[args, &["--json"]].concat());
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{args:?}: {}\n{out}{err}", ran.status);
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{args:?}: {e}: {out}"))
    }

    /// What a command prints with `--json` on the far host, where the gateway is local.
    ///
    /// # Panics
    /// As [`Far::near_json`].
    pub fn far_json(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        let mut command = self.command_at(&self.hosts.far, self.far_home.path(), &args);
        let ran = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{args:?}: {e}"));
        assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}"))
    }

    /// The state directory of the near host.
    pub fn near_state(&self) -> PathBuf {
        self.near_home.path().join(".openclaw")
    }

    /// The only tunnel of the near host, as `remote status` tells of it; null where there is none.
    pub fn tunnel(&self) -> Value {
        self.near_json(&["remote", "status"])["tunnels"][0].take()
    }

    fn command_at(&self, host: &Host, home: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.openclaw);
        command.args(args).current_dir(home).env("HOME", home).env("PATH", self.user.path());
        host.wrap(&command)
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        // A tunnel that a failed test left up. Where none is, there is nothing to end.
        let _ = self.near_command(&["remote", "down", "--force", "--all"]).output();
    }
}

fn home(config: &Value) -> TempDir {
    let dir = TempDir::with_prefix("far-").unwrap_or_else(|e| panic!("no directory: {e}"));
    let state = dir.path().join(".openclaw");
    std::fs::create_dir(&state).unwrap_or_else(|e| panic!("{}: {e}", state.display()));
    std::fs::write(state.join("openclaw.json"), config.to_string())
        .unwrap_or_else(|e| panic!("{}: {e}", state.display()));
    dir
}

/// A model on the far host: a thread that went there, and serves until this is dropped.
struct Model {
    url: String,
    fake: Arc<FakeModel>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Model {
    fn start(host: &Host) -> Self {
        let (tell, told) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let host = host.clone();
        let thread = std::thread::spawn(move || {
            host.enter().unwrap_or_else(|e| panic!("{}: {e}", host.name));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap_or_else(|e| panic!("{e}")).block_on(async {
                let model = Arc::new(FakeModel::start().await);
                let _ = tell.send(Arc::clone(&model));
                // Ends when the handle is dropped, too.
                let _ = ended.await;
            });
        });
        let fake = told.recv().unwrap_or_else(|e| panic!("the model did not start: {e}"));
        Self { url: fake.url(), fake, end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}
