//! Whether the ssh server of this host lets tunnels through to the gateway.

use super::{Check, Finding, Kind, Looked, Scene, Severity, UsedBy};
use crate::service::Tool;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const CHECK: Check = Check {
    id: "sshd",
    title: "SSH server",
    kinds: &[&FORWARDING, &PERMIT_OPEN],
    used_by: UsedBy::Doctor,
    look: |scene| Box::pin(look(scene)),
};

static FORWARDING: Kind = Kind {
    id: "host.sshd_forwarding",
    severity: Severity::Info,
    title: "this host's ssh server refuses tunnels, so nobody reaches the gateway through one",
    remedy: "if you use tunnels: set AllowTcpForwarding to local in /etc/ssh/sshd_config, and have sshd read it again",
    mends: false,
};
static PERMIT_OPEN: Kind = Kind {
    id: "host.sshd_permit_open",
    severity: Severity::Info,
    title: "this host's ssh server lets tunnels through, but not to the gateway's port",
    remedy: "if you use tunnels: add the gateway's address to PermitOpen in /etc/ssh/sshd_config, and have sshd read it again",
    mends: false,
};

/// It reads some files.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Where service programs are; not every user has these in the search path.
const PLACES: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/sbin"];

async fn look(scene: &Scene<'_>) -> Looked {
    if scene.is_remote() {
        return Looked::skipped("the gateway runs elsewhere");
    }
    let Some(program) = program(scene) else { return Looked::skipped("none is installed here") };
    let said = match of_itself(&program).await {
        Ok(said) => said,
        Err(why) => return Looked::skipped(why),
    };
    let gateway = scene.config().map(|config| config.gateway.clone()).unwrap_or_default();
    let port = config::gateway_port(None, &scene.ctx.env, &gateway, &scene.ctx.paths).ok();
    judge(&said, port).into_iter().collect::<Vec<_>>().into()
}

/// What sshd says of itself, as it is for this user who signs in from this host; or why it does not.
async fn of_itself(program: &Path) -> Result<String, String> {
    // It says nothing without a host key, and the host's own are root's. One that nobody ever sees does as well.
    let dir = tempfile::tempdir().map_err(|error| format!("no place for a throwaway host key: {error}"))?;
    let key = dir.path().join("host_key").display().to_string();
    let make_key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &key];
    // Not USER: after su, or in a service, that is somebody else or nobody.
    let (user, _) = tokio::try_join!(ask(&["id", "-un"]), ask(&make_key))?;
    let wanted = format!("user={},host=localhost,addr=127.0.0.1", user.trim());
    ask(&[&program.display().to_string(), "-T", "-h", &key, "-C", &wanted]).await
}

async fn ask(argv: &[&str]) -> Result<String, String> {
    match Tool::default().ask(argv, ANSWER_WITHIN).await {
        Ok(said) if said.is_well() => Ok(said.out),
        Ok(said) => Err(format!("{}: {}", argv.first().unwrap_or(&""), said.reason())),
        Err(error) => Err(error.to_string()),
    }
}

fn program(scene: &Scene<'_>) -> Option<PathBuf> {
    let path = scene.ctx.env.get("PATH").unwrap_or_default().to_owned();
    let dirs = std::env::split_paths(&path).chain(PLACES.iter().map(PathBuf::from)).collect::<Vec<_>>();
    dirs.into_iter().map(|dir| dir.join("sshd")).find(|file| file.is_file())
}

/// What it says of itself: `name value`, names in small letters.
fn judge(said: &str, port: Option<u16>) -> Option<Finding> {
    let value = |name: &str| {
        said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap_or_default().trim()
    };
    let forwarding = value("allowtcpforwarding");
    if value("disableforwarding") == "yes" {
        return Some(Finding::new(&FORWARDING, "DisableForwarding", "is \"yes\""));
    }
    if matches!(forwarding, "no" | "remote") {
        return Some(Finding::new(&FORWARDING, "AllowTcpForwarding", format!("is {forwarding:?}")));
    }
    let open = value("permitopen");
    let port = port?.to_string();
    let leads_there = |target: &str| {
        let Some((host, to)) = target.rsplit_once(':') else { return false };
        matches!(host, "127.0.0.1" | "localhost" | "*") && (to == port || to == "*")
    };
    let fits = open.is_empty() || open == "any" || open.split_whitespace().any(leads_there);
    (!fits).then(|| Finding::new(&PERMIT_OPEN, "PermitOpen", format!("is {open:?}, and the port is {port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sshd_says_of_itself_tells_whether_tunnels_lead_to_the_gateway() {
        let said = |forwarding: &str, disabled: &str, open: &str| {
            format!(
                "port 22\nallowtcpforwarding {forwarding}\ndisableforwarding {disabled}\npermitopen {open}\n"
            )
        };
        for (forwarding, disabled, open, found) in [
            ("yes", "no", "any", None),
            ("local", "no", "any", None),
            ("all", "no", "127.0.0.1:18789", None),
            ("yes", "no", "a:1 localhost:*", None),
            ("no", "no", "any", Some("host.sshd_forwarding")),
            ("remote", "no", "any", Some("host.sshd_forwarding")),
            ("yes", "yes", "any", Some("host.sshd_forwarding")),
            ("yes", "no", "127.0.0.1:22", Some("host.sshd_permit_open")),
            ("yes", "no", "none", Some("host.sshd_permit_open")),
        ] {
            let finding = judge(&said(forwarding, disabled, open), Some(18789));
            assert_eq!(finding.map(|finding| finding.kind.id), found, "{forwarding} {disabled} {open}");
        }
        assert!(judge("", Some(1)).is_none());
    }
}
