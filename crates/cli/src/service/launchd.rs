//! `launchctl`, by argument list, for agents in the user's graphical session.

use super::place::Lacking;
use super::standing::{ManagerError, Runtime, Standing};
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
/// … of `bootstrap` for one that is loaded, or is still being unloaded; which of the two, they do not say.
const IN_THE_WAY: &[i32] = &[5, 17, 37];
/// … of `bootout` for one that takes longer to end than that waits.
const STILL_ENDS: i32 = 36;
/// … and for a user without a graphical session.
const NO_SESSION: i32 = 125;
/// What is still under way is looked at again after this …
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// … and loading, so many times: for about five seconds after the agent has gone.
const TRIES: usize = 25;

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
        self.stop(&service.identity, service.stop_within()).await?;
        self.start(&service.identity, file).await
    }

    /// Loads the agent, which starts it; one that is loaded is started where it does not run.
    pub(super) async fn start(&self, identity: &Identity, file: &Path) -> Result<(), ManagerError> {
        // An agent that somebody switched off is not loaded.
        self.must(identity, &["enable", &self.target(identity)]).await?;
        let file = file.display().to_string();
        let words = ["bootstrap", &self.domain, &file];
        let mut said = self.ask(identity, &words, START_WITHIN).await?;
        for _ in 1..TRIES {
            match said.code {
                Some(0) => return Ok(()),
                Some(code) if IN_THE_WAY.contains(&code) => {}
                _ => break,
            }
            let kick = ["kickstart", &self.target(identity)];
            if self.is_loaded(identity).await? && self.ask(identity, &kick, ANSWER_WITHIN).await?.is_well() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
            said = self.ask(identity, &words, START_WITHIN).await?;
        }
        if said.is_well() { Ok(()) } else { Err(refused(&words, &said)) }
    }

    /// Unloads it, which ends it, until the next login or start. Over when it is gone, not when it has been told to go.
    pub(super) async fn stop(&self, identity: &Identity, within: Duration) -> Result<(), ManagerError> {
        let target = self.target(identity);
        let words = ["bootout", &target];
        let said = self.ask(identity, &words, within).await?;
        match said.code {
            Some(0 | STILL_ENDS) => {}
            Some(code) if NOT_LOADED.contains(&code) => return Ok(()),
            _ => return Err(refused(&words, &said)),
        }
        let gone = async {
            while self.is_loaded(identity).await? {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok(())
        };
        tokio::time::timeout(within, gone).await.unwrap_or_else(|_| {
            let reason = format!("it has not ended within {} s", within.as_secs());
            Err(ManagerError::Refused { command: format!("launchctl {}", words.join(" ")), reason })
        })
    }

    async fn is_loaded(&self, identity: &Identity) -> Result<bool, ManagerError> {
        let said = self.ask(identity, &["print", &self.target(identity)], ANSWER_WITHIN).await?;
        Ok(said.is_well())
    }

    pub(super) async fn restart(
        &self,
        identity: &Identity,
        file: &Path,
        at_once: bool,
        stop_within: Duration,
    ) -> Result<(), ManagerError> {
        if at_once {
            // The first signal begins the end, and unloading cuts it short. One that does not run gets none.
            self.ask(identity, &["kill", "INT", &self.target(identity)], ANSWER_WITHIN).await?;
        }
        self.stop(identity, stop_within).await?;
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
