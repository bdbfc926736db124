//! `openclaw sessions cleanup`: puts sessions away that are old or too many.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::here::one_look;
use crate::link::one_call;
use crate::output::{Table, ago, printable};
use crate::view::{cell, flag, list, number};
use clap::Args;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct CleanupArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Say what would be done and do nothing; also while no gateway runs
    #[arg(long)]
    dry_run: bool,
    /// Put them away although session.maintenance.mode is warn
    #[arg(long)]
    enforce: bool,
    /// Leave this session alone
    #[arg(long, value_name = "KEY", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    active_key: Option<String>,
    /// The agent whose sessions are meant [default: the default agent]
    #[arg(long, value_name = "ID", conflicts_with = "all_agents")]
    agent: Option<String>,
    /// Those of all agents
    #[arg(long)]
    all_agents: bool,
    #[arg(long, hide = true)]
    fix_missing: bool,
    #[arg(long, hide = true)]
    fix_dm_scope: bool,
    #[arg(long, hide = true, value_name = "PATH")]
    store: Option<String>,
}

/// Asks for it.
///
/// # Errors
/// The gateway cannot be reached or refuses, or something is asked for that is not here.
pub(super) async fn run(args: CleanupArgs, ctx: &Context) -> Result<(), Failure> {
    refuse(&args)?;
    let mut params = json!({"allAgents": args.all_agents, "enforce": args.enforce});
    for (name, value) in [("agent", &args.agent), ("activeKey", &args.active_key)] {
        if let Some(value) = value {
            params[name] = value.as_str().into();
        }
    }
    let payload = if args.dry_run {
        params["dryRun"] = true.into();
        one_look(ctx, &args.connect, "sessions.cleanup", params).await?
    } else {
        one_call(ctx, &args.connect, "sessions.cleanup", params).await?
    };
    ctx.out.show(&payload, || page(ctx, &payload))
}

fn refuse(args: &CleanupArgs) -> Result<(), Failure> {
    let given = [
        (
            args.fix_missing,
            "--fix-missing",
            "a session and what was said in it are written at once, and neither is without the other",
        ),
        (
            args.fix_dm_scope,
            "--fix-dm-scope",
            "sessions of another session.dmScope are put away by their age, as all are",
        ),
        (
            args.store.is_some(),
            "--store",
            "all sessions are in one state file; choose another with --profile NAME",
        ),
    ];
    match given.iter().find(|(given, ..)| *given) {
        Some((_, flag, why)) => Err(Failure::usage(format!("{flag} is not supported: {why}"))),
        None => Ok(()),
    }
}

fn page(ctx: &Context, payload: &Value) -> String {
    let one = [payload.clone()];
    let stores = if payload.get("stores").is_some() { list(payload, "/stores") } else { &one };
    let mut table = Table::whole(&["KEY", "WHY", "ACTIVE"]);
    let mut lines = Vec::new();
    for store in stores {
        for action in list(store, "/actions") {
            let why = if cell(action, "/action") == "archive-age" { "old" } else { "too many" };
            let active = ago(ctx.now_ms(), number(action, "/updatedAt"));
            table.row([cell(action, "/key"), why.to_owned(), active]);
        }
        let gone = list(store, "/actions").len();
        let done = if flag(store, "/applied") { "put away" } else { "would be put away" };
        let (agent, after) = (cell(store, "/agentId"), cell(store, "/afterCount"));
        lines.push(printable(&format!("{agent}: {gone} {done}, {after} left in the list")));
    }
    let is_warning = !flag(payload, "/dryRun") && cell(payload, "/mode") == "warn";
    if is_warning && !table.is_empty() {
        lines.push(
            "nothing was done: session.maintenance.mode is warn; do it: openclaw sessions cleanup --enforce"
                .to_owned(),
        );
    }
    if table.is_empty() {
        return lines.join("\n");
    }
    format!("{}\n\n{}", table.render(&ctx.out, ""), lines.join("\n"))
}
