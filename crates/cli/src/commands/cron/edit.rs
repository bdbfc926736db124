//! `openclaw cron edit`: parts of a job, and nothing else of it.

use super::flags::{NotHere, Wake, WhatFlags, WhenFlags, WhereFlags};
use super::{alert, when};
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{Link, scopes_of};
use crate::output::printable;
use crate::view::{cell, text};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Map, Value, json};

#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct EditArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The job, as `openclaw cron list` shows it
    #[arg(value_name = "JOB_ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// Another name
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
    #[command(flatten)]
    when: WhenFlags,
    #[command(flatten)]
    what: WhatFlags,
    /// main, isolated or session:KEY
    #[arg(long, value_name = "SESSION", value_parser = NonEmptyStringValueParser::new())]
    session: Option<String>,
    /// When the main session hears of a system event
    #[arg(long, value_enum)]
    wake: Option<Wake>,
    #[command(flatten)]
    to: WhereFlags,
    /// A run fails where its answer goes nowhere
    #[arg(long, conflicts_with = "best_effort_deliver")]
    no_best_effort_deliver: bool,
    #[command(flatten)]
    alert: alert::AlertFlags,
    /// Let it run at its times
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Keep it, and do not run it
    #[arg(long)]
    disable: bool,
    #[command(flatten)]
    clear: ClearFlags,
    #[command(flatten)]
    not_here: NotHere,
}

/// What is taken out.
#[derive(Debug, Args)]
#[group(skip)]
struct ClearFlags {
    /// Show its name again
    #[arg(long, conflicts_with = "display_name")]
    clear_display_name: bool,
    /// The default agent does it
    #[arg(long, conflicts_with = "agent")]
    clear_agent: bool,
    /// Its answers go back to no session
    #[arg(long, conflicts_with = "session_key")]
    clear_session_key: bool,
    /// The agent's model answers
    #[arg(long, conflicts_with = "model")]
    clear_model: bool,
    /// Put the files of the workspace into the prompt
    #[arg(long, conflicts_with = "light_context")]
    no_light_context: bool,
    /// With all tools that the agent has
    #[arg(long, conflicts_with = "tools")]
    clear_tools: bool,
    /// No channel is named
    #[arg(long, conflicts_with = "channel")]
    clear_channel: bool,
    /// No chat is named
    #[arg(long, conflicts_with = "to")]
    clear_to: bool,
    /// No topic is named
    #[arg(long, conflicts_with = "thread_id")]
    clear_thread_id: bool,
    /// No account is named
    #[arg(long, conflicts_with = "account")]
    clear_account: bool,
}

pub(super) async fn run(args: EditArgs, ctx: &Context) -> Result<(), Failure> {
    args.not_here.refuse()?;
    let link = Link::dial(ctx, &args.connect, &scopes_of("cron.update")).await?;
    let there = link.call("cron.get", json!({"id": args.id})).await?;
    let patch = patch(&args, &there, ctx.now_ms())?;
    if patch.is_empty() {
        return Err(
            Failure::usage("nothing is to be changed").hint("see what can be: openclaw cron edit --help")
        );
    }
    let mut params = json!({"id": args.id, "patch": patch});
    // What was not given is taken from what there was: somebody may have changed that meanwhile.
    if let Some(revision) = text(&there, "/configRevision") {
        params["expectedConfigRevision"] = revision.into();
    }
    let job = link.call("cron.update", params).await?;
    link.leave().await;
    ctx.out.show(&job, || {
        printable(&format!("changed {} ({}): {}", cell(&job, "/name"), cell(&job, "/id"), when(&job)))
    })
}

fn patch(args: &EditArgs, there: &Value, now_ms: i64) -> Result<Map<String, Value>, Failure> {
    let mut patch = args.what.job();
    if let Some(name) = &args.name {
        patch.insert("name".into(), name.as_str().into());
    }
    let clear = &args.clear;
    cleared(
        &mut patch,
        [
            ("displayName", clear.clear_display_name),
            ("agentId", clear.clear_agent),
            ("sessionKey", clear.clear_session_key),
        ],
    );
    if args.enable || args.disable {
        patch.insert("enabled".into(), args.enable.into());
    }
    if let Some(session) = &args.session {
        patch.insert("sessionTarget".into(), session.as_str().into());
    }
    if let Some(wake) = args.wake {
        patch.insert("wakeMode".into(), wake.as_str().into());
    }
    if let Some(schedule) = args.when.schedule(&there["schedule"], now_ms)? {
        patch.insert("schedule".into(), schedule);
    }
    if let Some(payload) = payload(args, there)? {
        patch.insert("payload".into(), payload);
    }
    if let Some(delivery) = delivery(args, &patch, there) {
        patch.insert("delivery".into(), delivery);
    }
    if let Some(alert) = args.alert.policy(&there["failureAlert"])? {
        patch.insert("failureAlert".into(), alert);
    }
    Ok(patch)
}

