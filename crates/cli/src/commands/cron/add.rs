//! `openclaw cron add`: a job from flags.

use super::flags::{NotHere, Wake, WhatFlags, WhenFlags, WhereFlags};
use super::when;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::input::duration;
use crate::link::one_call;
use crate::output::printable;
use crate::view::{cell, text};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct AddArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// When: a cron expression, a time, or how long from now; the job's name, where a flag says when
    #[arg(value_name = "WHEN_OR_NAME", value_parser = NonEmptyStringValueParser::new())]
    first: Option<String>,
    /// What the agent is asked
    #[arg(value_name = "MESSAGE", value_parser = NonEmptyStringValueParser::new(), conflicts_with_all = ["message", "system_event"])]
    second: Option<String>,
    /// The job's name
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
    #[command(flatten)]
    when: WhenFlags,
    #[command(flatten)]
    what: WhatFlags,
    /// main, isolated or session:KEY [default: isolated, main for a system event]
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// When the main session hears of a system event
    #[arg(long, value_enum, default_value_t = Wake::Now)]
    wake: Wake,
    #[command(flatten)]
    to: WhereFlags,
    /// Declare it: at most one job has this key, and declaring it again changes it
    #[arg(long, value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    declaration_key: Option<String>,
    /// Add it without running it
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    not_here: NotHere,
}

pub(super) async fn run(args: AddArgs, ctx: &Context) -> Result<(), Failure> {
    args.not_here.refuse()?;
    let params = params(&args, ctx.now_ms())?;
    let answer = one_call(ctx, &args.connect, "cron.add", params).await?;
    // A job that was declared stands beside what became of the declaration.
    let job = answer.get("job").unwrap_or(&answer);
    let detail = text(&answer, "/deliveryPreview/detail");
    ctx.out.show(&answer, || {
        let to = match detail {
            Some(detail) if detail != "not requested" => format!("\nits answer: {detail}"),
            _ => String::new(),
        };
        let done = match (answer["created"].as_bool(), answer["updated"].as_bool()) {
            (Some(false), Some(true)) => "changed",
            (Some(false), _) => "kept",
            _ => "added",
        };
        printable(&format!("{done} {} as {}: {}{to}", cell(job, "/name"), cell(job, "/id"), when(job)))
    })?;
    if let Some(why) = detail.and_then(|detail| detail.strip_prefix(NO_ROUTE)) {
        let (id, edit) = (cell(job, "/id"), "--channel CHANNEL --to ID, or --no-deliver");
        ctx.out.remark(&printable(&format!(
            "nobody will see the answer: {why}; say where it goes: openclaw cron edit {id} {edit}"
        )));
    }
    Ok(())
}

/// How the preview of an answer that goes nowhere begins.
const NO_ROUTE: &str = "no route, will not be delivered: ";

fn params(args: &AddArgs, now_ms: i64) -> Result<Value, Failure> {
    let when = (!args.when.is_given()).then_some(args.first.as_deref()).flatten();
    let schedule = match when {
        Some(when) => placed(when, &args.when).schedule(&Value::Null, now_ms)?,
        None => args.when.schedule(&Value::Null, now_ms)?,
    };
    let schedule = schedule.ok_or_else(|| {
        Failure::usage("when does it run?").hint("--every 1h, --at 20m or --cron '0 8 * * *'")
    })?;
    let payload = payload(args)?;
    let is_event = payload["kind"] == "systemEvent";
    let session = args.session.as_deref().unwrap_or(if is_event { "main" } else { "isolated" });
    let mut params = json!({
        "name": name(args)?,
        "schedule": schedule,
        "sessionTarget": session,
        "wakeMode": args.wake.as_str(),
        "payload": payload,
        "enabled": !args.disabled,
    });
    for (name, value) in args.what.job() {
        params[name] = value;
    }
    if let Some(key) = &args.declaration_key {
        params["declarationKey"] = key.as_str().into();
    }
    let delivery = args.to.delivery();
    if !delivery.is_empty() {
        params["delivery"] = delivery.into();
    }
    Ok(params)
}

