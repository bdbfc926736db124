//! Whether anybody can get in without proving anything.

use super::{Check, Finding, Kind, Looked, Scene, Severity, UNREADABLE, UsedBy, change, now};
use config::Change;
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
    remedy: "set gateway.bind to \"loopback\", or ask for a token: `openclaw config set gateway.auth.mode token`",
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
fn look(scene: &Scene<'_>) -> Looked {
    if scene.is_unreadable() {
        return Looked::skipped(UNREADABLE);
    }
    if scene.is_remote() || scene.written_text("/gateway/auth/mode") != Some("none") {
        return Looked::default();
    }
    let bind = scene.written_text("/gateway/bind").unwrap_or("loopback");
    let kind = if scene.opens_to_others() { &OPEN } else { &LOCAL };
    let detail = format!("is \"none\", and gateway.bind is {bind:?}");
    let finding = Finding::new(kind, "gateway.auth.mode", detail);
    // The gateway makes a token of its own where none is configured, unless it listens for others.
    let done = "gateway.auth.mode is \"token\" now";
    vec![scene.mend_access(finding, || change::config(scene, ask_for_a_token, done.to_owned()))].into()
}

/// In the text, because a configuration that is refused as a whole cannot be changed key by key.
fn ask_for_a_token(text: &str) -> Result<Change, String> {
    let text = config::edit::set(text, "gateway.auth.mode", &json!("token"));
    Ok(Change::Replace { text: text.map_err(|error| error.to_string())? })
}
