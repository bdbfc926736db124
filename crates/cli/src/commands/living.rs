//! `install`, `start`, `stop`, `restart`, `status` and `uninstall` of a service, the same for all that can be one. Reports
//! have the shape of OpenClaw's: `action`, `result`, `message`, `service`, and what to do as `hints` and `warnings`.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::{Tone, printable};
use crate::service::{Definition, Identity, Manager, ManagerError, Runtime, Service, Standing, ToolError};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// `start` and what has no flags of its own.
#[derive(Debug, Args)]
pub(crate) struct PlainArgs {}

#[derive(Debug, Args)]
#[allow(dead_code)] // For scripts that are used to it.
pub(crate) struct StopArgs {
    /// Ask nothing; nothing is asked anyway
    #[arg(long, hide = true)]
    force: bool,
}

#[derive(Debug, Args)]
#[allow(dead_code)] // `safe` is for scripts that are used to it.
pub(crate) struct RestartArgs {
    /// At once, without letting turns that run end; they are taken up at the next start
    #[arg(long, conflicts_with = "safe")]
    pub(crate) force: bool,
    /// Let turns that run end first, within bounds; that is so anyway
    #[arg(long, hide = true)]
    safe: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UninstallArgs {
    /// Also a service of this name that this program has not written
    #[arg(long)]
    pub(crate) force: bool,
}

/// One service of this host.
pub(crate) struct Living<'a> {
    ctx: &'a Context,
    manager: Manager,
    identity: Identity,
}

impl<'a> Living<'a> {
    /// The service with these names, whether it is installed or not.
    ///
    /// # Errors
    /// There is no home directory.
    pub(crate) fn new(ctx: &'a Context, identity: Identity) -> Result<Self, Failure> {
        Ok(Self { ctx, manager: Manager::of_host(&ctx.env, &home(ctx)?), identity })
    }

    /// Installs and starts it; one that is installed just so and runs is left alone.
    pub(crate) async fn install(
        &self,
        service: &Service,
        force: bool,
        warnings: &[String],
    ) -> Result<(), Failure> {
        self.native()?;
        let before = self.look().await?;
        let same = matches!(&before.definition, Definition::Ours(old, text)
            if **old == *service && *text == self.manager.text(service));
        let runs = before.runtime.as_ref().is_some_and(|r| r.running);
        if same && runs && before.enabled && !before.reload_pending && !force {
            return self
                .say("install", "already-installed", "is installed already, and runs", &[], warnings)
                .await;
        }
        self.manager.install(service, force).await.map_err(|e| self.failed(e))?;
        self.say(
            "install",
            "installed",
            "is installed, runs, and starts by itself",
            &self.hints().await,
            warnings,
        )
        .await
    }

    /// Whether it can be installed without taking somebody else's place.
    pub(crate) async fn may_install(&self) -> Result<(), Failure> {
        self.native()?;
        let standing = self.look().await?;
        match standing.definition {
            Definition::Foreign => Err(self.failed(ManagerError::Foreign(standing.file))),
            Definition::Absent | Definition::Ours(..) => Ok(()),
        }
    }

    /// Starts it, and waits until it says that it works.
    pub(crate) async fn start(&self) -> Result<(), Failure> {
        self.native()?;
        let runs = self.look().await?.runtime.is_some_and(|r| r.running);
        if runs {
            return self.say("start", "already-running", "runs already", &[], &[]).await;
        }
        self.manager.start(&self.identity).await.map_err(|e| self.failed(e))?;
        self.say("start", "started", "runs", &[], &[]).await
    }

    /// Ends it; one that does not run is fine.
    pub(crate) async fn stop(&self, _: &StopArgs) -> Result<(), Failure> {
        self.native()?;
        let runs = self.look().await?.runtime.is_some_and(|r| r.running);
        self.manager.stop(&self.identity).await.map_err(|e| self.failed(e))?;
        let (result, text) = if runs { ("stopped", "is stopped") } else { ("not-loaded", "does not run") };
        self.say("stop", result, text, &[], &[]).await
    }

    /// Ends and starts it.
    pub(crate) async fn restart(&self, args: &RestartArgs) -> Result<(), Failure> {
        self.native()?;
        self.manager.restart(&self.identity, args.force).await.map_err(|e| self.failed(e))?;
        self.say("restart", "restarted", "was started anew, and runs", &[], &[]).await
    }

    /// Ends it and takes it away. State and configuration stay.
    pub(crate) async fn uninstall(&self, args: &UninstallArgs) -> Result<(), Failure> {
        self.native()?;
        let was = self.manager.uninstall(&self.identity, args.force).await.map_err(|e| self.failed(e))?;
        let (result, text) = if was {
            ("uninstalled", "is no service any more; state and configuration stay")
        } else {
            ("not-loaded", "is not installed")
        };
        self.say("uninstall", result, text, &[], &[]).await
    }