/// A schedule as one word: `every 1h`, a cron expression, or a time or a duration from now.
fn placed(when: &str, flags: &WhenFlags) -> WhenFlags {
    let (tz, stagger, exact) = (flags.tz.clone(), flags.stagger, flags.exact);
    let empty = WhenFlags { tz, stagger, exact, ..WhenFlags::default() };
    if let Some(every) = when.trim().strip_prefix("every ").and_then(|every| duration(every.trim()).ok()) {
        return WhenFlags { every: Some(every), ..empty };
    }
    match when.split_whitespace().count() {
        5 | 6 => WhenFlags { cron: Some(when.trim().to_owned()), ..empty },
        _ => WhenFlags { at: Some(when.trim().to_owned()), ..empty },
    }
}

fn name(args: &AddArgs) -> Result<&str, Failure> {
    let placed = args.when.is_given().then_some(args.first.as_deref()).flatten();
    match (args.name.as_deref(), placed) {
        (Some(_), Some(_)) => Err(Failure::usage("the job is named twice; give --name alone")),
        (Some(name), None) | (None, Some(name)) => Ok(name),
        (None, None) => Err(Failure::usage("the job has no name; add --name NAME")),
    }
}

fn payload(args: &AddArgs) -> Result<Value, Failure> {
    let mut turn = args.what.turn();
    if let Some(text) = &args.what.system_event {
        if let Some(name) = turn.keys().next() {
            return Err(Failure::usage(format!("{name} is for jobs that ask the agent: --message TEXT")));
        }
        return Ok(json!({"kind": "systemEvent", "text": text}));
    }
    if let Some(message) = &args.second {
        turn.insert("message".into(), message.as_str().into());
    }
    if !turn.contains_key("message") {
        return Err(Failure::usage("what does it do? give --message TEXT, or --system-event TEXT"));
    }
    turn.insert("kind".into(), "agentTurn".into());
    Ok(turn.into())
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
        parsed.args.not_here.refuse().map_err(|e| e.message)?;
        params(&parsed.args, 1_795_226_166_558).map_err(|e| e.message)
    }

    #[test]
    fn flags_become_a_job() {
        let line = "--every 1h --message hi --model a/b --tools exec,read --channel telegram --to -1";
        let job = of(&line.split(' ').collect::<Vec<_>>());
        let payload =
            json!({"kind": "agentTurn", "message": "hi", "model": "a/b", "toolsAllow": ["exec", "read"]});
        assert_eq!(
            job,
            Ok(json!({
                "name": "n", "schedule": {"kind": "every", "everyMs": 3_600_000}, "sessionTarget": "isolated",
                "wakeMode": "now", "payload": payload, "enabled": true,
                "delivery": {"mode": "announce", "channel": "telegram", "to": "-1"},
            }))
        );
        let job = of(&["--cron", "0 8 * * *", "--tz", "Europe/Rome", "--system-event", "up", "--no-deliver"])
            .unwrap();
        assert_eq!(job["schedule"], json!({"kind": "cron", "expr": "0 8 * * *", "tz": "Europe/Rome"}));
        assert_eq!((&job["sessionTarget"], &job["delivery"]), (&json!("main"), &json!({"mode": "none"})));
        assert_eq!(job["payload"], json!({"kind": "systemEvent", "text": "up"}));
    }

    #[test]
    fn when_and_what_may_stand_without_flags() {
        for (when, schedule) in [
            ("0 7 * * *", json!({"kind": "cron", "expr": "0 7 * * *"})),
            ("every 2h", json!({"kind": "every", "everyMs": 7_200_000})),
            ("20m", json!({"kind": "at", "at": "2026-11-21T02:16:06.558Z"})),
        ] {
            let job = of(&[when, "what is new?"]).unwrap();
            assert_eq!((&job["schedule"], &job["payload"]["message"]), (&schedule, &json!("what is new?")));
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
            &["--every", "1h", "other", "--message", "hi"],
            &["--every", "1h", "--system-event", "e", "--model", "a/b"],
            &["some day", "hi"],
            &["--every", "1h", "--message", "hi", "--webhook", "https://example.com"],
        ] {
            assert!(of(line).is_err(), "{line:?}");
        }
    }
}
