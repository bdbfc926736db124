//! `openclaw sessions`: the gateway's sessions, newest first, and what can be done with them.

mod compact;
mod lifecycle;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::{Table, ago};
use crate::view::{cell, list, number};
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
    /// Make what the model reads of a session shorter
    Compact(compact::CompactArgs),
}

/// Which sessions.
#[derive(Debug, Args)]
struct Filter {
    #[command(flatten)]
    connect: ConnectArgs,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only those that were active in the last N minutes
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..))]
    active: Option<u32>,
    /// Only those of this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: SessionsArgs, ctx: &Context) -> Result<(), Failure> {
    let filter = match args.command {
        Some(SessionsCommand::List(filter)) => filter,
        Some(SessionsCommand::Archive(args)) => return lifecycle::archive(args, ctx).await,
        Some(SessionsCommand::Delete(args)) => return lifecycle::delete(args, ctx).await,
        Some(SessionsCommand::Compact(args)) => return compact::run(args, ctx).await,
        None => args.filter,
    };
    let mut params = json!({"limit": filter.limit});
    if let Some(minutes) = filter.active {
        params["activeMinutes"] = minutes.into();
    }
    if let Some(agent) = filter.agent {
        params["agentId"] = agent.into();
    }
    let payload = one_call(ctx, &filter.connect, "sessions.list", params).await?;
    ctx.out.show(&payload, || table(ctx, &payload))
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
    table.render(&ctx.out, "no sessions yet")
}