/// `null` takes a property out.
fn cleared<const N: usize>(part: &mut Map<String, Value>, which: [(&str, bool); N]) {
    part.extend(
        which.into_iter().filter(|(_, is_meant)| *is_meant).map(|(name, _)| (name.into(), Value::Null)),
    );
}

fn payload(args: &EditArgs, there: &Value) -> Result<Option<Value>, Failure> {
    let mut turn = args.what.turn();
    cleared(&mut turn, [("model", args.clear.clear_model)]);
    if args.clear.no_light_context {
        turn.insert("lightContext".into(), false.into());
    }
    if args.clear.clear_tools {
        turn.insert("toolsAllow".into(), json!(["*"]));
    }
    let is_event = there.pointer("/payload/kind").is_some_and(|kind| kind == "systemEvent");
    let stays_event = is_event && !turn.contains_key("message");
    if let Some(name) = turn.keys().next().filter(|_| args.what.system_event.is_some() || stays_event) {
        return Err(Failure::usage(format!(
            "{name} is for jobs that ask the agent, and this one tells it something"
        ))
        .hint("have it ask: --message TEXT --session isolated"));
    }
    if let Some(text) = &args.what.system_event {
        return Ok(Some(json!({"kind": "systemEvent", "text": text})));
    }
    if turn.is_empty() {
        return Ok(None);
    }
    turn.insert("kind".into(), "agentTurn".into());
    Ok(Some(turn.into()))
}

fn delivery(args: &EditArgs, patch: &Map<String, Value>, there: &Value) -> Option<Value> {
    let mut delivery = args.to.delivery();
    let clear = &args.clear;
    cleared(
        &mut delivery,
        [
            ("channel", clear.clear_channel),
            ("to", clear.clear_to),
            ("threadId", clear.clear_thread_id),
            ("accountId", clear.clear_account),
        ],
    );
    if args.no_best_effort_deliver {
        delivery.insert("bestEffort".into(), false.into());
    }
    // What is told is not answered: the way that the answer had goes with the question.
    let becomes_event = patch.get("payload").is_some_and(|payload| payload["kind"] == "systemEvent");
    let has_way = there.get("delivery").is_some_and(Value::is_object);
    if delivery.is_empty() {
        return (becomes_event && has_way).then(|| json!({"mode": "none"}));
    }
    Some(delivery.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: EditArgs,
    }

    fn of(line: &[&str], there: &Value) -> Result<Value, String> {
        let line = ["edit", "JOB"].iter().chain(line);
        let parsed = Line::try_parse_from(line).map_err(|e| e.to_string())?;
        patch(&parsed.args, there, 0).map(Value::Object).map_err(|e| e.message)
    }

    #[test]
    fn only_what_is_named_is_changed() {
        let turn = json!({"schedule": {"kind": "every", "everyMs": 1}, "payload": {"kind": "agentTurn", "message": "a"}});
        let alert = json!({"failureAlert": {"after": 3, "channel": "telegram"}});
        for (line, there, made) in [
            (&["--name", "x", "--clear-agent"][..], &turn, json!({"name": "x", "agentId": null})),
            (
                &["--clear-model", "--timeout-seconds", "0"],
                &turn,
                json!({"payload": {"kind": "agentTurn", "timeoutSeconds": 0, "model": null}}),
            ),
            (&["--no-deliver"], &turn, json!({"delivery": {"mode": "none"}})),
            (&["--clear-to"], &turn, json!({"delivery": {"to": null}})),
            (
                &["--thread-id", "7", "--no-best-effort-deliver"],
                &turn,
                json!({"delivery": {"threadId": "7", "mode": "announce", "bestEffort": false}}),
            ),
            (&["--disable", "--keep-after-run"], &turn, json!({"deleteAfterRun": false, "enabled": false})),
            (&["--no-failure-alert"], &turn, json!({"failureAlert": false})),
            (
                &["--failure-alert-cooldown", "30m"],
                &alert,
                json!({"failureAlert": {"after": 3, "channel": "telegram", "cooldownMs": 1_800_000}}),
            ),
            (&["--failure-alert"], &turn, json!({"failureAlert": {}})),
        ] {
            assert_eq!(of(line, there), Ok(made), "{line:?}");
        }
    }

    #[test]
    fn a_question_that_becomes_an_event_is_answered_nowhere() {
        let there = json!({"payload": {"kind": "agentTurn"}, "delivery": {"mode": "announce", "to": "7"}});
        let made = of(&["--system-event", "up", "--session", "main"], &there);
        let event = json!({"kind": "systemEvent", "text": "up"});
        assert_eq!(
            made,
            Ok(json!({"sessionTarget": "main", "payload": event, "delivery": {"mode": "none"}}))
        );
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let event = json!({"payload": {"kind": "systemEvent", "text": "x"}});
        for line in [
            &["--model", "a/b"][..],
            &["--system-event", "x", "--tools", "exec"],
            &["--model", "a/b", "--clear-model"],
            &["--enable", "--disable"],
            &["--tz", "UTC"],
            &["--no-failure-alert", "--failure-alert-after", "2"],
        ] {
            assert!(of(line, &event).is_err(), "{line:?}");
        }
    }
}
