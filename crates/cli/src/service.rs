//! Programs of ours that live on a host as services of one user: systemd user units on Linux, launchd agents on macOS.
//!
//! [`Service`] says what is to run. [`unit`](mod@unit) and [`plist`] turn it into text and do nothing else; [`Manager`] writes that text
//! and drives `systemctl --user` or `launchctl`. Whatever installs a service comes through here: the gateway, a node, a tunnel.

mod file;
mod identity;
mod launchd;
mod manager;
mod notify;
mod place;
mod plist;
mod standing;
mod systemd;
mod tell;
mod unit;

pub(crate) use file::Definition;
pub(crate) use identity::Identity;
pub(crate) use manager::Manager;
pub(crate) use notify::Notifier;
pub(crate) use standing::{ManagerError, Runtime, Standing};
pub(crate) use tell::{Said, Tool, ToolError};

use crate::context::Context;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// What runs as a service. It stands in the definition that is written, as JSON, so that a later look can tell whether the
/// definition is still what would be written for it. It therefore never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Service {
    /// Its names with the service managers.
    pub(crate) identity: Identity,
    /// One line for people.
    pub(crate) description: String,
    /// The program, by its full path, and its arguments.
    pub(crate) argv: Vec<String>,
    /// Variables, by name.
    pub(crate) environment: Vec<(String, String)>,
    /// Where it runs.
    pub(crate) directory: PathBuf,
    /// Where launchd puts what it says on standard error; systemd has its journal.
    pub(crate) errors: PathBuf,
    /// How it says that it works.
    pub(crate) readiness: Readiness,
    /// When it is started again.
    pub(crate) again: Again,
    /// What it gets to end by itself, in seconds, before it is killed.
    pub(crate) stop_seconds: u64,
}

impl Service {
    /// The service on one line.
    fn as_json(&self) -> String {
        // A struct of texts and numbers always becomes JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// How long its end may take, and the service manager's word that it came.
    fn stop_within(&self) -> Duration {
        Duration::from_secs(self.stop_seconds) + ANSWER_WITHIN
    }
}

/// How a service says that it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Readiness {
    /// Not at all: it works when it runs.
    Runs,
    /// It tells systemd, and goes on telling it (`Type=notify` with a watchdog).
    Notifies,
}

/// When a service is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Again {
    /// After 5 s, ten times in five minutes at most, and not where its configuration is wrong: somebody has to look.
    Bounded,
    /// After 10 s, for ever: it waits for what is elsewhere. Not where that shows another certificate than the pinned one.
    Forever,
}

/// What a service finds programs by. Not the path of whoever installs it, so that the definition is the same from every
/// shell.
const SEARCH: &[&str] = &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Variables that choose an installation; they hold no secret.
const CHOOSING: &[&str] = &["OPENCLAW_HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH"];

/// The variables of every service of this installation.
pub(crate) fn environment(ctx: &Context, home: &std::path::Path) -> Vec<(String, String)> {
    let mut search =
        vec![home.join(".local/bin").display().to_string(), home.join("bin").display().to_string()];
    if cfg!(target_os = "macos") {
        search.push("/opt/homebrew/bin".into());
    }
    search.extend(SEARCH.iter().map(|dir| (*dir).to_owned()));
    let mut all = vec![("PATH".to_owned(), search.join(":"))];
    let chosen = |name: &&str| Some(((**name).to_owned(), ctx.env.get_filled(name)?.to_owned()));
    all.extend(CHOOSING.iter().filter_map(chosen));
    all
}

/// How long a service manager may take for one answer. Starting and stopping wait for the service, and get its time on top.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A start is mostly over by then. One with a large state to check goes on, and whoever asked for it is told to look again.
const START_WITHIN: Duration = Duration::from_secs(100);
/// What a service of somebody else gets to end: systemd gives it 90 s.
const STOP_WITHIN: Duration = Duration::from_secs(100);

#[cfg(test)]
pub(crate) mod testing;
