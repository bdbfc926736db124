//! `openclaw agent`: one turn of the agent, its answer on standard output. Ctrl-C stops the turn.

use crate::args::{ConnectArgs, TargetArgs};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::Link;
use crate::output::printable;
use crate::view::{list, text};
use clap::Args;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::time::Duration;

/// What to say to whom.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// What to say
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    message: String,
    /// The session: agent:ID:NAME, or a name within the agent [default: the agent's main session]
    #[arg(long, value_name = "KEY", conflicts_with = "session_id", value_parser = filled)]
    session_key: Option<String>,
    /// The session by its id, as `openclaw sessions --json` shows it
    #[arg(long, value_name = "ID", value_parser = filled)]
    session_id: Option<String>,
    /// The agent [default: the gateway's default agent]
    #[arg(long, value_name = "ID", value_parser = filled)]
    agent: Option<String>,
    /// Send the answer to the session's chat, too
    #[arg(long)]
    deliver: bool,
    /// Give up after this many seconds; 0 means a day
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    timeout: u64,
}

fn filled(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("is empty; leave the flag out instead") } else { Ok(text.to_owned()) }
}

/// Even "no deadline" has one.
const LONGEST: u64 = 86_400;
/// The gateway ends the turn at its deadline and still has to say so.
const GRACE: Duration = Duration::from_secs(15);

/// Runs the turn.
///
/// # Errors
/// The gateway cannot be reached, the turn failed or took too long, or it was interrupted.
pub(crate) async fn run(args: AgentArgs, ctx: &Context) -> Result<(), Failure> {
    let connect = ConnectArgs { target: args.target.clone(), timeout: None };
    let link = Link::dial_for(ctx, &connect, "agent").await?;
    let seconds = if args.timeout == 0 { LONGEST } else { args.timeout };
    let params = params(&link, &args, seconds).await?;
    let run = RefCell::new(Value::Null);
    let accepted = |payload: &Value| *run.borrow_mut() = payload.clone();
    let turn = link.call_two_phase("agent", params, Duration::from_secs(seconds) + GRACE, accepted);
    let outcome = tokio::select! {
        outcome = turn => outcome?,
        () = interrupted() => {
            let started = run.borrow().clone();
            return Err(stop(&link, &started).await);
        }
    };
    link.leave().await;
    ctx.out.show(&outcome, || answer(&outcome))?;
    verdict(&outcome)
}

async fn params(link: &Link, args: &AgentArgs, seconds: u64) -> Result<Value, Failure> {
    let mut params = json!({
        "message": args.message,
        "deliver": args.deliver,
        "timeout": seconds,
        "idempotencyKey": model::new_id(),
    });
    let key = match (&args.session_key, &args.session_id) {
        (Some(key), _) => Some(key.clone()),
        (None, Some(id)) => Some(key_of(link, id).await?),
        (None, None) => None,
    };
    if let Some(key) = key {
        params["sessionKey"] = key.into();
    }
    if let Some(agent) = &args.agent {
        params["agentId"] = agent.clone().into();
    }
    Ok(params)
}

async fn key_of(link: &Link, id: &str) -> Result<String, Failure> {
    let sessions = link.call("sessions.list", json!({"limit": 10_000})).await?;
    let found = list(&sessions, "/sessions").iter().find(|s| text(s, "/sessionId") == Some(id));
    found.and_then(|s| text(s, "/key")).map(str::to_owned).ok_or_else(|| {
        Failure::not_found(format!("there is no session with the id {id}"))
            .hint("see which there are: openclaw sessions --json")
    })
}

/// Waits for Ctrl-C; for ever where the system cannot tell.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Stops a turn that has begun.
async fn stop(link: &Link, started: &Value) -> Failure {
    let failure = Failure::new(Exit::Interrupted, "INTERRUPTED", "interrupted");
    let (Some(session), Some(run)) = (text(started, "/sessionKey"), text(started, "/runId")) else {
        return failure;
    };
    let params = json!({"sessionKey": session, "runId": run});
    match link.call_within("chat.abort", params, Duration::from_secs(2)).await {
        Ok(_) => Failure { message: "interrupted; the turn is stopped".into(), ..failure },
        Err(e) => {
            Failure { message: format!("interrupted; the turn may still run ({})", e.message), ..failure }
        }
    }
}

/// What the agent said.
fn answer(outcome: &Value) -> String {
    let texts: Vec<&str> =
        list(outcome, "/result/payloads").iter().filter_map(|p| text(p, "/text")).collect();
    if texts.is_empty() { "(no answer in words)".into() } else { printable(&texts.join("\n\n")) }
}

fn verdict(outcome: &Value) -> Result<(), Failure> {
    let said =
        || text(outcome, "/summary").or(text(outcome, "/error")).unwrap_or("no reason given").to_owned();
    match text(outcome, "/status") {
        Some("ok") | None => Ok(()),
        Some("timeout") => Err(Failure::new(Exit::Timeout, "AGENT_TIMEOUT", "the turn did not end in time")
            .hint("give it longer with --timeout SECONDS")),
        Some(status) => Err(Failure::new(
            Exit::Failed,
            "AGENT_FAILED",
            format!("the turn ended with {status}: {}", said()),
        )
        .hint("see what happened: openclaw logs")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_text_of_all_payloads() {
        let outcome =
            json!({"status":"ok","result":{"payloads":[{"text":"a"},{"mediaUrl":"x"},{"text":"b\u{7}"}]}});
        assert_eq!(answer(&outcome), "a\n\nb");
        assert_eq!(verdict(&outcome), Ok(()));
    }

    #[test]
    fn a_turn_that_did_not_end_well_has_an_exit_code() {
        for (status, exit) in [("timeout", Exit::Timeout), ("error", Exit::Failed), ("aborted", Exit::Failed)]
        {
            let failure = verdict(&json!({"status": status})).err().map(|f| f.exit);
            assert_eq!(failure, Some(exit), "{status}");
        }
    }
}
