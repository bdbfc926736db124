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
    let mut waiting = vec![];
    for method in ["exec.approval.list", "plugin.approval.list"] {
        if let Value::Array(of_kind) = link.call(method, json!({})).await? {
            waiting.extend(of_kind);
        }
    }
    link.leave().await;
    let payload = json!({"approvals": waiting});
    ctx.out.show(&payload, || table(ctx, &payload))
}

fn table(ctx: &Context, payload: &Value) -> String {
    let mut table = Table::whole(&["ID", "AGENT", "HOST", "ASKED", "WHAT"]);
    for approval in list(payload, "/approvals") {
        table.row([
            cell(approval, "/id"),
            cell(approval, "/request/agentId"),
            host(approval),
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

/// Where it is to be done.
fn host(approval: &Value) -> String {
    if is_about_file(approval) { "node".into() } else { cell(approval, "/request/host") }
}

fn is_about_file(approval: &Value) -> bool {
    approval["approvalKind"] == "plugin"
}

/// The command, and what is to be known of it: the variables that it is given, say. Of a file, all that is asked.
fn asked(approval: &Value) -> String {
    if is_about_file(approval) {
        return cell(approval, "/request/description").replace('\n', "; ");
    }
    let command = cell(approval, "/request/command");
    match approval.pointer("/request/warningText").and_then(Value::as_str) {
        Some(warning) => format!("{command} [{warning}]"),
        None => command,
    }
}

pub(super) async fn resolve(args: &ResolveArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial(ctx, &args.connect, &scope_names(SCOPES)).await?;
    let params = json!({"id": args.id, "decision": args.decision});
    // The ids of questions about files say so.
    let method =
        if args.id.starts_with("plugin:") { "plugin.approval.resolve" } else { "exec.approval.resolve" };
    let payload = link.call(method, params).await?;
    link.leave().await;
    ctx.out.show(&payload, || format!("{}: {}", printable(&args.id), args.decision))
}
