//! Whether the ssh server of this host lets tunnels through to the gateway.

use super::{Check, Finding, Kind, Looked, Scene, Severity, UsedBy};
use exec::{CommandSpec, ExecError};
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

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
    let user =
        scene.ctx.env.get_filled("USER").or_else(|| scene.ctx.env.get_filled("LOGNAME")).unwrap_or("root");
    let wanted = format!("user={user},host=localhost,addr=127.0.0.1");
    let argv = [&program.display().to_string(), "-T", "-C", &wanted].map(String::from);
    let mut spec = CommandSpec::new(argv.to_vec());
    spec.timeout = Some(ANSWER_WITHIN);
    let said = match exec::run(spec, &CancellationToken::new()).await {
        Ok(said) if said.exit_code == Some(0) => said.stdout,
        Ok(said) if said.timed_out => {
            return Looked::skipped(format!("{} does not answer", program.display()));
        }
        Ok(said) => {
            let reason = said.stderr.lines().next().unwrap_or("it said nothing").trim().to_owned();
            return Looked::skipped(format!("only root can see what it allows ({reason})"));
        }
        Err(error @ ExecError::NotFound { .. }) => return Looked::skipped(error.to_string()),
        Err(error) => return Looked::skipped(format!("{}: {error}", program.display())),
    };
    let gateway = scene.config().map(|config| config.gateway.clone()).unwrap_or_default();
    let port = config::gateway_port(None, &scene.ctx.env, &gateway, &scene.ctx.paths).ok();
    judge(&said, port).into_iter().collect::<Vec<_>>().into()
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
