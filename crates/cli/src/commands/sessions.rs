//! `openclaw sessions`: the gateway's sessions, newest first, and what can be done with them.

mod cleanup;
mod compact;
mod lifecycle;
mod tail;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::here::Source;
use crate::output::{Table, ago};
use crate::view::{cell, flag, list, number};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// `sessions`, alone or with a subcommand.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SessionsArgs {
    #[command(flatten)]
    filter: Filter,
    #[command(subcommand)]
    command: Option<SessionsCommand>,
}

#[derive(Debug, Subcommand)]
enum SessionsCommand {
    /// List the sessions (also without this word)
    List(Filter),
    /// Put sessions away: they are stopped and leave the list
    Archive(lifecycle::ArchiveArgs),
    /// Delete sessions: they are stopped and their keys are free
    Delete(lifecycle::DeleteArgs),
    /// Put away what is old or too much, as session.maintenance says; nothing is deleted
    Cleanup(cleanup::CleanupArgs),
    /// Make what the model reads of a session shorter
    Compact(compact::CompactArgs),
    /// What is said in a session, once or as it goes on
    Tail(tail::TailArgs),
}

/// Which sessions.
#[derive(Debug, Args)]
struct Filter {
    #[command(flatten)]
    connect: ConnectArgs,
    /// At most this many, or `all`
    #[arg(long, value_name = "N", default_value = "100", value_parser = limit)]
    limit: Limit,
    /// Only those that were active in the last N minutes
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..))]
    active: Option<u32>,
    /// Only those of this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Those of all agents, as without this
    #[arg(long, conflicts_with = "agent")]
    all_agents: bool,
}

/// How many sessions.
#[derive(Debug, Clone, Copy)]
struct Limit(usize);

fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "all" => Ok(Limit(usize::MAX)),
        _ => text
            .parse()
            .ok()
            .filter(|n| *n > 0)
            .map(Limit)
            .ok_or_else(|| "write a number from 1, or all".into()),
    }
}

/// A gateway gives no more at once.
const PAGE: usize = 1000;

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: SessionsArgs, ctx: &Context) -> Result<(), Failure> {
    let filter = match args.command {
        Some(SessionsCommand::List(filter)) => filter,
        Some(SessionsCommand::Archive(args)) => return lifecycle::archive(args, ctx).await,
        Some(SessionsCommand::Delete(args)) => return lifecycle::delete(args, ctx).await,
        Some(SessionsCommand::Cleanup(args)) => return cleanup::run(args, ctx).await,
        Some(SessionsCommand::Compact(args)) => return compact::run(args, ctx).await,
        Some(SessionsCommand::Tail(args)) => return tail::run(args, ctx).await,
        None => args.filter,
    };
    let mut params = json!({});
    if let Some(minutes) = filter.active {
        params["activeMinutes"] = minutes.into();
    }
    if let Some(agent) = filter.agent {
        params["agentId"] = agent.into();
    }
    let source = Source::find(ctx, &filter.connect, "sessions.list").await?;
    let payload = pages(&source, params, filter.limit.0).await?;
    source.leave().await;
    ctx.out.show(&payload, || table(ctx, &payload))
}

/// Page after page until there are enough; the last answer, with the sessions of all.
async fn pages(source: &Source, mut params: Value, wanted: usize) -> Result<Value, Failure> {
    let mut sessions: Vec<Value> = Vec::new();
    loop {
        params["limit"] = wanted.saturating_sub(sessions.len()).min(PAGE).into();
        let mut page = source.call("sessions.list", params.clone()).await?;
        let next = page["nextOffset"].clone();
        let got = page["sessions"].as_array_mut().map(std::mem::take).unwrap_or_default();
        sessions.extend(got);
        if sessions.len() >= wanted || !flag(&page, "/hasMore") || next.is_null() {
            page["count"] = sessions.len().into();
            page["sessions"] = sessions.into();
            return Ok(page);
        }
        params["offset"] = next;
    }
}

fn table(ctx: &Context, payload: &Value) -> String {
    let mut table = Table::new(&["KEY", "KIND", "ACTIVE", "MODEL", "TOKENS"]);
    for session in list(payload, "/sessions") {
        table.row([
            cell(session, "/key"),
            cell(session, "/kind"),
            ago(ctx.now_ms(), number(session, "/updatedAt")),
            cell(session, "/model"),
            cell(session, "/totalTokens"),
        ]);
    }
    table.render(&ctx.out, &format!("no sessions yet; begin one: {}", ctx.command("agent --message TEXT")))
}