    /// How it stands, for reports of status; never a failure.
    pub(crate) async fn facts(&self) -> Value {
        match self.manager.look(&self.identity).await {
            Ok(standing) => self.snapshot(&standing),
            Err(error) => {
                let mut facts = self.words(false);
                facts["error"] = error.to_string().into();
                facts
            }
        }
    }

    /// The same as a report of its own.
    pub(crate) async fn status(&self) -> Result<(), Failure> {
        let facts = self.facts().await;
        self.ctx.out.show(&json!({"ok": true, "service": facts}), || line(&facts))
    }

    async fn look(&self) -> Result<Standing, Failure> {
        self.manager.look(&self.identity).await.map_err(|e| self.failed(e))
    }

    /// Whoever says that something else starts and stops this is not helped by a second one that does.
    fn native(&self) -> Result<(), Failure> {
        if !is_external(self.ctx) {
            return Ok(());
        }
        let message = "OPENCLAW_SUPERVISOR_MODE is \"external\": another program starts and stops this one";
        Err(Failure::new(Exit::Failed, "EXTERNAL_SUPERVISOR", message)
            .hint("use that program, or unset the variable"))
    }

    async fn hints(&self) -> Vec<String> {
        if self.manager.lingers().await != Some(false) {
            return Vec::new();
        }
        vec!["it ends with your last login; to have it live on: sudo loginctl enable-linger \"$USER\"".into()]
    }

    async fn say(
        &self,
        action: &str,
        result: &str,
        text: &str,
        hints: &[String],
        warnings: &[String],
    ) -> Result<(), Failure> {
        let standing = self.look().await?;
        let message = format!("the {} {text}", self.identity.word);
        let report = json!({
            "ok": true, "action": action, "result": result, "message": message,
            "service": self.snapshot(&standing), "hints": hints, "warnings": warnings,
        });
        let out = &self.ctx.out;
        for warning in warnings.iter().filter(|_| !out.json) {
            out.remark(&format!("note: {warning}"));
        }
        out.show(&report, || {
            let lines = hints.iter().map(|hint| format!("{} {hint}", out.paint(Tone::Bold, "hint:")));
            [format!("{message} ({})", standing.file.display())]
                .into_iter()
                .chain(lines)
                .collect::<Vec<_>>()
                .join("\n")
        })
    }

    fn words(&self, loaded: bool) -> Value {
        let (yes, no) = self.manager.loaded_words();
        json!({"label": self.manager.name(), "loaded": loaded, "loadedText": yes, "notLoadedText": no})
    }

    fn snapshot(&self, standing: &Standing) -> Value {
        let mut facts = self.words(standing.enabled);
        facts["unit"] = match &self.manager {
            Manager::Systemd(_) => self.identity.unit_file(),
            Manager::Launchd(_) => self.identity.label.clone(),
        }
        .into();
        facts["sourcePath"] = standing.file.display().to_string().into();
        facts["definition"] = match &standing.definition {
            Definition::Absent => "none",
            Definition::Foreign => "another program's",
            Definition::Ours(service, text) if self.manager.text(service) != *text => "outdated",
            Definition::Ours(..) => "ours",
        }
        .into();
        if let Definition::Ours(service, _) = &standing.definition {
            facts["command"] =
                json!({"programArguments": service.argv, "workingDirectory": service.directory});
        }
        if let Some(runtime) = &standing.runtime {
            facts["runtime"] = runtime_json(runtime);
        }
        facts["reloadPending"] = standing.reload_pending.into();
        facts
    }

    fn failed(&self, error: ManagerError) -> Failure {
        let message = error.to_string();
        let install = self.ctx.command(&self.identity.command("install"));
        match error {
            ManagerError::None { advice, .. } => {
                let failure = Failure::new(Exit::Failed, "NO_SERVICE_MANAGER", message);
                advice.into_iter().fold(failure, Failure::hint)
            }
            ManagerError::Foreign(_) => Failure::new(Exit::Failed, "FOREIGN_SERVICE", message)
                .hint("look at it first; to put this program in its place, say --force"),
            ManagerError::NotInstalled { .. } => {
                Failure::new(Exit::Failed, "NOT_INSTALLED", message).hint(format!("install it: {install}"))
            }
            ManagerError::Refused { .. } => {
                let failure = Failure::new(Exit::Failed, "SERVICE", message);
                match &self.manager {
                    Manager::Systemd(_) => failure
                        .hint(format!("what it said: journalctl --user -u {} -n 30", self.identity.unit)),
                    Manager::Launchd(_) => failure.hint(format!(
                        "what launchd knows: launchctl print gui/$(id -u)/{}",
                        self.identity.label
                    )),
                }
                .hint(format!("what may be wrong: {}", self.ctx.command("doctor")))
            }
            ManagerError::Tool(ToolError::Slow { .. }) => {
                let status = self.ctx.command(&self.identity.command("status"));
                Failure::new(Exit::Failed, "SERVICE", message)
                    .hint(format!("what was asked for may still come about: {status}"))
            }
            ManagerError::Tool(_) | ManagerError::File(_) => Failure::new(Exit::Failed, "SERVICE", message),
        }
    }
}

