//! `systemctl --user`, by argument list.

use super::place::Lacking;
use super::standing::{ManagerError, Runtime, Standing};
use super::tell::Said;
use super::{ANSWER_WITHIN, Definition, Identity, START_WITHIN, Service, Tool};
use config::Env;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is asked of a unit.
const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,UnitFileState,MainPID,NeedDaemonReload,ExecMainStatus,ExecMainCode,StatusText";

/// systemd, for this user.
#[derive(Debug)]
pub(crate) struct Systemd {
    tool: Tool,
    units: PathBuf,
}

impl Systemd {
    /// Units live where every systemd looks, under the user's own home. A shell that was opened by `su` does not know its
    /// user's bus; it is where it always is.
    pub(super) fn new(env: &Env, home: &Path) -> Self {
        let mut tool = Tool::default();
        let runtime = format!("/run/user/{}", rustix::process::getuid().as_raw());
        if env.get_filled("XDG_RUNTIME_DIR").is_none() && Path::new(&runtime).is_dir() {
            tool.variables.push(("XDG_RUNTIME_DIR".into(), runtime));
        }
        Self { tool, units: home.join(".config/systemd/user") }
    }

    pub(super) fn file(&self, identity: &Identity) -> PathBuf {
        self.units.join(identity.unit_file())
    }

    pub(super) async fn look(
        &self,
        identity: &Identity,
        file: PathBuf,
        definition: Definition,
    ) -> Result<Standing, ManagerError> {
        let unit = identity.unit_file();
        let said = self.ask(identity, &["show", &unit, PROPERTIES], ANSWER_WITHIN).await?;
        let values: HashMap<&str, &str> = said.out.lines().filter_map(|line| line.split_once('=')).collect();
        let value = |name: &str| values.get(name).copied().unwrap_or_default();
        let known = !matches!(value("LoadState"), "" | "not-found");
        let runtime = known.then(|| Runtime {
            running: matches!(value("ActiveState"), "active" | "activating" | "reloading"),
            state: value("ActiveState").to_owned(),
            sub_state: value("SubState").to_owned(),
            pid: value("MainPID").parse().ok().filter(|pid| *pid != 0),
            // 0: it has not ended yet.
            last_exit: value("ExecMainStatus")
                .parse()
                .ok()
                .filter(|_| !matches!(value("ExecMainCode"), "" | "0")),
            status: Some(value("StatusText").to_owned()).filter(|text| !text.is_empty()),
        });
        let enabled = value("UnitFileState").starts_with("enabled");
        let reload_pending = value("NeedDaemonReload") == "yes";
        Ok(Standing { file, definition, enabled, runtime, reload_pending })
    }

    pub(super) async fn take_up(&self, service: &Service) -> Result<(), ManagerError> {
        let identity = &service.identity;
        self.reload(identity).await?;
        self.must(identity, &["enable", &identity.unit_file()], ANSWER_WITHIN).await?;
        // What ran by the old definition ends, and gets its time for it.
        self.restart(identity, false, service.stop_within()).await
    }

    pub(super) async fn reload(&self, identity: &Identity) -> Result<(), ManagerError> {
        self.must(identity, &["daemon-reload"], ANSWER_WITHIN).await
    }

    /// Starts or stops, and waits for the end of that. A unit that was never loaded cannot be stopped, and needs not be.
    pub(super) async fn job(
        &self,
        verb: &str,
        identity: &Identity,
        within: Duration,
    ) -> Result<(), ManagerError> {
        let said = self.ask(identity, &[verb, &identity.unit_file()], within).await?;
        if said.is_well() || (verb == "stop" && said.code == Some(NOT_LOADED)) {
            return Ok(());
        }
        Err(self.refused(&[verb, &identity.unit_file()], &said))
    }

    pub(super) async fn restart(
        &self,
        identity: &Identity,
        at_once: bool,
        stop_within: Duration,
    ) -> Result<(), ManagerError> {
        let unit = identity.unit_file();
        // A unit that has failed too often refuses to start until that is forgotten; one that has not failed, or is not
        // known, has nothing to forget, and either is no reason to stop here.
        self.ask(identity, &["reset-failed", &unit], ANSWER_WITHIN).await?;
        if at_once {
            // The first signal begins the end, and the restart's own, another one, cuts it short. A unit that does not run
            // gets none, and then there is nothing to cut.
            self.ask(identity, &["kill", "--kill-who=main", "--signal=INT", &unit], ANSWER_WITHIN).await?;
        }
        self.job("restart", identity, stop_within + START_WITHIN).await
    }

    pub(super) async fn disable(
        &self,
        identity: &Identity,
        stop_within: Duration,
    ) -> Result<(), ManagerError> {
        self.job("stop", identity, stop_within).await?;
        self.must(identity, &["disable", &identity.unit_file()], ANSWER_WITHIN).await
    }

    pub(super) async fn lingers(&self) -> Option<bool> {
        let user = rustix::process::getuid().as_raw().to_string();
        let argv = ["loginctl", "show-user", &user, "--property=Linger", "--value"];
        let said = self.tool.ask(&argv, ANSWER_WITHIN).await.ok()?;
        match said.out.trim() {
            "yes" => Some(true),
            "no" => Some(false),
            // Nobody is logged in, and nothing lingers: logind does not know the user at all.
            _ if said.err.contains("not logged in or lingering") => Some(false),
            _ => None,
        }
    }

    async fn must(&self, identity: &Identity, words: &[&str], within: Duration) -> Result<(), ManagerError> {
        let said = self.ask(identity, words, within).await?;
        if said.is_well() { Ok(()) } else { Err(self.refused(words, &said)) }
    }

    fn refused(&self, words: &[&str], said: &Said) -> ManagerError {
        ManagerError::Refused {
            command: format!("systemctl --user {}", words.join(" ")),
            reason: said.reason(),
        }
    }

    /// Asks; a host without systemd, or without one for this user, says so in many words.
    async fn ask(&self, identity: &Identity, words: &[&str], within: Duration) -> Result<Said, ManagerError> {
        let argv = [&["systemctl", "--user", "--no-pager"], words].concat();
        let said =
            self.tool.ask(&argv, within).await.map_err(|error| ManagerError::by_tool(error, identity))?;
        let says = |text: &str| said.err.contains(text);
        if said.is_well() {
            Ok(said)
        } else if says("not been booted with systemd") {
            Err(ManagerError::none(said.reason(), Lacking::Manager, identity))
        } else if says("Failed to connect to") && says("bus") {
            Err(ManagerError::none(said.reason(), Lacking::Session, identity))
        } else {
            Ok(said)
        }
    }
}

/// `systemctl`'s exit code for a unit that it does not know.
const NOT_LOADED: i32 = 5;
