//! `openclaw approvals`: which commands may run on the gateway's host or on a node, and what waits for a decision.

use super::nodes::pick;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::{Link, one_call, scope_names};
use crate::output::{Table, ago, printable};
use crate::view::{cell, list, number, text};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use protocol::Scope;
use serde_json::{Value, json};
use std::io::Read;
use std::path::PathBuf;

/// `approvals` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct ApprovalsArgs {
    #[command(subcommand)]
    command: ApprovalsCommand,
}

#[derive(Debug, Subcommand)]
enum ApprovalsCommand {
    /// The rules of a host
    Get(GetArgs),
    /// Replace the rules of a host
    Set(SetArgs),
    /// Commands that wait for a decision
    Pending(PendingArgs),
    /// Decide on a command that waits
    Resolve(ResolveArgs),
}

/// Whose rules.
#[derive(Debug, Args)]
struct HostArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Those of the gateway's host (also without this word)
    #[arg(long, conflicts_with = "node")]
    gateway: bool,
    /// Those of this node: its id, the beginning of it, its name or its address
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
}

#[derive(Debug, Args)]
struct GetArgs {
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Debug, Args)]
struct SetArgs {
    #[command(flatten)]
    host: HostArgs,
    /// The new rules, JSON5, in this file
    #[arg(long, value_name = "FILE", required_unless_present = "stdin")]
    file: Option<PathBuf>,
    /// The new rules, JSON5, on standard input
    #[arg(long, conflicts_with = "file")]
    stdin: bool,
}

#[derive(Debug, Args)]
struct PendingArgs {
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Debug, Args)]
struct ResolveArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// What waits, as `openclaw approvals pending` shows it
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// What is decided
    #[arg(value_name = "DECISION", value_parser = ["allow-once", "allow-always", "deny"])]
    decision: String,
}

/// Larger rules are a mistake.
const MAX_RULES: u64 = 4 << 20;

/// Asks or decides.
///
/// # Errors
/// The gateway cannot be reached or refuses, or the rules cannot be read.
pub(crate) async fn run(args: ApprovalsArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        ApprovalsCommand::Get(args) => {
            let (link, node) = dial(&args.host, ctx).await?;
            let payload = get(&link, node.as_deref()).await?;
            link.leave().await;
            ctx.out.show(&payload, || page(&payload))
        }
        ApprovalsCommand::Set(args) => set(args, ctx).await,
        ApprovalsCommand::Pending(args) => {
            let payload = one_call(ctx, &args.connect, "exec.approval.list", json!({})).await?;
            ctx.out.show(&payload, || pending(ctx, &payload))
        }
        ApprovalsCommand::Resolve(args) => {
            let params = json!({"id": args.id, "decision": args.decision});
            let payload = one_call(ctx, &args.connect, "exec.approval.resolve", params).await?;
            ctx.out.show(&payload, || printable(&format!("{}: {}", args.id, args.decision)))
        }
    }
}

/// A connection that may do this, and the id of the node that is meant.
async fn dial(args: &HostArgs, ctx: &Context) -> Result<(Link, Option<String>), Failure> {
    let link = Link::dial(ctx, &args.connect, &scope_names(&[Scope::Admin])).await?;
    let Some(wanted) = &args.node else { return Ok((link, None)) };
    let nodes = link.call("node.list", json!({})).await?;
    let id = pick::pick(list(&nodes, "/nodes"), wanted)?;
    Ok((link, Some(id)))
}

async fn get(link: &Link, node: Option<&str>) -> Result<Value, Failure> {
    match node {
        None => link.call("exec.approvals.get", json!({})).await,
        Some(id) => link.call("exec.approvals.node.get", json!({"nodeId": id})).await,
    }
}

async fn set(args: SetArgs, ctx: &Context) -> Result<(), Failure> {
    let rules = read(&args)?;
    let (link, node) = dial(&args.host, ctx).await?;
    // The hash of what is replaced: whoever changed it meanwhile is not overwritten.
    let before = get(&link, node.as_deref()).await?;
    let mut params = json!({"file": rules});
    if let Some(hash) = text(&before, "/hash") {
        params["baseHash"] = hash.into();
    }
    let payload = match node {
        None => link.call("exec.approvals.set", params).await?,
        Some(id) => {
            params["nodeId"] = id.into();
            link.call("exec.approvals.node.set", params).await?
        }
    };
    link.leave().await;
    ctx.out.show(&payload, || page(&payload))
}