/// Whether another program is said to start and stop what else would be a service.
pub(crate) fn is_external(ctx: &Context) -> bool {
    ctx.env.get_filled("OPENCLAW_SUPERVISOR_MODE") == Some("external")
}

/// The user's own home, where service managers look.
pub(crate) fn home(ctx: &Context) -> Result<PathBuf, Failure> {
    let none = || Failure::new(Exit::Failed, "NO_HOME", "there is no home directory; set HOME");
    ctx.env.user_home().ok_or_else(none)
}

/// This program, as a service is to start it; `wrapper` (or `OPENCLAW_WRAPPER`) stands in for it.
pub(crate) fn program(ctx: &Context, wrapper: Option<&PathBuf>) -> Result<String, Failure> {
    let named = wrapper.cloned().or_else(|| ctx.env.get_filled("OPENCLAW_WRAPPER").map(PathBuf::from));
    let path = match named {
        Some(path) => {
            let path = std::path::absolute(&path).unwrap_or(path);
            if !is_executable(&path) {
                return Err(Failure::usage(format!(
                    "the wrapper {} is no file that may be executed",
                    path.display()
                )));
            }
            path
        }
        None => std::env::current_exe().map_err(|e| {
            Failure::new(
                Exit::Failed,
                "PROGRAM",
                format!("the system does not say where this program is: {e}"),
            )
        })?,
    };
    path.into_os_string().into_string().map_err(|path| {
        Failure::new(Exit::Failed, "PROGRAM", format!("{} is not UTF-8", path.to_string_lossy()))
    })
}

/// What was asked for, or is there in this shell, and does not go into a definition; `instead` is the way for secrets.
pub(crate) fn left_out(ctx: &Context, word: &str, runtime: bool, instead: &str) -> Vec<String> {
    let mut left_out = Vec::new();
    if runtime {
        left_out
            .push(format!("--runtime is for OpenClaw's own {word}; this one needs no other program to run"));
    }
    for name in ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"] {
        if ctx.of_shell(name).is_some() {
            left_out.push(format!(
                "the service does not get this shell's {name}, as no secret goes into a definition; {instead}"
            ));
        }
    }
    left_out
}

/// Whether it is a file that somebody may execute.
pub(crate) fn is_executable(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// `--profile NAME` or `--dev` as arguments.
pub(crate) fn profile_words(ctx: &Context) -> Vec<String> {
    ctx.paths.profile_flags().split_whitespace().map(str::to_owned).collect()
}

fn runtime_json(runtime: &Runtime) -> Value {
    json!({
        "status": if runtime.running { "running" } else { "stopped" },
        "state": runtime.state, "subState": runtime.sub_state, "pid": runtime.pid,
        "lastExitStatus": runtime.last_exit, "text": runtime.status,
    })
}

/// The facts on one line.
pub(crate) fn line(facts: &Value) -> String {
    let text = |pointer: &str| facts.pointer(pointer).and_then(Value::as_str);
    if let Some(error) = text("/error") {
        return format!("none ({})", printable(error));
    }
    let Some(kind) = text("/definition").filter(|kind| *kind != "none") else {
        return "not installed".into();
    };
    let mut words = vec![text("/unit").unwrap_or_default().to_owned()];
    words.push(text("/runtime/status").unwrap_or("not loaded").to_owned());
    if let Some(pid) = facts.pointer("/runtime/pid").and_then(Value::as_u64) {
        words.push(format!("pid {pid}"));
    }
    if let Some(said) = text("/runtime/text") {
        words.push(printable(said));
    }
    let loaded = facts["loaded"] == true;
    words.push(text(if loaded { "/loadedText" } else { "/notLoadedText" }).unwrap_or_default().to_owned());
    match kind {
        "ours" => {}
        "outdated" => words.push("its definition is not what an install would write: openclaw doctor".into()),
        other => words.push(format!("it is {other}")),
    }
    if facts["reloadPending"] == true {
        words.push("changed on disk: systemctl --user daemon-reload".into());
    }
    words.join(", ")
}
