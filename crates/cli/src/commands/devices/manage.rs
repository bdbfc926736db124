//! `devices rotate|revoke|rename`: the token and the name of a paired device.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{Link, one_call, scope_names};
use crate::output::printable;
use crate::view::{list, text};
use clap::Args;
use protocol::Scope;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    #[command(flatten)]
    token: TokenArgs,
    /// What the token may do from now on, within what the device was approved for; again for each scope [default: as it was]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The token may do nothing of what operators may
    #[arg(long, conflicts_with = "scopes")]
    no_scopes: bool,
}

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The device, as `openclaw devices list` shows it
    #[arg(long, value_name = "DEVICE_ID")]
    device: String,
    /// Which of its tokens: operator or node
    #[arg(long, value_name = "ROLE")]
    role: String,
}

#[derive(Debug, Args)]
pub(super) struct RenameArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The device, as `openclaw devices list` shows it
    #[arg(long, value_name = "DEVICE_ID")]
    device: String,
    /// Its name from now on, at most 64 characters
    #[arg(long, value_name = "NAME")]
    name: String,
}

pub(super) async fn rotate(args: RotateArgs, ctx: &Context) -> Result<(), Failure> {
    let RotateArgs { token, scopes, no_scopes } = args;
    let asked = if no_scopes { Some(Vec::new()) } else { (!scopes.is_empty()).then_some(scopes) };
    let (link, was_revoked) = link(&token, ctx, asked.as_deref()).await?;
    let mut params = json!({"deviceId": token.device, "role": token.role});
    if let Some(scopes) = asked {
        params["scopes"] = json!(scopes);
    }
    let payload = link.call("device.token.rotate", params).await?;
    link.leave().await;
    ctx.out.show(&payload, || rotated(was_revoked).to_owned())
}

fn rotated(was_revoked: bool) -> &'static str {
    if was_revoked {
        "there is a new token, and the revoked one stays worthless; the device is given the new one when it connects with the shared secret\n\
         without that it needs a code: openclaw qr"
    } else {
        "rotated; the device is given the new token when it connects next, with the old one or the shared secret; the old one ends when the new one is used"
    }
}

pub(super) async fn revoke(args: TokenArgs, ctx: &Context) -> Result<(), Failure> {
    let (link, _) = link(&args, ctx, None).await?;
    let params = json!({"deviceId": args.device, "role": args.role});
    let payload = link.call("device.token.revoke", params).await?;
    link.leave().await;
    let back = ctx.command(&format!("devices rotate --device {} --role {}", args.device, args.role));
    ctx.out.show(&payload, || revoked(&args, &back))
}

/// The device is out, whatever secret it has: with the shared one it asks to be let in again.
fn revoked(args: &TokenArgs, back: &str) -> String {
    let (device, role) = (printable(&args.device), printable(&args.role));
    format!(
        "revoked: no {role} token of {device} is good any more, and its connections as {role} are closed\n\
         it is out: with the shared secret it asks to be let in again (openclaw devices list), or comes in after: {}\n\
         without that secret it needs a code (openclaw qr); to forget it altogether: openclaw devices remove {device}",
        printable(back)
    )
}

pub(super) async fn rename(args: RenameArgs, ctx: &Context) -> Result<(), Failure> {
    let params = json!({"deviceId": args.device, "label": args.name});
    let payload = one_call(ctx, &args.connect, "device.pair.rename", params).await?;
    ctx.out.show(&payload, || printable(&format!("{} is called {} now", args.device, args.name.trim())))
}

/// Nobody manages a token that may do more than they may: asks for what it has, or is to get.
/// With it: whether the token is revoked.
async fn link(args: &TokenArgs, ctx: &Context, asked: Option<&[String]>) -> Result<(Link, bool), Failure> {
    let link = Link::dial(ctx, &args.connect, &scope_names(&[Scope::Pairing])).await?;
    let devices = link.call("device.pair.list", json!({})).await?;
    let token = list(&devices, "/paired").iter().filter(|d| text(d, "/deviceId") == Some(&args.device));
    let token = token.flat_map(|d| list(d, "/tokens")).find(|t| text(t, "/role") == Some(&args.role));
    let is_revoked = token.is_some_and(|t| t.get("revokedAtMs").is_some_and(|at| !at.is_null()));
    Ok((link.widen(ctx, &args.connect, &needed(&args.role, token, asked)).await?, is_revoked))
}

fn needed(role: &str, token: Option<&Value>, asked: Option<&[String]>) -> Vec<String> {
    // Another's device may be hidden from this one, and what is no operator is an administrator's.
    let Some(token) = token.filter(|_| role == "operator") else {
        return scope_names(&[Scope::Pairing, Scope::Admin]);
    };
    let own: Vec<String> =
        list(token, "/scopes").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let mut scopes = scope_names(&[Scope::Pairing]);
    for scope in asked.unwrap_or(&own) {
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_for_what_the_token_has_or_is_to_get() {
        let token = json!({"role": "operator", "scopes": ["operator.read"]});
        let write = ["operator.write".to_owned()];
        assert_eq!(needed("operator", Some(&token), None), ["operator.pairing", "operator.read"]);
        assert_eq!(needed("operator", Some(&token), Some(&write)), ["operator.pairing", "operator.write"]);
        assert_eq!(needed("operator", None, None), ["operator.pairing", "operator.admin"]);
        assert_eq!(needed("node", Some(&token), None), ["operator.pairing", "operator.admin"]);
    }
}
