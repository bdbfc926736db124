//! The host's service manager: what is asked of it, whichever it is.

use super::file::{self, FileError, Format};
use super::launchd::Launchd;
use super::place::Lacking;
use super::systemd::Systemd;
use super::{Definition, Identity, START_WITHIN, STOP_WITHIN, Service, Tool, ToolError};
use config::Env;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The host's service manager for this user.
#[derive(Debug)]
pub(crate) enum Manager {
    /// `systemctl --user`.
    Systemd(Systemd),
    /// `launchctl`, in the user's graphical session.
    Launchd(Launchd),
}

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

impl Manager {
    /// The manager of this host, for the user with this home directory.
    pub(crate) fn of_host(env: &Env, home: &Path) -> Self {
        if cfg!(target_os = "macos") {
            Manager::Launchd(Launchd::new(Tool::default(), home))
        } else {
            Manager::Systemd(Systemd::new(env, home))
        }
    }

    /// As OpenClaw names it in its reports.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Manager::Systemd(_) => "systemd",
            Manager::Launchd(_) => "LaunchAgent",
        }
    }

    /// OpenClaw's words for a service that starts by itself and one that does not.
    pub(crate) fn loaded_words(&self) -> (&'static str, &'static str) {
        match self {
            Manager::Systemd(_) => ("enabled", "disabled"),
            Manager::Launchd(_) => ("loaded", "not loaded"),
        }
    }

    fn format(&self) -> Format {
        match self {
            Manager::Systemd(_) => Format::Unit,
            Manager::Launchd(_) => Format::Plist,
        }
    }

    /// Where the definition of a service stands.
    pub(crate) fn file(&self, identity: &Identity) -> PathBuf {
        match self {
            Manager::Systemd(systemd) => systemd.file(identity),
            Manager::Launchd(launchd) => launchd.file(identity),
        }
    }

    /// The text that an install writes for a service.
    pub(crate) fn text(&self, service: &Service) -> String {
        self.format().text(service)
    }

    /// How a service stands.
    ///
    /// # Errors
    /// There is no manager, or the definition cannot be read.
    pub(crate) async fn look(&self, identity: &Identity) -> Result<Standing, ManagerError> {
        let file = self.file(identity);
        let definition = file::look(&file, self.format())?;
        match self {
            Manager::Systemd(systemd) => systemd.look(identity, file, definition).await,
            Manager::Launchd(launchd) => launchd.look(identity, file, definition).await,
        }
    }

    /// Writes the definition, has it taken up, has it start with the user's session, and starts it.
    ///
    /// # Errors
    /// Somebody else's service is there and `force` is not; the manager refuses. A definition that was written stays.
    pub(crate) async fn install(&self, service: &Service, force: bool) -> Result<(), ManagerError> {
        let file = self.file(&service.identity);
        if file::look(&file, self.format())? == Definition::Foreign && !force {
            return Err(ManagerError::Foreign(file));
        }
        // Asked first, so that a host without one is left as it is.
        self.look(&service.identity).await?;
        file::write(&file, self.format(), service)?;
        match self {
            Manager::Systemd(systemd) => systemd.take_up(service).await,
            Manager::Launchd(launchd) => launchd.take_up(service, &file).await,
        }
    }

    /// Has the manager read its definitions again.
    ///
    /// # Errors
    /// It refuses.
    pub(crate) async fn reload(&self, identity: &Identity) -> Result<(), ManagerError> {
        match self {
            Manager::Systemd(systemd) => systemd.reload(identity).await,
            // launchd reads the file when the agent is loaded again.
            Manager::Launchd(_) => Ok(()),
        }
    }

    /// Starts it, and waits until it says that it works.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub(crate) async fn start(&self, identity: &Identity) -> Result<(), ManagerError> {
        let file = self.installed(identity)?;
        match self {
            Manager::Systemd(systemd) => systemd.job("start", identity, START_WITHIN).await,
            Manager::Launchd(launchd) => launchd.start(identity, &file).await,
        }
    }

    /// Ends it, and waits for that. One that does not run is ended already.
    ///
    /// # Errors
    /// The manager refuses.
    pub(crate) async fn stop(&self, identity: &Identity) -> Result<(), ManagerError> {
        let within = stop_within(&file::look(&self.file(identity), self.format())?);
        match self {
            Manager::Systemd(systemd) => systemd.job("stop", identity, within).await,
            Manager::Launchd(launchd) => launchd.stop(identity, within).await,
        }
    }

    /// Has it ended and started; `at_once` does not let it finish what it has in hand.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub(crate) async fn restart(&self, identity: &Identity, at_once: bool) -> Result<(), ManagerError> {
        let file = self.installed(identity)?;
        let within = stop_within(&file::look(&file, self.format())?);
        match self {
            Manager::Systemd(systemd) => systemd.restart(identity, at_once, within).await,
            Manager::Launchd(launchd) => launchd.restart(identity, &file, at_once, within).await,
        }
    }

    /// Ends it and takes its definition away; gives whether there was one.
    ///
    /// # Errors
    /// Somebody else's service is there and `force` is not; the manager refuses.
    pub(crate) async fn uninstall(&self, identity: &Identity, force: bool) -> Result<bool, ManagerError> {
        let file = self.file(identity);
        let definition = file::look(&file, self.format())?;
        match definition {
            Definition::Absent => return Ok(false),
            Definition::Foreign if !force => return Err(ManagerError::Foreign(file)),
            Definition::Foreign | Definition::Ours(..) => {}
        }
        let within = stop_within(&definition);
        match self {
            Manager::Systemd(systemd) => systemd.disable(identity, within).await?,
            Manager::Launchd(launchd) => launchd.stop(identity, within).await?,
        }
        file::remove(&file)?;
        if let Manager::Systemd(systemd) = self {
            systemd.reload(identity).await?;
        }
        Ok(true)
    }

    /// Whether this user's services outlive the last login; `None` where that is no question or cannot be told.
    pub(crate) async fn lingers(&self) -> Option<bool> {
        match self {
            Manager::Systemd(systemd) => systemd.lingers().await,
            Manager::Launchd(_) => None,
        }
    }

    fn installed(&self, identity: &Identity) -> Result<PathBuf, ManagerError> {
        let file = self.file(identity);
        match file::look(&file, self.format())? {
            Definition::Absent => Err(ManagerError::NotInstalled { word: identity.word.clone(), file }),
            // Starting and stopping somebody else's service by its name is what people mean.
            Definition::Foreign | Definition::Ours(..) => Ok(file),
        }
    }
}

/// How long the end of what is defined so may take.
fn stop_within(definition: &Definition) -> Duration {
    match definition {
        Definition::Ours(service, _) => service.stop_within(),
        Definition::Foreign | Definition::Absent => STOP_WITHIN,
    }
}
