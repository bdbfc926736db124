//! Whether anybody can get in without proving anything.

use super::{Check, Finding, Kind, Scene, Severity, UsedBy, now};
use config::{Change, Editor};
use serde_json::json;

pub(super) const CHECK: Check = Check {
    id: "exposure",
    title: "Who can connect",
    kinds: &[&OPEN, &LOCAL],
    used_by: UsedBy::Both,
    look: |scene| now(look(scene)),
};

static OPEN: Kind = Kind {
    id: "gateway.bind_no_auth",
    severity: Severity::Critical,
    title: "the gateway would listen for others, and nobody would have to prove anything",
    remedy: "ask for a token (`openclaw config set gateway.auth.mode token`), or set gateway.bind to \"loopback\"",
    mends: true,
};
static LOCAL: Kind = Kind {
    id: "gateway.loopback_no_auth",
    severity: Severity::Warn,
    title: "every program and user of this host can command the gateway",
    remedy: "ask for a token: `openclaw config set gateway.auth.mode token`; behind a proxy, everybody could come in",
    mends: true,
};

/// Goes by the file as it is written: with an open bind, the configuration as a whole is refused.
fn look(scene: &Scene<'_>) -> Vec<Finding> {
    if scene.is_remote() || scene.written_text("/gateway/auth/mode") != Some("none") {
        return Vec::new();
    }
    let bind = scene.written_text("/gateway/bind").unwrap_or("loopback");
    let kind = if scene.opens_to_others() { &OPEN } else { &LOCAL };
    let detail = format!("is \"none\", and gateway.bind is {bind:?}");
    let finding = Finding::new(kind, "gateway.auth.mode", detail);
    // The audit changes nothing about who gets in.
    vec![if scene.command == UsedBy::Doctor { finding.mend(ask_for_a_token(scene)) } else { finding }]
}

/// The gateway makes a token of its own where none is configured.
fn ask_for_a_token(scene: &Scene<'_>) -> impl Future<Output = Result<String, String>> + use<> {
    let (paths, env) = (scene.ctx.paths.clone(), scene.ctx.env.clone());
    async move {
        let file = &paths.config_file;
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let text = config::edit::set(&text, "gateway.auth.mode", &json!("token"))
            .map_err(|error| error.to_string())?;
        Editor { paths: &paths, env: &env, base: None, dry_run: false }
            .apply(Change::Replace { text })
            .map(|_| {
                format!("{}: gateway.auth.mode is \"token\" now; start the gateway again", file.display())
            })
            .map_err(|error| error.to_string())
    }
}
