//! `openclaw agents`: which agents the gateway has, making and deleting them.

mod bindings;
mod identity;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::input::confirm;
use crate::link::here::one_look;
use crate::link::one_call;
use crate::output::{Table, printable};
use crate::view::{cell, flag, joined, list, text};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// `agents` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct AgentsArgs {
    #[command(subcommand)]
    command: AgentsCommand,
}

#[derive(Debug, Subcommand)]
enum AgentsCommand {
    /// List them; as JSON, an array
    List(ListArgs),
    /// Make one, with a workspace of its own
    Add(AddArgs),
    /// Give an agent a name, an emoji or a picture
    SetIdentity(identity::IdentityArgs),
    /// Which agent hears what is said where
    Bindings(bindings::BindingsArgs),
    /// Have an agent hear a channel, or an account of it
    Bind(bindings::BindArgs),
    /// Have it not hear that any more
    Unbind(bindings::UnbindArgs),
    /// Delete one and its sessions; its folders go to the trash
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Which channels each of them hears, too; for agents of this host
    #[arg(long)]
    bindings: bool,
}

#[derive(Debug, Args)]
struct AddArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Its name; the id is made of it
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// Its workspace, on the gateway's host [default: a folder in the gateway's state directory]
    #[arg(long, value_name = "DIR")]
    workspace: Option<String>,
    /// Its model [default: that of all agents]
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<String>,
    /// Its emoji
    #[arg(long, value_name = "EMOJI")]
    emoji: Option<String>,
    /// Its picture: a path within the workspace, or an address
    #[arg(long, value_name = "PATH")]
    avatar: Option<String>,
    /// What it hears: telegram:ACCOUNT, telegram:* for all accounts, or telegram; can be repeated. For an agent of this host
    #[arg(long, value_name = "CHANNEL[:ACCOUNT]")]
    bind: Vec<String>,
    /// Taken for the sake of scripts: nothing is asked anyway
    #[arg(long)]
    non_interactive: bool,
}

#[derive(Debug, Args)]
struct DeleteArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Its id
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// Do not ask
    #[arg(long)]
    force: bool,
    /// Leave its folders where they are
    #[arg(long)]
    keep_files: bool,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: AgentsArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        AgentsCommand::List(args) => show(args, ctx).await,
        AgentsCommand::Add(args) => add(args, ctx).await,
        AgentsCommand::Delete(args) => delete(args, ctx).await,
        AgentsCommand::SetIdentity(args) => identity::run(args, ctx).await,
        AgentsCommand::Bindings(args) => bindings::show(&args, ctx),
        AgentsCommand::Bind(args) => bindings::bind(&args, ctx),
        AgentsCommand::Unbind(args) => bindings::unbind(&args, ctx),
    }
}

async fn add(args: AddArgs, ctx: &Context) -> Result<(), Failure> {
    // Before anything is made: a slip of the pen leaves no half of it behind.
    if !args.bind.is_empty() {
        bindings::must_be_here(&args.connect, ctx)?;
    }
    let places = if args.bind.is_empty() { Vec::new() } else { bindings::places(&args.bind, &ctx.load()?)? };
    let mut params = json!({"name": args.name});
    let optional = [
        ("workspace", args.workspace.as_deref().map(whole).transpose()?),
        ("model", args.model),
        ("emoji", args.emoji),
        ("avatar", args.avatar),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            params[name] = value.into();
        }
    }
    let mut made = one_call(ctx, &args.connect, "agents.create", params).await?;
    let id = cell(&made, "/agentId");
    let bound = if places.is_empty() { None } else { Some(bindings::bind_new(&id, &places, ctx)?) };
    let is_whole = bound.as_ref().is_none_or(|bound| list(&bound.report, "/conflicts").is_empty());
    if let Some(bound) = &bound {
        made["bindings"] = bound.report.clone();
    }
    ctx.out.show(&made, || {
        let place = cell(&made, "/workspace");
        let mut said = format!("agent {id} is made; its workspace is {place}");
        if let Some(bound) = &bound {
            said = format!("{said}\n{}", bound.lines());
        }
        printable(&said)
    })?;
    // It has been printed what could not be done.
    if is_whole { Ok(()) } else { Err(Failure::new(Exit::Failed, "", "")) }
}

