//! `openclaw nodes pending|approve|reject|remove`: what nodes may do. Whether their device may connect at all is
//! decided before, with `openclaw devices`.

use super::pick;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{Link, one_call, scope_names};
use crate::output::{Table, ago, printable};
use crate::view::{cell, joined, list, number, text};
use clap::Args;
use protocol::Scope;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct PendingArgs {
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Debug, Args)]
pub(super) struct RequestArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The request, as `openclaw nodes pending` shows it
    #[arg(value_name = "REQUEST_ID")]
    request_id: String,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The node's id, the beginning of it, its name or its address
    #[arg(long, value_name = "NODE")]
    node: String,
}

pub(super) async fn pending(args: PendingArgs, ctx: &Context) -> Result<(), Failure> {
    let payload = one_call(ctx, &args.connect, "node.pair.list", json!({})).await?;
    let pending = payload.get("pending").cloned().unwrap_or_else(|| json!([]));
    ctx.out.show(&pending, || {
        let table = table(ctx, &payload);
        let shown = table.render(&ctx.out, "no node is waiting for approval; on the computer that is to be one: openclaw node run --host THIS_HOST");
        if table.is_empty() {
            return shown;
        }
        format!("{shown}\n\napprove: {}", ctx.command("nodes approve REQUEST"))
    })
}

/// The nodes that wait.
pub(super) fn table(ctx: &Context, payload: &Value) -> Table {
    let mut table = Table::whole(&["REQUEST", "NODE", "NAME", "ASKED", "COMMANDS"]);
    for request in list(payload, "/pending") {
        table.row([
            cell(request, "/requestId"),
            cell(request, "/nodeId").chars().take(12).collect(),
            cell(request, "/displayName"),
            ago(ctx.now_ms(), number(request, "/ts")),
            joined(request, "/commands"),
        ]);
    }
    table
}

pub(super) async fn approve(args: RequestArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial(ctx, &args.connect, &scope_names(&[Scope::Pairing])).await?;
    let waiting = link.call("node.pair.list", json!({})).await?;
    let same = |r: &&Value| text(r, "/requestId") == Some(&args.request_id);
    let request = list(&waiting, "/pending").iter().find(same).ok_or_else(|| unknown(&args.request_id))?;
    // What approving takes depends on the commands: only the gateway knows, and says so in the request.
    let link = link.widen(ctx, &args.connect, &required(request)).await?;
    let payload = link.call("node.pair.approve", json!({"requestId": args.request_id})).await?;
    link.leave().await;
    ctx.out.show(&payload, || {
        let name = text(request, "/displayName").unwrap_or("the node");
        printable(&format!("{name} may now be called with: {}", joined(request, "/commands")))
    })
}

fn required(request: &Value) -> Vec<String> {
    let mut scopes = scope_names(&[Scope::Pairing]);
    for scope in list(request, "/requiredApproveScopes").iter().filter_map(Value::as_str) {
        if !scopes.iter().any(|s| s == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

fn unknown(id: &str) -> Failure {
    Failure::not_found(format!("no node waits with the request {id}"))
        .hint("see who does: openclaw nodes pending")
        .hint("a device that may not connect yet is another step: openclaw devices list")
}

pub(super) async fn reject(args: RequestArgs, ctx: &Context) -> Result<(), Failure> {
    let params = json!({"requestId": args.request_id});
    let payload = one_call(ctx, &args.connect, "node.pair.reject", params).await?;
    ctx.out.show(&payload, || printable(&format!("turned down {}", args.request_id)))
}

pub(super) async fn remove(args: RemoveArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial(ctx, &args.connect, &scope_names(&[Scope::Read, Scope::Pairing])).await?;
    let nodes = link.call("node.list", json!({})).await?;
    let id = pick(list(&nodes, "/nodes"), &args.node)?;
    let payload = link.call("node.pair.remove", json!({"nodeId": id})).await?;
    link.leave().await;
    ctx.out.show(&payload, || done(&args.node))
}

fn done(node: &str) -> String {
    printable(&format!(
        "{node} may be asked to do nothing any more; its device stays paired, and asks again when it connects next\n\
         to forget the device: openclaw devices remove DEVICE"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approving_asks_for_the_scopes_that_the_request_names() {
        let request = json!({"requiredApproveScopes":["operator.pairing","operator.admin"]});
        assert_eq!(required(&request), ["operator.pairing", "operator.admin"]);
        assert_eq!(required(&json!({})), ["operator.pairing"]);
    }
}
