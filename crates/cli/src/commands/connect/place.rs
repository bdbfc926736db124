//! The gateway's place in the configuration: whether it is free, taking it, and giving it back.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use config::{Change, Edited, Editor, GatewayMode, Loaded};
use remote::JoinTarget;
use serde_json::json;

/// Refuses where this computer has a gateway of its own or goes to another. Looked at before a join URL is used up.
///
/// # Errors
/// The place is taken.
pub(super) fn check_free(before: &Loaded, target: &JoinTarget) -> Result<(), Failure> {
    let gateway = &before.config.gateway;
    let taken = |what: String| {
        Err(Failure::new(Exit::Failed, "PLACE_TAKEN", what).hint(
            "to put the new gateway in its place, add --force; the file as it is stays beside it as a copy",
        ))
    };
    let new = match target {
        JoinTarget::Url(url) => url.shown(),
        JoinTarget::Code(code) => code.url.clone(),
    };
    match &gateway.remote.url {
        Some(url) if host(url) != host(&new) => {
            taken(format!("this computer goes to another gateway: gateway.remote.url is {url}"))
        }
        None if gateway.mode == Some(GatewayMode::Local) => {
            taken("this computer has a gateway of its own: gateway.mode is \"local\"".to_owned())
        }
        _ => Ok(()),
    }
}

fn host(url: &str) -> &str {
    crate::link::host_of(url)
}

/// Takes the place. All else of `gateway.remote` goes where it was for another address: what was meant for that gateway goes
/// to no other.
///
/// # Errors
/// The file cannot be changed.
pub(super) fn write(ctx: &Context, url: &str) -> Result<Edited, Failure> {
    let same = ctx.load()?.config.gateway.remote.url.as_deref() == Some(url);
    let patch = json!({"gateway": {"mode": "remote", "remote": {"url": url}}});
    let replace = if same { Vec::new() } else { vec!["gateway.remote".to_owned()] };
    let editor = Editor { paths: &ctx.paths, env: &ctx.env, base: None, dry_run: false };
    Ok(editor.apply(Change::Merge { patch, replace })?)
}

/// What takes it back, a step a line.
pub(super) fn undo(ctx: &Context, before: &Loaded, device_id: &str) -> Vec<String> {
    let gateway = &before.config.gateway;
    let mode = match gateway.mode {
        Some(GatewayMode::Local) => "config set gateway.mode local",
        Some(GatewayMode::Remote) => "config set gateway.mode remote",
        None => "config unset gateway.mode",
    };
    let remote = match &gateway.remote.url {
        Some(url) => format!("config set gateway.remote.url {url}"),
        None => "config unset gateway.remote".to_owned(),
    };
    vec![
        format!("{} && {}", ctx.command(&remote), ctx.command(mode)),
        format!("on the gateway: openclaw devices remove {device_id}"),
    ]
}