/// A path from here on is one from the root: the gateway does not know where this is.
fn whole(path: &str) -> Result<String, Failure> {
    if path.starts_with('~') {
        return Ok(path.to_owned());
    }
    let whole =
        std::path::absolute(path).map_err(|error| Failure::usage(format!("--workspace {path}: {error}")))?;
    Ok(whole.display().to_string())
}

async fn delete(args: DeleteArgs, ctx: &Context) -> Result<(), Failure> {
    if !args.force {
        let files = if args.keep_files { "" } else { ", with its workspace" };
        let question = format!("delete agent {} and its sessions{files}?", printable(&args.id));
        confirm(&question, "--force", ctx)?;
    }
    let params = json!({"agentId": args.id, "deleteFiles": !args.keep_files});
    let gone = one_call(ctx, &args.connect, "agents.delete", params).await?;
    ctx.out.show(&gone, || deleted(&gone))?;
    // It has been printed what could not be done; what is kept on purpose is none of that.
    let is_kept = |folder: &Value| text(folder, "/reason").is_some_and(|reason| reason.starts_with("kept: "));
    let whole = !flag(&gone, "/purgeFailed") && list(&gone, "/failed").iter().all(is_kept);
    if whole { Ok(()) } else { Err(Failure::new(Exit::Failed, "", "")) }
}

/// What became of the agent and its folders.
fn deleted(gone: &Value) -> String {
    let mut lines = vec![format!("agent {} is deleted", cell(gone, "/agentId"))];
    for folder in list(gone, "/removed").iter().filter(|folder| text(folder, "/method") == Some("trash")) {
        lines.push(format!(
            "{} is in trash/ of the gateway's state directory, for 30 days",
            cell(folder, "/path")
        ));
    }
    for folder in list(gone, "/failed") {
        lines.push(format!("still there: {}: {}", cell(folder, "/path"), cell(folder, "/reason")));
    }
    if flag(gone, "/purgeFailed") {
        lines.push("some of its sessions are still there; run it again".into());
    }
    lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n")
}

async fn show(args: ListArgs, ctx: &Context) -> Result<(), Failure> {
    let payload = one_look(ctx, &args.connect, "agents.list", json!({})).await?;
    let mut agents = marked(&payload);
    if args.bindings {
        bindings::add_to(&mut agents, &args.connect, ctx)?;
    }
    ctx.out.show(&agents, || {
        let heads = ["AGENT", "NAME", "DEFAULT", "MODEL", "WORKSPACE", "HEARS"];
        let shown = if args.bindings { heads.len() } else { heads.len() - 1 };
        let mut table = Table::new(&heads[..shown]);
        for agent in list(&agents, "") {
            let model = text(agent, "/model/primary").map_or_else(|| cell(agent, "/model"), str::to_owned);
            let cells = [
                cell(agent, "/id"),
                cell(agent, "/name"),
                if flag(agent, "/isDefault") { "yes".into() } else { "-".into() },
                model,
                cell(agent, "/workspace"),
                joined(agent, "/bindingDetails"),
            ];
            if args.bindings {
                table.row(cells);
            } else {
                let [id, name, default, model, workspace, _] = cells;
                table.row([id, name, default, model, workspace]);
            }
        }
        table.render(&ctx.out, "no agents")
    })
}

/// The agents, each with whether it is the default.
fn marked(payload: &Value) -> Value {
    let default = text(payload, "/defaultId");
    let agents = list(payload, "/agents").iter().map(|agent| {
        let mut agent = agent.clone();
        agent["isDefault"] = (text(&agent, "/id") == default).into();
        agent
    });
    agents.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_agent_is_marked() {
        let payload = json!({"defaultId": "b", "agents": [{"id": "a"}, {"id": "b"}]});
        assert_eq!(
            marked(&payload),
            json!([{"id": "a", "isDefault": false}, {"id": "b", "isDefault": true}])
        );
    }
}
