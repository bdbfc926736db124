//! `openclaw cron add`: a job from flags.

use super::when;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::input::duration;
use crate::link::one_call;
use crate::logging::civil;
use crate::output::printable;
use crate::view::{cell, text};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct AddArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The job's name
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// Once, at this time (2026-12-01T08:00:00Z) or after this long (20m)
    #[arg(long, value_name = "WHEN", conflicts_with_all = ["every", "cron"])]
    at: Option<String>,
    /// Again and again, after this long: 10m, 1h, 2d
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "cron")]
    every: Option<i64>,
    /// At the times of this cron expression
    #[arg(long, value_name = "EXPRESSION", required_unless_present_any = ["at", "every"])]
    cron: Option<String>,
    /// The time zone of the cron expression: Europe/Rome
    #[arg(long, value_name = "ZONE", requires = "cron", conflicts_with_all = ["at", "every"])]
    tz: Option<String>,
    /// What the agent is asked
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new(), required_unless_present = "system_event")]
    message: Option<String>,
    /// Instead of a question: what the main session is told
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "message")]
    system_event: Option<String>,
    /// main, isolated or session:KEY [default: isolated, main for a system event]
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// The agent that does it
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// When the main session hears of a system event
    #[arg(long, value_enum, default_value_t = Wake::Now)]
    wake: Wake,
    /// The model that answers
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<String>,
    /// How much the model thinks
    #[arg(long, value_name = "LEVEL")]
    thinking: Option<String>,
    /// The agent gets this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    timeout_seconds: Option<u32>,
    /// Send the answer to a chat
    #[arg(long, conflicts_with = "no_deliver")]
    announce: bool,
    /// Send the answer nowhere
    #[arg(long)]
    no_deliver: bool,
    /// The channel of that chat
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// The chat's id on that channel
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    to: Option<String>,
    /// The channel's account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Add it without running it
    #[arg(long)]
    disabled: bool,
    /// Remove it once it has run well
    #[arg(long)]
    delete_after_run: bool,
}

/// When the main session hears of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wake {
    /// At once.
    Now,
    /// With its next heartbeat.
    NextHeartbeat,
}

pub(super) async fn run(args: AddArgs, ctx: &Context) -> Result<(), Failure> {
    let params = params(&args, ctx.now_ms())?;
    let job = one_call(ctx, &args.connect, "cron.add", params).await?;
    ctx.out.show(&job, || {
        let answer = match text(&job, "/deliveryPreview/detail") {
            Some(detail) if detail != "not requested" => format!("\nits answer: {detail}"),
            _ => String::new(),
        };
        printable(&format!("added {} as {}: {}{answer}", cell(&job, "/name"), cell(&job, "/id"), when(&job)))
    })?;
    if let Some(why) = text(&job, "/deliveryPreview/detail").and_then(|detail| detail.strip_prefix(NO_ROUTE))
    {
        let (id, edit) = (cell(&job, "/id"), "--channel CHANNEL --to ID, or --no-deliver");
        ctx.out.remark(&printable(&format!(
            "nobody will see the answer: {why}; remove it (cron rm {id}) and add it with {edit}"
        )));
    }
    Ok(())
}

/// How the preview of an answer that goes nowhere begins.
const NO_ROUTE: &str = "no route, will not be delivered: ";

fn params(args: &AddArgs, now_ms: i64) -> Result<Value, Failure> {
    let event = args.system_event.is_some();
    let session = args.session.as_deref().unwrap_or(if event { "main" } else { "isolated" });
    let mut params = json!({
        "name": args.name,
        "schedule": schedule(args, now_ms)?,
        "sessionTarget": session,
        "wakeMode": if args.wake == Wake::Now { "now" } else { "next-heartbeat" },
        "payload": payload(args),
        "enabled": !args.disabled,
    });
    if args.delete_after_run {
        params["deleteAfterRun"] = true.into();
    }
    for (name, value) in [("agentId", &args.agent), ("description", &args.description)] {
        if let Some(value) = value {
            params[name] = value.as_str().into();
        }
    }
    if let Some(delivery) = delivery(args) {
        params["delivery"] = delivery;
    }
    Ok(params)
}

fn schedule(args: &AddArgs, now_ms: i64) -> Result<Value, Failure> {
    Ok(match (&args.at, args.every, &args.cron) {
        (Some(at), _, _) => json!({"kind": "at", "at": moment(at, now_ms)?}),
        (None, Some(every), _) => json!({"kind": "every", "everyMs": every}),
        (None, None, expr) => {
            let mut schedule = json!({"kind": "cron", "expr": expr});
            if let Some(zone) = &args.tz {
                schedule["tz"] = zone.as_str().into();
            }
            schedule
        }
    })
}

