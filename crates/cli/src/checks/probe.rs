//! What the running gateway itself shows: with `--deep` alone, since it connects.

use super::listeners::on_port;
use super::{Check, Finding, Kind, Looked, Scene, Severity, UsedBy};
use crate::link::{scopes_of, tunnel};
use client::{ClientDescription, ConnectOptions, Connection};
use remote::Target;

pub(super) const CHECK: Check = Check {
    id: "probe",
    title: "The running gateway",
    kinds: &[&FAILED, &NO_AUTH, &WIDER],
    used_by: UsedBy::Audit,
    look: |scene| Box::pin(look(scene)),
};

static FAILED: Kind = Kind {
    id: "gateway.probe_failed",
    severity: Severity::Warn,
    title: "the gateway could not be asked",
    remedy: "see `openclaw gateway probe`",
    mends: false,
};
static NO_AUTH: Kind = Kind {
    id: "gateway.probe_no_auth",
    severity: Severity::Critical,
    title: "the running gateway lets in whoever proves nothing",
    remedy: "set gateway.auth.mode to \"token\", and start the gateway again",
    mends: false,
};
static WIDER: Kind = Kind {
    id: "gateway.listens_wider",
    severity: Severity::Critical,
    title: "the running gateway listens for others, and the configuration says that it should not",
    remedy: "start it again without --bind, or have the configuration say what is meant",
    mends: false,
};

async fn look(scene: &Scene<'_>) -> Looked {
    if !scene.deep {
        return Looked::skipped("--deep asks it");
    }
    let target = match scene.target() {
        Some(Ok(target)) => target,
        Some(Err(failure)) => return vec![Finding::new(&FAILED, "gateway", failure.message)].into(),
        None => return Looked::skipped("none runs here"),
    };
    let mut findings = Vec::new();
    let url = match scene.live().await {
        Some(Ok(live)) => live.url.clone(),
        Some(Err(failure)) => {
            let url = tunnel::url_of(scene.ctx, &target);
            findings.push(Finding::new(&FAILED, url.clone(), failure.message.clone()));
            url
        }
        None => target.url.clone(),
    };
    findings.extend(without_secret(scene, &target).await);
    findings.extend(wider(scene));
    let tried = match target.local {
        true => "lets nobody in who proves nothing",
        false => "runs elsewhere, where nobody is tried without a secret",
    };
    let note = findings.is_empty().then(|| format!("{url} answers, and {tried}"));
    Looked { findings, note, skipped: None }
}

/// Comes with nothing in its hands, not even a device; being let in is what is wrong.
async fn without_secret(scene: &Scene<'_>, target: &Target) -> Option<Finding> {
    // Elsewhere, that would look like somebody who tries doors.
    if !target.local {
        return None;
    }
    let client = ClientDescription::new("cli", "cli", env!("CARGO_PKG_VERSION"));
    let mut options = ConnectOptions::new(target.url.clone(), client);
    options.scopes = scopes_of("health");
    options.connect_timeout = scene.patience();
    // A refusal is what should be, and whoever does not answer lets nobody in.
    let connection = Connection::open(&options).await.ok()?;
    connection.close().await;
    Some(Finding::new(&NO_AUTH, target.url.clone(), "let this command in without a secret"))
}

/// Addresses of this host's own gateway that are not for this host alone.
fn wider(scene: &Scene<'_>) -> Option<Finding> {
    let port = scene.holder.as_ref()?.port?;
    if scene.is_remote() || scene.opens_to_others() {
        return None;
    }
    let open = on_port(port).into_iter().find(|listener| !listener.ip.is_loopback())?;
    let detail = format!("it listens on {}, and gateway.bind says loopback", open.ip);
    Some(Finding::new(&WIDER, format!("port {port}"), detail))
}
