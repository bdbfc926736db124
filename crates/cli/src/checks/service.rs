//! The services of this installation, where there are any: whether they run, start by themselves, outlive the last login,
//! and are defined as an install would define them. A definition is looked at and never written: what differs may be
//! somebody's own change, and a program that is gone may have been a wrapper.

use super::{Check, Finding, Kind, Looked, Scene, Severity, UsedBy};
use crate::commands::living;
use crate::service::{Definition, Identity, Manager, Service, Standing};
use std::path::Path;

pub(super) const CHECK: Check = Check {
    id: "service",
    title: "Services",
    kinds: &[&OUTDATED, &PROGRAM_GONE, &RELOAD, &NOT_ENABLED, &FAILED, &NO_LINGER],
    used_by: UsedBy::Doctor,
    look: |scene| Box::pin(look(scene)),
};

static OUTDATED: Kind = Kind {
    id: "service.outdated",
    severity: Severity::Warn,
    title: "a service is not defined as an install would define it: an older version wrote it, or somebody changed it",
    remedy: "move changes of your own into a drop-in (`systemctl --user edit openclaw-gateway`), then install it again with its flags: `openclaw gateway install`, `openclaw node install`, `openclaw remote install`",
    mends: false,
};
static PROGRAM_GONE: Kind = Kind {
    id: "service.program_gone",
    severity: Severity::Critical,
    title: "the program that a service starts is not there, or may not be executed",
    remedy: "put it back, or install the service again with its flags: `openclaw gateway install`, `openclaw node install`, `openclaw remote install`",
    mends: false,
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
    remedy: "`openclaw gateway install`, `openclaw node install`, `openclaw remote install`; or uninstall it",
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
    if living::is_external(ctx) {
        let why = "OPENCLAW_SUPERVISOR_MODE is \"external\": another program starts and stops this one";
        return Looked::skipped(why);
    }
    let Some(home) = ctx.env.user_home() else { return Looked::skipped("there is no home directory") };
    let manager = Manager::of_host(&ctx.env, &home);
    let profile = ctx.paths.profile.as_deref();
    let mut findings = Vec::new();
    let mut installed = Vec::new();
    let gateway = Identity::gateway(profile, &ctx.env).ok();
    let others = ["node", "tunnel"].map(|word| Identity::of(word, profile));
    for identity in gateway.into_iter().chain(others) {
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
    let install = scene.ctx.command(&identity.command("install"));
    let mut findings = Vec::new();
    if let Definition::Ours(service, text) = &standing.definition {
        let again = format!("{install}{}", flags(service));
        if manager.text(service) != *text {
            let keep =
                format!("move changes of your own into a drop-in (systemctl --user edit {})", identity.unit);
            let found = Finding::in_file(&OUTDATED, file, "is not what an install would write");
            findings.push(found.fix(format!("{keep}, then: {again}")));
        }
        let program = service.argv.first().map(String::as_str).unwrap_or_default();
        if !living::is_executable(Path::new(program)) {
            let fix = format!("put {program} back, or install the service again: {again}");
            findings.push(Finding::in_file(&PROGRAM_GONE, file, format!("starts {program}")).fix(fix));
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
        findings.push(Finding::in_file(&NOT_ENABLED, file, "disabled").fix(install));
    }
    if let Some(runtime) = standing.runtime.as_ref().filter(|runtime| runtime.state == "failed") {
        let exit =
            runtime.last_exit.map_or_else(|| "failed".into(), |code| format!("its exit code was {code}"));
        let restart = scene.ctx.command(&identity.command("restart"));
        let see = format!("journalctl --user -u {} -n 30, then {restart}", identity.unit);
        findings.push(Finding::in_file(&FAILED, file, exit).fix(see));
    }
    findings
}

/// What the service's own install was given, each word after a blank: what it gives its program after `run`.
fn flags(service: &Service) -> String {
    let given = service.argv.iter().skip_while(|word| *word != "run").skip(1);
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@%".contains(c);
    let quoted = |word: &String| match !word.is_empty() && word.chars().all(is_plain) {
        true => format!(" {word}"),
        false => format!(" '{}'", word.replace('\'', r"'\''")),
    };
    given.map(quoted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_installed_again_with_the_flags_that_it_had() {
        let service = |words: &[&str]| Service {
            argv: words.iter().map(|word| (*word).to_owned()).collect(),
            ..crate::service::testing::gateway()
        };
        assert_eq!(flags(&service(&["/x/run", "gateway", "run", "--port", "18790"])), " --port 18790");
        let node = ["/x", "node", "run", "--display-name", "it's mine", ""];
        assert_eq!(flags(&service(&node)), r" --display-name 'it'\''s mine' ''");
        assert_eq!(flags(&service(&["/x", "remote", "up", "--foreground"])), "");
    }
}
