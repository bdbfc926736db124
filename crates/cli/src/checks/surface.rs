//! What there is to be attacked, in a few lines. No finding in the sense of a fault.

use super::commands::runs_unasked;
use super::{Check, Finding, Kind, Scene, Severity, UsedBy, now};

pub(super) const CHECK: Check = Check {
    id: "surface",
    title: "Attack surface",
    kinds: &[&SURFACE],
    used_by: UsedBy::Audit,
    look: |scene| now(look(scene)),
};

static SURFACE: Kind = Kind {
    id: "summary.attack_surface",
    severity: Severity::Info,
    title: "what others can come in by",
    remedy: "nothing: whoever is heard on a channel has the agent's tools, so let in only whom you would give this host",
    mends: false,
};

fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let Some(config) = scene.config() else { return Vec::new() };
    if scene.is_remote() {
        return Vec::new();
    }
    let bind = scene.written_text("/gateway/bind").unwrap_or("loopback");
    let auth = scene.written_text("/gateway/auth/mode").unwrap_or("token");
    let channel = match &config.channels.telegram {
        Some(telegram) if telegram.enabled => {
            format!(
                "Telegram (direct: {}, groups: {})",
                telegram.dm_policy.as_str(),
                telegram.group_policy.as_str()
            )
        }
        _ => "no channel".to_owned(),
    };
    let commands =
        if runs_unasked(scene) { "commands run unasked" } else { "commands are limited or asked about" };
    let terminal = if config.gateway.terminal.enabled { "terminals on" } else { "terminals off" };
    let detail = format!("bind {bind}, auth {auth}; {channel}; {commands}; {terminal}");
    vec![Finding::new(&SURFACE, "this gateway", detail)]
}