fn read(args: &SetArgs) -> Result<Value, Failure> {
    let (place, text) = match &args.file {
        Some(path) => (path.display().to_string(), std::fs::File::open(path).and_then(bounded)),
        None => ("standard input".to_owned(), bounded(std::io::stdin().lock())),
    };
    let failed = |why: String| {
        Failure::new(Exit::Failed, "RULES", format!("the rules in {place} cannot be read: {why}"))
    };
    let text = text.map_err(|e| failed(e.to_string()))?;
    match config::read_value(&text) {
        Some(rules @ Value::Object(_)) => Ok(rules),
        _ => {
            Err(failed("they are no JSON5 object".into())
                .hint("see their form: openclaw approvals get --json"))
        }
    }
}

fn bounded(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(MAX_RULES).read_to_string(&mut text)?;
    Ok(text)
}

fn page(payload: &Value) -> String {
    let rows = [
        ("kept in", cell(payload, "/path")),
        ("security", default(payload, "security")),
        ("ask", default(payload, "ask")),
        ("fallback", default(payload, "askFallback")),
    ];
    let mut lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<10}{value}")).collect();
    let agents = payload.pointer("/file/agents").and_then(Value::as_object);
    for (agent, rules) in agents.into_iter().flatten() {
        for allowed in list(rules, "/allowlist") {
            lines.push(format!("{:<10}{agent}: {}", "allowed", cell(allowed, "/pattern")));
        }
    }
    printable(&lines.join("\n"))
}

/// What the rules say, else what holds without them.
fn default(payload: &Value, name: &str) -> String {
    let said = text(payload, &format!("/file/defaults/{name}"));
    let holds = text(payload, &format!("/resolvedDefaults/{name}"));
    match (said, holds) {
        (Some(said), _) => said.to_owned(),
        (None, Some(holds)) => format!("{holds} (default)"),
        (None, None) => "-".into(),
    }
}

fn pending(ctx: &Context, payload: &Value) -> String {
    // An answer of its own, or a list in one.
    let waiting = if payload.is_array() { list(payload, "") } else { list(payload, "/approvals") };
    let mut table = Table::new(&["ID", "COMMAND", "AGENT", "ASKED"]);
    for entry in waiting {
        table.row([
            cell(entry, "/id"),
            text(entry, "/request/command").map_or_else(|| cell(entry, "/summary"), str::to_owned),
            text(entry, "/request/agentId").map_or_else(|| cell(entry, "/agentId"), str::to_owned),
            ago(ctx.now_ms(), number(entry, "/createdAtMs")),
        ]);
    }
    table.render(&ctx.out, "nothing waits for a decision")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_read_as_a_few_lines() {
        let payload = json!({"path": "/s#exec", "file": {"version": 1, "defaults": {"ask": "off"},
            "agents": {"main": {"allowlist": [{"pattern": "/bin/ls"}]}}}, "resolvedDefaults": {"security": "full", "ask": "on-miss"}});
        assert_eq!(
            page(&payload),
            "kept in   /s#exec\nsecurity  full (default)\nask       off\nfallback  -\nallowed   main: /bin/ls"
        );
    }

    #[test]
    fn rules_come_as_json5_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let of = |text: &str| {
            let file = dir.path().join("rules");
            std::fs::write(&file, text).unwrap();
            let host = HostArgs { connect: ConnectArgs::default(), gateway: false, node: None };
            read(&SetArgs { host, file: Some(file), stdin: false })
        };
        assert_eq!(of("{ version: 1, // one\n }"), Ok(json!({"version": 1})));
        for wrong in ["", "[]", "version: 1", "{"] {
            let failure = of(wrong).unwrap_err();
            assert!(failure.message.contains("rules"), "{wrong}");
        }
    }
}
