//! `openclaw sessions archive` and `delete`: several sessions at once, with a result for each.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::input::confirm;
use crate::link::{Link, scopes_for};
use crate::output::{Table, printable};
use crate::view::{cell, flag, list, text};
use clap::Args;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct ArchiveArgs {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    which: Which,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The sessions
    #[arg(value_name = "KEY", required = true, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    keys: Vec<String>,
    /// The agent that they belong to
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What is done to each session.
#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Archive,
    Delete,
}

impl Operation {
    fn word(self) -> &'static str {
        if self == Operation::Archive { "archive" } else { "delete" }
    }

    /// The method and its parameters for a session as the gateway described it.
    fn call(self, session: &Value) -> (&'static str, Value) {
        let (key, id) = (&session["key"], &session["sessionId"]);
        match self {
            Operation::Archive => {
                ("sessions.patch", json!({"key": key, "archived": true, "expectedSessionId": id}))
            }
            Operation::Delete => {
                ("sessions.delete", json!({"key": key, "deleteTranscript": true, "expectedSessionId": id}))
            }
        }
    }
}

/// Puts sessions away.
///
/// # Errors
/// The gateway cannot be reached, or one of them could not be.
pub(super) async fn archive(args: ArchiveArgs, ctx: &Context) -> Result<(), Failure> {
    each(args.which, Operation::Archive, true, ctx).await
}

/// Deletes sessions.
///
/// # Errors
/// Nobody said yes, the gateway cannot be reached, or one of them could not be.
pub(super) async fn delete(args: DeleteArgs, ctx: &Context) -> Result<(), Failure> {
    each(args.which, Operation::Delete, args.yes, ctx).await
}

async fn each(args: Which, operation: Operation, is_sure: bool, ctx: &Context) -> Result<(), Failure> {
    if !is_sure && !args.dry_run {
        confirm(&format!("delete {} session(s)?", args.keys.len()), "--yes", ctx)?;
    }
    let scopes = scopes_for(operation.call(&Value::Null).0, &Value::Null);
    let link = Link::dial(ctx, &args.connect, &scopes).await?;
    let mut results = Vec::with_capacity(args.keys.len());
    for key in &args.keys {
        let result = one(&link, key, &args, operation).await;
        results.push(result.unwrap_or_else(
            |failure| json!({"key": key, "ok": false, "status": "failed", "error": failure.message}),
        ));
    }
    link.leave().await;
    let ok = results.iter().all(|result| flag(result, "/ok"));
    let envelope =
        json!({"ok": ok, "operation": operation.word(), "dryRun": args.dry_run, "results": results});
    ctx.out.show(&envelope, || table(&envelope).render(&ctx.out, "nothing"))?;
    // It has been printed what could not be done.
    if ok { Ok(()) } else { Err(Failure::new(Exit::Failed, "", "")) }
}

async fn one(link: &Link, key: &str, args: &Which, operation: Operation) -> Result<Value, Failure> {
    let full = match &args.agent {
        Some(agent) if !key.starts_with("agent:") => format!("agent:{agent}:{key}"),
        _ => key.to_owned(),
    };
    let described = link.call("sessions.describe", json!({"key": full})).await?;
    let session = &described["session"];
    if session.is_null() {
        let hint = "Session not found. Run openclaw sessions list --json to choose a valid key.";
        return Ok(json!({"key": key, "ok": false, "status": "not_found", "error": hint}));
    }
    if args.agent.as_deref().is_some_and(|agent| text(session, "/agentId") != Some(agent)) {
        let error = "The session belongs to another agent than --agent.";
        return Ok(json!({"key": key, "ok": false, "status": "failed", "error": error}));
    }
    if flag(session, "/isMain") {
        let error = format!("The main session of an agent cannot be {}d.", operation.word());
        return Ok(json!({"key": key, "ok": false, "status": "failed", "error": error}));
    }
    if operation == Operation::Archive && flag(session, "/archived") {
        return Ok(json!({"key": session["key"], "ok": true, "status": "already_archived"}));
    }
    let done = if args.dry_run { "would_" } else { "" };
    let mut kept = Value::Null;
    if !args.dry_run {
        let (method, params) = operation.call(session);
        kept = link.call(method, params).await?["archived"].take();
    }
    let word = if args.dry_run { operation.word().to_owned() } else { format!("{}d", operation.word()) };
    let mut result = json!({"key": session["key"], "ok": true, "status": format!("{done}{word}")});
    if !kept.is_null() {
        result["archived"] = kept;
    }
    Ok(result)
}

fn table(envelope: &Value) -> Table {
    let mut table = Table::whole(&["KEY", "STATUS", "WHY"]);
    for result in list(envelope, "/results") {
        table.row([cell(result, "/key"), cell(result, "/status"), printable(&cell(result, "/error"))]);
    }
    table
}
