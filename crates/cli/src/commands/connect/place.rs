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
    let taken = |what: String| {
        Err(Failure::new(Exit::Failed, "PLACE_TAKEN", what).hint(
            "to put the new gateway in its place, add --force; the file as it is stays beside it as a copy",
        ))
    };
    let new = match target {
        JoinTarget::Url(url) => vec![url.shown()],
        JoinTarget::Code(code) => code.urls.clone(),
    };
    let gateway = &before.config.gateway;
    if gateway.mode == Some(GatewayMode::Local) {
        return taken("this computer has a gateway of its own: gateway.mode is \"local\"".to_owned());
    }
    if let Some(host) = &gateway.remote.ssh_target {
        return taken(format!("this computer goes to another gateway: gateway.remote.sshTarget is {host}"));
    }
    match &gateway.remote.url {
        Some(url) if !new.iter().any(|new| remote::is_same_gateway(url, new)) => {
            taken(format!("this computer goes to another gateway: gateway.remote.url is {url}"))
        }
        _ => Ok(()),
    }
}

/// Takes the place. All else of `gateway.remote` goes where it was for another address: what was meant for that gateway goes
/// to no other. With `dry_run` nothing is written.
///
/// # Errors
/// The file cannot be changed.
pub(super) fn write(ctx: &Context, url: &str, dry_run: bool) -> Result<Edited, Failure> {
    let remote = ctx.load()?.config.gateway.remote;
    let same =
        remote.ssh_target.is_none() && remote.url.is_some_and(|before| remote::is_same_gateway(&before, url));
    let patch = json!({"gateway": {"mode": "remote", "remote": {"url": url}}});
    let replace = if same { Vec::new() } else { vec!["gateway.remote".to_owned()] };
    let editor = Editor { paths: &ctx.paths, env: &ctx.env, base: None, dry_run };
    Ok(editor.apply(Change::Merge { patch, replace })?)
}

/// What takes it back, a step a line.
pub(super) fn undo(ctx: &Context, before: &Loaded, url: &str, device_id: &str) -> Vec<String> {
    let gateway = &before.config.gateway;
    let mode = match gateway.mode {
        Some(GatewayMode::Local) => "config set gateway.mode local",
        Some(GatewayMode::Remote) => "config set gateway.mode remote",
        None => "config unset gateway.mode",
    };
    let same = gateway.remote.ssh_target.is_none()
        && gateway.remote.url.as_ref().is_some_and(|before| remote::is_same_gateway(before, url));
    let had = before.source.pointer("/gateway/remote").is_some();
    let back = if had && !same {
        // All of it was replaced: the whole file is what brings it back.
        let file = before.file.display();
        format!("cp {file}.bak {file}")
    } else {
        let remote = match &gateway.remote.url {
            Some(url) => format!("config set gateway.remote.url {url}"),
            None => "config unset gateway.remote".to_owned(),
        };
        format!("{} && {}", ctx.command(&remote), ctx.command(mode))
    };
    vec![back, format!("on the gateway: openclaw devices remove {device_id}")]
}
