//! `openclaw audit`: what agents did and when, and how it ended; never what was said.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::{Table, ago, printable};
use crate::view::{cell, list, number, text};
use clap::{Args, ValueEnum};
use serde_json::json;

/// `audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Only of this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Only of this session
    #[arg(long, value_name = "KEY")]
    session: Option<String>,
    /// Only of this run
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Only runs, or only tools
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Only what stands so: started, succeeded, failed, cancelled, unknown
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u16,
    /// Go on where an earlier list ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    /// Runs of agents
    AgentRun,
    /// Calls of tools
    ToolAction,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: AuditArgs, ctx: &Context) -> Result<(), Failure> {
    let kind = args.kind.map(|kind| match kind {
        Kind::AgentRun => "agent_run".to_owned(),
        Kind::ToolAction => "tool_action".to_owned(),
    });
    let mut params = json!({"limit": args.limit});
    let chosen = [
        ("agentId", args.agent),
        ("sessionKey", args.session),
        ("runId", args.run),
        ("kind", kind),
        ("status", args.status),
        ("cursor", args.cursor),
    ];
    for (name, value) in chosen {
        if let Some(value) = value {
            params[name] = value.into();
        }
    }
    let payload = one_call(ctx, &args.connect, "audit.list", params).await?;
    ctx.out.show(&payload, || {
        let mut table = Table::new(&["WHEN", "ACTION", "TOOL", "STATUS", "AGENT", "RUN"]);
        for event in list(&payload, "/events") {
            table.row([
                ago(ctx.now_ms(), number(event, "/occurredAt")),
                cell(event, "/action"),
                cell(event, "/toolName"),
                cell(event, "/status"),
                cell(event, "/agentId"),
                cell(event, "/runId"),
            ]);
        }
        let mut page = table.render(&ctx.out, "nothing has been done yet, or nothing that you ask for");
        if let Some(cursor) = text(&payload, "/nextCursor") {
            page.push_str(&format!("\nthere are more: add --cursor {}", printable(cursor)));
        }
        page
    })
}
