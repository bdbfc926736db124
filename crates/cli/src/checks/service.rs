//! The services of this installation, where there are any: whether they run, start by themselves, outlive the last login,
//! and are defined as they would be today.

use super::{Check, Finding, Kind, Looked, Scene, Severity, UsedBy};
use crate::commands::living;
use crate::service::{Definition, Identity, Manager, Service, Standing};
use std::path::Path;

pub(super) const CHECK: Check = Check {
    id: "service",
    title: "Services",
    kinds: &[&OUTDATED, &RELOAD, &NOT_ENABLED, &FAILED, &NO_LINGER],
    used_by: UsedBy::Doctor,
    look: |scene| Box::pin(look(scene)),
};

static OUTDATED: Kind = Kind {
    id: "service.outdated",
    severity: Severity::Warn,
    title: "a service is not defined as it would be today",
    remedy: "write it anew: `openclaw gateway install`, `openclaw node install`",
    mends: true,
};
static RELOAD: Kind = Kind {
    id: "service.reload_pending",
    severity: Severity::Warn,
    title: "systemd goes by an older text of a service than the one on disk",
    remedy: "`systemctl --user daemon-reload`",
    mends: true,
};
static NOT_ENABLED: Kind = Kind {
    id: "service.not_enabled",
    severity: Severity::Warn,
    title: "a service is installed and does not start by itself",
    remedy: "`openclaw gateway install`, `openclaw node install`; or uninstall it",
    mends: false,
};
static FAILED: Kind = Kind {
    id: "service.failed",
    severity: Severity::Critical,
    title: "a service has ended and is not started again",
    remedy: "see what it said: `journalctl --user -u openclaw-gateway -n 30`, then `openclaw gateway restart`",
    mends: false,
};
static NO_LINGER: Kind = Kind {
    id: "service.no_linger",
    severity: Severity::Warn,
    title: "this user's services end with the last login",
    remedy: "`sudo loginctl enable-linger \"$USER\"`",
    mends: false,
};

async fn look(scene: &Scene<'_>) -> Looked {
    let ctx = scene.ctx;
    let Some(home) = ctx.env.user_home() else { return Looked::skipped("there is no home directory") };
    let manager = Manager::of_host(&ctx.env, &home);
    let profile = ctx.paths.profile.as_deref();
    let mut findings = Vec::new();
    let mut installed = Vec::new();
    let gateway = Identity::gateway(profile, &ctx.env).ok();
    for identity in gateway.into_iter().chain([Identity::of("node", profile)]) {
        let standing = match manager.look(&identity).await {
            Ok(standing) => standing,
            Err(error) => return Looked::skipped(error.to_string()),
        };
        if standing.definition != Definition::Absent {
            findings.extend(judge(scene, &home, &identity, &standing));
            installed.push(identity.word);
        }
    }
    if installed.is_empty() {
        return Looked::well("none is installed");
    }
    if manager.lingers().await == Some(false) {
        findings.push(Finding::new(&NO_LINGER, "systemd", format!("of {}", installed.join(" and "))));
    }
    findings.into()
}

fn judge(scene: &Scene<'_>, home: &Path, identity: &Identity, standing: &Standing) -> Vec<Finding> {
    let manager = Manager::of_host(&scene.ctx.env, home);
    let file = &standing.file;
    let command = |rest: &str| scene.ctx.command(&format!("{} {rest}", identity.word));
    let mut findings = Vec::new();
    if let Definition::Ours(service, text) = &standing.definition {
        let today = today(service);
        if manager.text(&today) != *text {
            let why =
                if today.argv == service.argv { "an older version wrote it" } else { "its program is gone" };
            let place = file.display().to_string();
            let mend = async move {
                let done = manager.rewrite(&today).await;
                done.map(|()| format!("wrote {place} anew; it counts from the next start on"))
                    .map_err(|error| error.to_string())
            };
            findings.push(Finding::in_file(&OUTDATED, file, why).fix(command("install")).mend(mend));
        }
    }
    if standing.reload_pending {
        let (manager, identity) = (Manager::of_host(&scene.ctx.env, home), identity.clone());
        let mend = async move {
            let done = manager.reload(&identity).await;
            done.map(|()| "had systemd read its units again".to_owned()).map_err(|error| error.to_string())
        };
        findings.push(Finding::in_file(&RELOAD, file, "changed since").mend(mend));
    }
    if !standing.enabled {
        findings.push(Finding::in_file(&NOT_ENABLED, file, "disabled").fix(command("install")));
    }
    if let Some(runtime) = standing.runtime.as_ref().filter(|runtime| runtime.state == "failed") {
        let exit =
            runtime.last_exit.map_or_else(|| "failed".into(), |code| format!("its exit code was {code}"));
        let see = format!("journalctl --user -u {} -n 30, then {}", identity.unit, command("restart"));
        findings.push(Finding::in_file(&FAILED, file, exit).fix(see));
    }
    findings
}

/// The service as it would be installed now: as it was, with the program that is there.
fn today(service: &Service) -> Service {
    let mut today = service.clone();
    if let Some(program) = today.argv.first_mut()
        && !living::is_executable(Path::new(program))
        && let Ok(own) = std::env::current_exe()
    {
        *program = own.display().to_string();
    }
    today
}
