//! Tailscale, where the gateway is to be reached by it: whether this host is on its tailnet.

use super::{Check, Finding, Kind, Looked, Scene, Severity, UsedBy};
use crate::service::Tool;
use serde_json::Value;
use std::time::Duration;

pub(super) const CHECK: Check = Check {
    id: "tailscale",
    title: "Tailscale",
    kinds: &[&NOT_READY],
    used_by: UsedBy::Doctor,
    look: |scene| Box::pin(look(scene)),
};

static NOT_READY: Kind = Kind {
    id: "host.tailscale_not_ready",
    severity: Severity::Critical,
    title: "the gateway is to be reached over Tailscale, and this host is not on a tailnet",
    remedy: "`tailscale up`; or set gateway.tailscale.mode to \"off\"",
    mends: false,
};

/// It asks its own service on this host.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

async fn look(scene: &Scene<'_>) -> Looked {
    let text = |pointer: &str| scene.written.pointer(pointer).and_then(Value::as_str);
    let wanted = matches!(text("/gateway/tailscale/mode"), Some("serve" | "funnel"))
        || text("/gateway/bind") == Some("tailnet");
    if scene.is_remote() || !wanted {
        return Looked::skipped("the gateway does not use it");
    }
    let said = match Tool::default().ask(&["tailscale", "status", "--json"], ANSWER_WITHIN).await {
        Ok(said) => said,
        Err(error) => {
            let next = "install Tailscale, or set gateway.tailscale.mode to \"off\"";
            return vec![Finding::new(&NOT_READY, "tailscale", error.to_string()).fix(next)].into();
        }
    };
    let status: Value = serde_json::from_str(&said.out).unwrap_or_default();
    let finding = |detail: String| Finding::new(&NOT_READY, "tailscale", detail);
    match status.get("BackendState").and_then(Value::as_str) {
        Some("Running") => Looked::default(),
        Some("NeedsLogin") => vec![finding("nobody has logged in".into())].into(),
        Some("Stopped") => vec![finding("it is switched off".into())].into(),
        Some(other) => vec![finding(format!("its state is {other:?}")).fix("tailscale status")].into(),
        None => vec![finding(said.reason()).fix("see whether its service runs: systemctl status tailscaled")]
            .into(),
    }
}
