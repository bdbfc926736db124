//! `openclaw cron run`: a job now, and with `--wait` what became of it.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::input::duration;
use crate::link::{Link, scope_names};
use crate::output::printable;
use crate::view::{cell, list, text};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use protocol::Scope;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The job, as `openclaw cron list` shows it
    #[arg(value_name = "JOB_ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// Only if its time has come
    #[arg(long)]
    due: bool,
    /// Wait for its end
    #[arg(long)]
    wait: bool,
    /// Wait for this many seconds at most
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds, requires = "wait")]
    wait_timeout: u64,
    /// Look this often whether it has ended
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = duration, requires = "wait")]
    poll_interval: i64,
}

/// Seconds, with or without their unit: `60`, `60s`, `10m`.
fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = match (text.strip_suffix('m'), text.strip_suffix('s')) {
        (Some(minutes), _) => (minutes, 60),
        (None, Some(seconds)) => (seconds, 1),
        (None, None) => (text, 1),
    };
    let parsed =
        number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).filter(|n| (1..=86_400).contains(n));
    parsed.ok_or_else(|| format!("{text:?} is no time between 1s and 1440m"))
}

pub(super) async fn run(args: RunArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial(ctx, &args.connect, &scope_names(&[Scope::Admin])).await?;
    let mode = if args.due { "due" } else { "force" };
    let begun = link.call("cron.run", json!({"id": args.id, "mode": mode})).await?;
    let Some(run_id) = text(&begun, "/runId").filter(|_| args.wait).map(str::to_owned) else {
        link.leave().await;
        return ctx.out.show(&begun, || printable(&format!("{} {}", args.id, outcome(&begun))));
    };
    let entry = ended(&link, &args, &run_id).await?;
    link.leave().await;
    let status = cell(&entry, "/status");
    let report = json!({"ok": status == "ok", "runId": run_id, "status": status, "run": entry});
    if status == "ok" {
        return ctx.out.show(&report, || printable(&cell(&report, "/run/summary")));
    }
    let why = text(&report, "/run/error").unwrap_or("its entry does not say why");
    Err(Failure::new(Exit::Failed, "RUN_FAILED", format!("the run ended as {status}: {why}")).details(report))
}

fn outcome(begun: &Value) -> String {
    match text(begun, "/reason") {
        Some(reason) => format!("was not run: {reason}"),
        None => "is under way".to_owned(),
    }
}

/// The entry of a run, once there is one.
async fn ended(link: &Link, args: &RunArgs, run_id: &str) -> Result<Value, Failure> {
    let until = Instant::now() + Duration::from_secs(args.wait_timeout);
    loop {
        let params = json!({"id": args.id, "runId": run_id, "limit": 1});
        let payload = link.call_within("cron.runs", params, args.connect.timeout()).await?;
        if let Some(entry) = list(&payload, "/entries").first() {
            return Ok(entry.clone());
        }
        if Instant::now() >= until {
            let message = format!("run {run_id} has not ended within {} s; it goes on", args.wait_timeout);
            return Err(Failure::new(Exit::Timeout, "TIMEOUT", message)
                .hint(format!("see later: openclaw cron runs {}", args.id)));
        }
        // Not beyond the time that there is.
        let look = Duration::from_millis(args.poll_interval.unsigned_abs());
        tokio::time::sleep(look.min(until.saturating_duration_since(Instant::now()))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_wait_has_a_unit_or_is_seconds() {
        for (text, wanted) in [("60", Some(60)), ("60s", Some(60)), ("10m", Some(600))] {
            assert_eq!(seconds(text).ok(), wanted);
        }
        for text in ["", "0", "1h", "99999m", "m", "-1"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
