//! `launchctl`, by argument list, for agents in the user's graphical session.

use super::manager::{ManagerError, Runtime, Standing};
use super::place::Lacking;
use super::tell::Said;
use super::{ANSWER_WITHIN, Definition, Identity, START_WITHIN, Service, Tool};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// launchd, for this user.
#[derive(Debug)]
pub(crate) struct Launchd {
    tool: Tool,
    agents: PathBuf,
    domain: String,
}

/// `launchctl`'s exit codes for an agent that is not loaded: of `print`, and of `bootout`.
const NOT_LOADED: &[i32] = &[113, 3];
/// … and for one that is already.
const LOADED_ALREADY: &[i32] = &[37, 17];
/// … and for a user without a graphical session.
const NO_SESSION: i32 = 125;

impl Launchd {
    pub(super) fn new(tool: Tool, home: &Path) -> Self {
        let domain = format!("gui/{}", rustix::process::getuid().as_raw());
        Self { tool, agents: home.join("Library/LaunchAgents"), domain }
    }

    pub(super) fn file(&self, identity: &Identity) -> PathBuf {
        self.agents.join(format!("{}.plist", identity.label))
    }

    pub(super) async fn look(
        &self,
        identity: &Identity,
        file: PathBuf,
        definition: Definition,
    ) -> Result<Standing, ManagerError> {
        let said = self.ask(identity, &["print", &self.target(identity)], ANSWER_WITHIN).await?;
        let runtime = said.is_well().then(|| runtime(&said.out));
        let enabled = runtime.is_some();
        Ok(Standing { file, definition, enabled, runtime, reload_pending: false })
    }

    pub(super) async fn take_up(&self, service: &Service, file: &Path) -> Result<(), ManagerError> {
        self.stop(&service.identity).await?;
        self.start(&service.identity, file).await
    }

    /// Loads the agent, which starts it; one that is loaded is started where it does not run.
    pub(super) async fn start(&self, identity: &Identity, file: &Path) -> Result<(), ManagerError> {
        // An agent that somebody switched off is not loaded.
        self.must(identity, &["enable", &self.target(identity)]).await?;
        let file = file.display().to_string();
        let words = ["bootstrap", &self.domain, &file];
        let said = self.ask(identity, &words, START_WITHIN).await?;
        match said.code {
            Some(0) => Ok(()),
            Some(code) if LOADED_ALREADY.contains(&code) => {
                self.must(identity, &["kickstart", &self.target(identity)]).await
            }
            _ => Err(refused(&words, &said)),
        }
    }

    /// Unloads it, which ends it, until the next login or start.
    pub(super) async fn stop(&self, identity: &Identity) -> Result<(), ManagerError> {
        let target = self.target(identity);
        let words = ["bootout", &target];
        let said = self.ask(identity, &words, START_WITHIN).await?;
        match said.code {
            Some(code) if code == 0 || NOT_LOADED.contains(&code) => Ok(()),
            _ => Err(refused(&words, &said)),
        }
    }

    pub(super) async fn restart(
        &self,
        identity: &Identity,
        file: &Path,
        at_once: bool,
    ) -> Result<(), ManagerError> {
        if at_once {
            // The first signal begins the end, and unloading cuts it short. One that does not run gets none.
            self.ask(identity, &["kill", "INT", &self.target(identity)], ANSWER_WITHIN).await?;
        }
        self.stop(identity).await?;
        self.start(identity, file).await
    }

    fn target(&self, identity: &Identity) -> String {
        format!("{}/{}", self.domain, identity.label)
    }

    async fn must(&self, identity: &Identity, words: &[&str]) -> Result<(), ManagerError> {
        let said = self.ask(identity, words, ANSWER_WITHIN).await?;
        if said.is_well() { Ok(()) } else { Err(refused(words, &said)) }
    }

    async fn ask(&self, identity: &Identity, words: &[&str], within: Duration) -> Result<Said, ManagerError> {
        let said = self
            .tool
            .ask(&[&["launchctl"], words].concat(), within)
            .await
            .map_err(|error| ManagerError::by_tool(error, identity))?;
        if said.code == Some(NO_SESSION) {
            let reason = format!("{}: log in at the Mac itself, or by screen sharing", said.reason());
            return Err(ManagerError::none(reason, Lacking::Manager, identity));
        }
        Ok(said)
    }
}

fn refused(words: &[&str], said: &Said) -> ManagerError {
    ManagerError::Refused { command: format!("launchctl {}", words.join(" ")), reason: said.reason() }
}

/// Reads what `launchctl print` says of an agent: `name = value` on lines of their own.
fn runtime(text: &str) -> Runtime {
    let value = |name: &str| {
        text.lines()
            .filter_map(|line| line.trim().split_once(" = "))
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v)
    };
    let state = value("state").unwrap_or("unknown").to_owned();
    Runtime {
        running: state == "running" || state == "spawn scheduled",
        sub_state: String::new(),
        pid: value("pid").and_then(|pid| pid.parse().ok()),
        last_exit: value("last exit code").and_then(|code| code.split(':').next()?.trim().parse().ok()),
        status: None,
        state,
    }
}

#[cfg(test)]
mod tests;
