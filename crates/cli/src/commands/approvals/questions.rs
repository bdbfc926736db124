//! `openclaw approvals pending` and `resolve`.

use super::{PendingArgs, ResolveArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{Link, scope_names};
use crate::output::{Table, ago, printable};
use crate::view::{cell, list, number};
use protocol::Scope;
use serde_json::{Value, json};

/// Deciding for everybody takes both: others see only what they asked themselves.
const SCOPES: &[Scope] = &[Scope::Admin, Scope::Approvals];

pub(super) async fn pending(args: &PendingArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial(ctx, &args.connect, &scope_names(SCOPES)).await?;
    let waiting = link.call("exec.approval.list", json!({})).await?;
    link.leave().await;
    let payload = json!({"approvals": waiting});
    ctx.out.show(&payload, || table(ctx, &payload))
}

fn table(ctx: &Context, payload: &Value) -> String {
    let mut table = Table::whole(&["ID", "AGENT", "HOST", "ASKED", "COMMAND"]);
    for approval in list(payload, "/approvals") {
        table.row([
            cell(approval, "/id"),
            cell(approval, "/request/agentId"),
            cell(approval, "/request/host"),
            ago(ctx.now_ms(), number(approval, "/createdAtMs")),
            printable(&asked(approval)),
        ]);
    }
    let shown = table.render(&ctx.out, "nothing waits for a decision");
    if table.is_empty() {
        return shown;
    }
    format!("{shown}\n\ndecide: {}", ctx.command("approvals resolve ID allow-once|allow-always|deny"))
}

/// The command, and what is to be known of it: the variables that it is given, say.
fn asked(approval: &Value) -> String {
    let command = cell(approval, "/request/command");
    match approval.pointer("/request/warningText").and_then(Value::as_str) {
        Some(warning) => format!("{command} [{warning}]"),
        None => command,
    }
}

pub(super) async fn resolve(args: &ResolveArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial(ctx, &args.connect, &scope_names(SCOPES)).await?;
    let params = json!({"id": args.id, "decision": args.decision});
    let payload = link.call("exec.approval.resolve", params).await?;
    link.leave().await;
    ctx.out.show(&payload, || format!("{}: {}", printable(&args.id), args.decision))
}
