//! `openclaw sessions compact`: makes what the model reads of a session shorter.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::{Link, scopes_for};
use crate::output::printable;
use crate::view::{cell, flag, number};
use clap::Args;
use serde_json::json;
use std::time::Duration;

/// A summary takes the time that a model takes; the gateway ends it after two minutes or so.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Args)]
pub(super) struct CompactArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The session
    #[arg(value_name = "KEY", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    key: String,
    /// Keep the last N messages and ask no model
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_lines: Option<u32>,
    /// The agent that the session belongs to
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
}

/// Asks for it and waits.
///
/// # Errors
/// The gateway cannot be reached or refuses, or the session stays as it was because something failed.
pub(super) async fn run(args: CompactArgs, ctx: &Context) -> Result<(), Failure> {
    let mut params = json!({"key": args.key});
    if let Some(lines) = args.max_lines {
        params["maxLines"] = lines.into();
    }
    if let Some(agent) = args.agent {
        params["agentId"] = agent.into();
    }
    let link = Link::dial(ctx, &args.connect, &scopes_for("sessions.compact", &params)).await?;
    let payload = link.call_within("sessions.compact", params, PATIENCE).await?;
    link.leave().await;
    if !flag(&payload, "/ok") {
        let reason = cell(&payload, "/reason");
        return Err(Failure::new(Exit::Failed, "COMPACTION_FAILED", format!("not compacted: {reason}")));
    }
    ctx.out.show(&payload, || {
        let said = if !flag(&payload, "/compacted") {
            format!("nothing was changed: {}", cell(&payload, "/reason"))
        } else if let Some(kept) = number(&payload, "/kept") {
            format!("the last {kept} messages are kept")
        } else {
            let (before, after) =
                (cell(&payload, "/result/tokensBefore"), cell(&payload, "/result/tokensAfter"));
            format!("about {before} tokens became {after}")
        };
        printable(&said)
    })
}
