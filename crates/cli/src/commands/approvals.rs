//! `openclaw approvals`: which commands may run on a host without asking, and the questions that wait.

mod document;
mod questions;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `approvals` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct ApprovalsArgs {
    #[command(subcommand)]
    command: ApprovalsCommand,
}

#[derive(Debug, Subcommand)]
enum ApprovalsCommand {
    /// Show a host's document
    Get(GetArgs),
    /// Replace a host's document
    Set(SetArgs),
    /// Change a host's list of commands that need no asking
    Allowlist(AllowlistArgs),
    /// The commands and files that wait for a decision
    Pending(PendingArgs),
    /// Decide about a command or a file that waits
    Resolve(ResolveArgs),
}

/// Whose document: that of this host, unless the gateway's or a node's is named.
#[derive(Debug, Args)]
struct HostArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The gateway's host
    #[arg(long, conflicts_with = "node")]
    gateway: bool,
    /// A node's host: its id, the beginning of it, its name or its address
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
    /// Read the document from this file (JSON5)
    #[arg(long, value_name = "FILE", required_unless_present = "stdin", conflicts_with = "stdin")]
    file: Option<PathBuf>,
    /// Read the document from standard input (JSON5)
    #[arg(long)]
    stdin: bool,
}

#[derive(Debug, Args)]
struct AllowlistArgs {
    #[command(subcommand)]
    command: AllowlistCommand,
}

#[derive(Debug, Subcommand)]
enum AllowlistCommand {
    /// Add a pattern
    Add(PatternArgs),
    /// Take a pattern out
    Remove(PatternArgs),
}

#[derive(Debug, Args)]
struct PatternArgs {
    #[command(flatten)]
    host: HostArgs,
    /// For this agent
    #[arg(long, value_name = "AGENT", default_value = "*")]
    agent: String,
    /// A path or a name, with * ? and **
    #[arg(value_name = "PATTERN")]
    pattern: String,
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
    /// The approval's id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// What may happen
    #[arg(value_name = "DECISION", value_parser = ["allow-once", "allow-always", "deny"])]
    decision: String,
}

/// Shows, changes or decides.
///
/// # Errors
/// The document cannot be read or changed, the gateway cannot be reached or refuses, or there is no such question.
pub(crate) async fn run(args: ApprovalsArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        ApprovalsCommand::Get(args) => document::get(&args.host, ctx).await,
        ApprovalsCommand::Set(args) => document::set(&args, ctx).await,
        ApprovalsCommand::Allowlist(args) => match args.command {
            AllowlistCommand::Add(args) => document::add(&args, ctx).await,
            AllowlistCommand::Remove(args) => document::remove(&args, ctx).await,
        },
        ApprovalsCommand::Pending(args) => questions::pending(&args, ctx).await,
        ApprovalsCommand::Resolve(args) => questions::resolve(&args, ctx).await,
    }
}
