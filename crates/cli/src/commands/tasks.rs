//! `openclaw tasks`: what agents are at and were at, and stopping it. A task is a run of an agent, or what waits for one.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::{Table, ago, printable};
use crate::view::{cell, flag, list, number, text};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// `tasks` and its subcommand; without one, they are listed.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct TasksArgs {
    #[command(subcommand)]
    command: Option<TasksCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum TasksCommand {
    /// List them: what waits, then the latest
    List(ListArgs),
    /// One of them, and what came of it
    Show(OneArgs),
    /// Stop one that runs, or take out one that waits
    Cancel(OneArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Only those that stand so: queued, running, completed, failed, cancelled
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only those of this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Only those of this session
    #[arg(long, value_name = "KEY")]
    session: Option<String>,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u16,
    /// Go on where an earlier list ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct OneArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The task, as the list shows it
    #[arg(value_name = "TASK")]
    task: String,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses, or there is no such task.
pub(crate) async fn run(args: TasksArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        None => show_all(args.list, ctx).await,
        Some(TasksCommand::List(args)) => show_all(args, ctx).await,
        Some(TasksCommand::Show(args)) => {
            let payload = one_call(ctx, &args.connect, "tasks.get", json!({"taskId": args.task})).await?;
            ctx.out.show(&payload, || shown(&payload["task"], ctx))
        }
        Some(TasksCommand::Cancel(args)) => cancel(&args, ctx).await,
    }
}

async fn show_all(args: ListArgs, ctx: &Context) -> Result<(), Failure> {
    let mut params = json!({"limit": args.limit});
    // The word that OpenClaw's own program takes.
    let status = args.status.map(|status| if status == "succeeded" { "completed".into() } else { status });
    let chosen =
        [("status", status), ("agentId", args.agent), ("sessionKey", args.session), ("cursor", args.cursor)];
    for (name, value) in chosen {
        if let Some(value) = value {
            params[name] = value.into();
        }
    }
    let payload = one_call(ctx, &args.connect, "tasks.list", params).await?;
    ctx.out.show(&payload, || {
        let mut table = Table::new(&["TASK", "KIND", "STATUS", "SESSION", "BEGUN", "TITLE"]);
        for task in list(&payload, "/tasks") {
            table.row([
                cell(task, "/taskId"),
                cell(task, "/kind"),
                cell(task, "/status"),
                cell(task, "/sessionKey"),
                ago(ctx.now_ms(), number(task, "/createdAt")),
                cell(task, "/title"),
            ]);
        }
        let mut page =
            table.render(&ctx.out, "no tasks; one begins with each message: openclaw agent --message TEXT");
        if let Some(cursor) = text(&payload, "/nextCursor") {
            page.push_str(&format!("\nthere are more: add --cursor {}", printable(cursor)));
        }
        page
    })
}

async fn cancel(args: &OneArgs, ctx: &Context) -> Result<(), Failure> {
    let payload = one_call(ctx, &args.connect, "tasks.cancel", json!({"taskId": args.task})).await?;
    if !flag(&payload, "/found") {
        return Err(Failure::not_found(format!("there is no task {}", args.task))
            .hint("see which there are: openclaw tasks list"));
    }
    if !flag(&payload, "/cancelled") {
        let reason = text(&payload, "/reason").unwrap_or("It was not cancelled.").to_owned();
        return Err(Failure::not_found(reason)
            .details(payload)
            .hint("see how it stands: openclaw tasks show TASK"));
    }
    ctx.out.show(&payload, || printable(&format!("{} is stopped", args.task)))
}

fn shown(task: &Value, ctx: &Context) -> String {
    let mut lines = Vec::new();
    for (name, pointer) in [
        ("task", "/taskId"),
        ("kind", "/kind"),
        ("status", "/status"),
        ("agent", "/agentId"),
        ("session", "/sessionKey"),
        ("job", "/title"),
    ] {
        if let Some(value) = text(task, pointer) {
            lines.push(format!("{name}: {}", printable(value)));
        }
    }
    for (name, pointer) in [("begun", "/createdAt"), ("ended", "/endedAt")] {
        if number(task, pointer).is_some() {
            lines.push(format!("{name}: {}", ago(ctx.now_ms(), number(task, pointer))));
        }
    }
    for (name, pointer) in [("said", "/terminalSummary"), ("error", "/error")] {
        if let Some(value) = text(task, pointer) {
            lines.push(format!("{name}: {}", printable(value)));
        }
    }
    lines.join("\n")
}
