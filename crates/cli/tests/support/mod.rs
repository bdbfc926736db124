//! The built program in an environment of its own: nothing of the host's settings reaches it.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A home directory that is gone after the test.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

/// What a run gave.
pub(crate) struct Ran {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ran {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[allow(dead_code)] // Each test file uses its share of these.
impl Home {
    /// An empty home.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A home with this `openclaw.json`.
    pub(crate) fn with_config(text: &str) -> Self {
        let home = Self::new();
        std::fs::create_dir_all(home.state()).unwrap();
        std::fs::write(home.state().join("openclaw.json"), text).unwrap();
        home
    }

    /// The state directory.
    pub(crate) fn state(&self) -> std::path::PathBuf {
        self.path().join(".openclaw")
    }

    /// The home itself.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The program with these arguments, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw"));
        command.args(args).env_clear().env("HOME", self.path()).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs the program with more variables.
    pub(crate) fn run_with(&self, args: &[&str], vars: &[(&str, &str)]) -> Ran {
        self.command(args).envs(vars.iter().copied()).output().unwrap().into()
    }
}

/// A port on which nothing listens.
#[allow(dead_code)]
pub(crate) fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}
