//! The keys: who the gateway is to its devices, and who this installation is to gateways elsewhere.

use super::{Check, Finding, Kind, Scene, Severity, UsedBy, now};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::path::Path;

pub(super) const CHECK: Check = Check {
    id: "identity",
    title: "Keys",
    kinds: &[&GATEWAY_KEY, &DEVICE_KEY],
    used_by: UsedBy::Doctor,
    look: |scene| now(look(scene)),
};

static GATEWAY_KEY: Kind = Kind {
    id: "identity.gateway_key_damaged",
    severity: Severity::Critical,
    title: "the gateway's key cannot be used, so it does not start",
    remedy: "restore it from a backup, or move it away: the next start makes another, and all devices have to pair again",
    mends: false,
};
static DEVICE_KEY: Kind = Kind {
    id: "identity.device_key_damaged",
    severity: Severity::Warn,
    title: "the key of this installation as a device cannot be used",
    remedy: "restore it from a backup, or move it away: the next command makes another, and gateways elsewhere have to approve it",
    mends: false,
};

fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let dir = scene.ctx.paths.identity_dir();
    let mut findings = Vec::new();
    let gateway = dir.join("gateway.key");
    match std::fs::read_to_string(&gateway) {
        Ok(text) if is_seed(text.trim()) => {}
        Ok(_) => findings.push(Finding::in_file(&GATEWAY_KEY, &gateway, "holds no key").fix(away(&gateway))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => findings.push(Finding::in_file(&GATEWAY_KEY, &gateway, error.to_string())),
    }
    let device = dir.join("operator.json");
    if let Err(error) = client::Identity::load(&device) {
        findings.push(Finding::in_file(&DEVICE_KEY, &device, error.to_string()).fix(away(&device)));
    }
    findings
}

fn away(file: &Path) -> String {
    format!(
        "restore it from a backup, or move it away (devices have to be approved again): mv {0} {0}.damaged",
        file.display()
    )
}

/// 32 bytes in base64url.
fn is_seed(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}
