//! How a service stands with its manager, and why its manager would not.

use super::file::{Definition, FileError};
use super::place::Lacking;
use super::{Identity, ToolError};
use std::path::PathBuf;

/// How a service stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Its definition's file, and what is there.
    pub(crate) file: PathBuf,
    /// What stands there.
    pub(crate) definition: Definition,
    /// Whether it starts with the user's session.
    pub(crate) enabled: bool,
    /// What the manager knows of it; `None` where that is nothing.
    pub(crate) runtime: Option<Runtime>,
    /// The file is newer than what the manager goes by.
    pub(crate) reload_pending: bool,
}

/// A service as its manager sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Runtime {
    /// Whether it runs, or is about to.
    pub(crate) running: bool,
    /// The manager's word for its state: `active`, `failed`, `running` …
    pub(crate) state: String,
    /// And more exactly, where there is more.
    pub(crate) sub_state: String,
    /// Its process.
    pub(crate) pid: Option<u32>,
    /// How its last process ended.
    pub(crate) last_exit: Option<i64>,
    /// What it says of itself.
    pub(crate) status: Option<String>,
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManagerError {
    /// There is no service manager for this user.
    #[error("there is no service manager for this user here: {reason}")]
    None {
        /// What it said.
        reason: String,
        /// The next steps.
        advice: Vec<String>,
    },
    /// Somebody else's service has this name.
    #[error("{} is not a service that this program has written (OpenClaw's own has the same name)", .0.display())]
    Foreign(PathBuf),
    /// It is not installed.
    #[error("the {word} is not installed as a service: there is no {}", file.display())]
    NotInstalled {
        /// What it is.
        word: String,
        /// Where it would be.
        file: PathBuf,
    },
    /// The manager said no.
    #[error("{command}: {reason}")]
    Refused {
        /// What was run.
        command: String,
        /// What it said.
        reason: String,
    },
    /// Its tool gave no answer.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The definition.
    #[error(transparent)]
    File(#[from] FileError),
}

impl ManagerError {
    pub(super) fn none(reason: impl Into<String>, lacking: Lacking, identity: &Identity) -> Self {
        let run = format!("openclaw {}", identity.command("run"));
        Self::None { reason: reason.into(), advice: super::place::advice(lacking, &run) }
    }

    /// Why the manager's tool did not answer. One that is not there is a host without that manager.
    pub(super) fn by_tool(error: ToolError, identity: &Identity) -> Self {
        match error {
            ToolError::Missing(program) => {
                Self::none(format!("{program} is not installed"), Lacking::Manager, identity)
            }
            other => Self::Tool(other),
        }
    }
}
