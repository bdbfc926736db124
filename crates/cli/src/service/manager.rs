//! The host's service manager: what is asked of it, whichever it is.

use super::file::{self, Format};
use super::launchd::Launchd;
use super::standing::{ManagerError, Standing};
use super::systemd::Systemd;
use super::{Definition, Identity, START_WITHIN, STOP_WITHIN, Service, Tool};
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