/// A time with its offset as it stands; a duration as the time that it leads to.
fn moment(at: &str, now_ms: i64) -> Result<String, Failure> {
    if let Ok(ms) = duration(at) {
        return Ok(civil::time(now_ms.saturating_add(ms)));
    }
    let time_of_day = at.split_once('T').map(|(_, time)| time);
    if time_of_day.is_some_and(|time| time.ends_with('Z') || time.contains(['+', '-'])) {
        return Ok(at.to_owned());
    }
    Err(Failure::usage(format!("--at {at:?} is neither a time with its offset nor a duration"))
        .hint("write 2026-12-01T08:00:00Z, 2026-12-01T08:00:00+01:00 or 20m"))
}

fn payload(args: &AddArgs) -> Value {
    if let Some(text) = &args.system_event {
        return json!({"kind": "systemEvent", "text": text});
    }
    let mut payload = json!({"kind": "agentTurn", "message": args.message});
    for (name, value) in [("model", &args.model), ("thinking", &args.thinking)] {
        if let Some(value) = value {
            payload[name] = value.as_str().into();
        }
    }
    if let Some(seconds) = args.timeout_seconds {
        payload["timeoutSeconds"] = seconds.into();
    }
    payload
}

fn delivery(args: &AddArgs) -> Option<Value> {
    let fields = [("channel", &args.channel), ("to", &args.to), ("accountId", &args.account)];
    let chat: Map<String, Value> = fields
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|v| (name.to_owned(), v.as_str().into())))
        .collect();
    if args.no_deliver {
        return Some(json!({"mode": "none"}));
    }
    if !args.announce && chat.is_empty() {
        return None;
    }
    let mut delivery = json!({"mode": "announce"});
    for (name, value) in chat {
        delivery[name] = value;
    }
    Some(delivery)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: AddArgs,
    }

    fn of(line: &[&str]) -> Result<Value, String> {
        let line = ["add", "--name", "n"].iter().chain(line);
        let parsed = Line::try_parse_from(line).map_err(|e| e.to_string())?;
        params(&parsed.args, 1_795_226_166_558).map_err(|e| e.message)
    }

    #[test]
    fn flags_become_a_job() {
        let job = of(&[
            "--every",
            "1h",
            "--message",
            "hi",
            "--model",
            "a/b",
            "--channel",
            "telegram",
            "--to",
            "-1",
        ]);
        assert_eq!(
            job,
            Ok(json!({
                "name": "n", "schedule": {"kind": "every", "everyMs": 3_600_000}, "sessionTarget": "isolated",
                "wakeMode": "now", "payload": {"kind": "agentTurn", "message": "hi", "model": "a/b"},
                "enabled": true, "delivery": {"mode": "announce", "channel": "telegram", "to": "-1"},
            }))
        );
        let job = of(&["--cron", "0 8 * * *", "--tz", "Europe/Rome", "--system-event", "up", "--no-deliver"])
            .unwrap();
        assert_eq!(job["schedule"], json!({"kind": "cron", "expr": "0 8 * * *", "tz": "Europe/Rome"}));
        assert_eq!((&job["sessionTarget"], &job["delivery"]), (&json!("main"), &json!({"mode": "none"})));
        assert_eq!(job["payload"], json!({"kind": "systemEvent", "text": "up"}));
    }

    #[test]
    fn a_time_is_whole_or_a_duration_from_now() {
        for (at, time) in [
            ("20m", Some("2026-11-21T02:16:06.558Z")),
            ("2026-12-01T08:00:00+01:00", Some("2026-12-01T08:00:00+01:00")),
            ("2026-12-01T08:00:00", None),
            ("2026-12-01", None),
            ("tomorrow", None),
        ] {
            assert_eq!(moment(at, 1_795_226_166_558).ok().as_deref(), time, "{at}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            &["--message", "hi"][..],
            &["--every", "1h"],
            &["--every", "1h", "--cron", "* * * * *", "--message", "hi"],
            &["--every", "0s", "--message", "hi"],
            &["--every", "1 h", "--message", "hi"],
            &["--every", "99999999999999999999d", "--message", "hi"],
            &["--every", "1h", "--tz", "UTC", "--message", "hi"],
            &["--every", "1h", "--message", "hi", "--system-event", "e"],
        ] {
            assert!(of(line).is_err(), "{line:?}");
        }
    }
}
