//! What `cron add` and `cron edit` have alike: when a job runs, what it does, and where its answer goes.

use crate::failure::Failure;
use crate::input::duration;
use crate::logging::civil;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

/// When.
#[derive(Debug, Default, Args)]
#[group(skip)]
pub(super) struct WhenFlags {
    /// Once, at this time (2026-12-01T08:00:00Z) or after this long (20m)
    #[arg(long, value_name = "WHEN", conflicts_with_all = ["every", "cron"])]
    pub(super) at: Option<String>,
    /// Again and again, after this long: 10m, 1h, 2d
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "cron")]
    pub(super) every: Option<i64>,
    /// At the times of this cron expression
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) cron: Option<String>,
    /// The time zone of the cron expression, or of a time that names no offset: Europe/Rome
    #[arg(long, value_name = "ZONE", conflicts_with = "every")]
    pub(super) tz: Option<String>,
    /// Spread the runs of the cron expression over this long, each job always by the same
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with_all = ["at", "every", "exact"])]
    pub(super) stagger: Option<i64>,
    /// Run exactly at the times of the cron expression
    #[arg(long, conflicts_with_all = ["at", "every"])]
    pub(super) exact: bool,
}

/// What, by whom, and in which session.
#[derive(Debug, Default, Args)]
#[group(skip)]
pub(super) struct WhatFlags {
    /// What the agent is asked
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub(super) message: Option<String>,
    /// Instead of a question: what the main session is told
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "message")]
    pub(super) system_event: Option<String>,
    /// The name to show, where it differs
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) display_name: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    /// The agent that does it
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(super) agent: Option<String>,
    /// The session that it was made in, which its answers go back to
    #[arg(long, value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    pub(super) session_key: Option<String>,
    /// The model that answers
    #[arg(long, value_name = "PROVIDER/MODEL", value_parser = NonEmptyStringValueParser::new())]
    pub(super) model: Option<String>,
    /// The agent gets this many seconds; 0: as long as any turn may take
    #[arg(long, value_name = "SECONDS")]
    pub(super) timeout_seconds: Option<u32>,
    /// Leave the files of the workspace out of the prompt
    #[arg(long)]
    pub(super) light_context: bool,
    /// With these tools alone: exec,read
    #[arg(long, value_name = "NAMES", value_parser = NonEmptyStringValueParser::new())]
    pub(super) tools: Option<String>,
    /// Remove it once it has run well
    #[arg(long)]
    pub(super) delete_after_run: bool,
    /// Keep it once it has run well
    #[arg(long, conflicts_with = "delete_after_run")]
    pub(super) keep_after_run: bool,
}

/// Where the answer goes.
#[derive(Debug, Default, Args)]
#[group(skip)]
pub(super) struct WhereFlags {
    /// Send the answer to a chat
    #[arg(long, alias = "deliver", conflicts_with = "no_deliver")]
    pub(super) announce: bool,
    /// Send the answer nowhere
    #[arg(long)]
    pub(super) no_deliver: bool,
    /// The channel of that chat
    #[arg(long, value_name = "CHANNEL", value_parser = NonEmptyStringValueParser::new())]
    pub(super) channel: Option<String>,
    /// The chat's id on that channel
    #[arg(long, value_name = "ID", allow_hyphen_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub(super) to: Option<String>,
    /// The topic of that chat
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(super) thread_id: Option<String>,
    /// The channel's account
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(super) account: Option<String>,
    /// A run counts as done although its answer went nowhere
    #[arg(long)]
    pub(super) best_effort_deliver: bool,
}

/// Flags that OpenClaw has for what a job cannot do here.
#[derive(Debug, Default, Args)]
#[group(skip)]
pub(super) struct NotHere {
    #[arg(long, hide = true, allow_hyphen_values = true)]
    webhook: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    command: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    command_argv: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    script: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    on_exit: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    stream_command: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    trigger_script: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pacing_min: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pacing_max: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    fallbacks: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    thinking: Option<String>,
}

impl NotHere {
    /// Refuses them by name.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        const COMMAND: &str = "a job asks the agent or tells it something; it runs no command by itself";
        const TIMES: &str = "a job runs at set times, and not when something else happens";
        let given = [
            ("--webhook", &self.webhook, "answers go to chats, and to no address"),
            ("--command", &self.command, COMMAND),
            ("--command-argv", &self.command_argv, COMMAND),
            ("--script", &self.script, COMMAND),
            ("--on-exit", &self.on_exit, TIMES),
            ("--stream-command", &self.stream_command, TIMES),
            ("--trigger-script", &self.trigger_script, TIMES),
            ("--pacing-min", &self.pacing_min, "the times of a job are those of its schedule"),
            ("--pacing-max", &self.pacing_max, "the times of a job are those of its schedule"),
            ("--fallbacks", &self.fallbacks, "a job falls back on the models that its agent falls back on"),
            ("--thinking", &self.thinking, "how much a model thinks is not set job by job"),
        ];
        match given.iter().find(|(_, value, _)| value.is_some()) {
            Some((flag, _, why)) => Err(Failure::usage(format!("{flag} is not supported: {why}"))),
            None => Ok(()),
        }
    }
}

/// When the main session hears of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Wake {
    /// At once.
    Now,
    /// With its next heartbeat.
    NextHeartbeat,
}

impl Wake {
    /// As the wire says it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Wake::Now => "now",
            Wake::NextHeartbeat => "next-heartbeat",
        }
    }
}

impl WhenFlags {
    /// Whether a whole schedule is named.
    pub(super) fn is_given(&self) -> bool {
        self.at.is_some() || self.every.is_some() || self.cron.is_some()
    }

    /// The schedule that the flags make; parts that they leave open are those of `there`, where that is a cron expression.
    /// `None` where they say nothing.
    ///
    /// # Errors
    /// A time is none, or a part is given of a cron expression that there is not.
    pub(super) fn schedule(&self, there: &Value, now_ms: i64) -> Result<Option<Value>, Failure> {
        if let Some(at) = &self.at {
            return Ok(Some(json!({"kind": "at", "at": moment(at, self.tz.as_deref(), now_ms)?})));
        }
        if let Some(every) = self.every {
            return Ok(Some(json!({"kind": "every", "everyMs": every})));
        }
        let stagger = if self.exact { Some(0) } else { self.stagger };
        if self.cron.is_none() && self.tz.is_none() && stagger.is_none() {
            return Ok(None);
        }
        let is_cron = there["kind"] == "cron";
        let Some(expr) = self.cron.as_deref().or_else(|| there["expr"].as_str().filter(|_| is_cron)) else {
            return Err(Failure::usage("--tz, --stagger and --exact are parts of a cron expression")
                .hint("give the expression, too: --cron EXPRESSION"));
        };
        let mut schedule = json!({"kind": "cron", "expr": expr});
        let zone = self.tz.as_deref().or_else(|| there["tz"].as_str().filter(|_| is_cron));
        if let Some(zone) = zone {
            schedule["tz"] = zone.into();
        }
        // With another expression come its own times; a spread that was chosen for the old one is not carried over.
        let kept = there["staggerMs"].as_i64().filter(|_| is_cron && self.cron.is_none());
        if let Some(ms) = stagger.or(kept) {
            schedule["staggerMs"] = ms.into();
        }
        Ok(Some(schedule))
    }
}

/// A time with its offset as it stands; one without as it is in `zone`; a duration as the time that it leads to.
fn moment(at: &str, zone: Option<&str>, now_ms: i64) -> Result<String, Failure> {
    if let Ok(ms) = duration(at) {
        return Ok(civil::time(now_ms.saturating_add(ms)));
    }
    let time_of_day = at.split_once('T').map(|(_, time)| time);
    if time_of_day.is_some_and(|time| time.ends_with('Z') || time.contains(['+', '-'])) {
        return Ok(at.to_owned());
    }
    let wrong = |why: String| {
        Failure::usage(why)
            .hint("write 2026-12-01T08:00:00Z, 2026-12-01T08:00:00+01:00 or 20m, or add --tz ZONE")
    };
    let Some(zone) = zone else {
        return Err(wrong(format!("--at {at:?} is neither a time with its offset nor a duration")));
    };
    let time: jiff::civil::DateTime = at.parse().map_err(|e| wrong(format!("--at {at:?}: {e}")))?;
    let time = time.in_tz(zone).map_err(|e| wrong(format!("--tz {zone:?}: {e}")))?;
    Ok(time.timestamp().to_string())
}

impl WhatFlags {
    /// What the flags say of the agent's turn, and nothing else.
    pub(super) fn turn(&self) -> Map<String, Value> {
        let mut turn = texts([("message", &self.message), ("model", &self.model)]);
        if let Some(seconds) = self.timeout_seconds {
            turn.insert("timeoutSeconds".into(), seconds.into());
        }
        if self.light_context {
            turn.insert("lightContext".into(), true.into());
        }
        if let Some(tools) = &self.tools {
            let names = tools.split([',', ' ']).filter(|name| !name.is_empty());
            turn.insert("toolsAllow".into(), names.map(Value::from).collect());
        }
        turn
    }

    /// What the flags say of the job itself.
    pub(super) fn job(&self) -> Map<String, Value> {
        let mut job = texts([
            ("displayName", &self.display_name),
            ("description", &self.description),
            ("agentId", &self.agent),
            ("sessionKey", &self.session_key),
        ]);
        if self.delete_after_run || self.keep_after_run {
            job.insert("deleteAfterRun".into(), self.delete_after_run.into());
        }
        job
    }
}

impl WhereFlags {
    /// What the flags say of the answer's way; a place is a wish to send it there.
    pub(super) fn delivery(&self) -> Map<String, Value> {
        let mut delivery = texts([
            ("channel", &self.channel),
            ("to", &self.to),
            ("threadId", &self.thread_id),
            ("accountId", &self.account),
        ]);
        if self.best_effort_deliver {
            delivery.insert("bestEffort".into(), true.into());
        }
        if self.no_deliver {
            delivery.insert("mode".into(), "none".into());
        } else if self.announce || !delivery.is_empty() {
            delivery.insert("mode".into(), "announce".into());
        }
        delivery
    }
}

/// Those that are given.
pub(super) fn texts<const N: usize>(given: [(&str, &Option<String>); N]) -> Map<String, Value> {
    given
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| (name.to_owned(), value.as_str().into())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_whole_or_in_a_zone_or_a_duration_from_now() {
        for (at, zone, time) in [
            ("20m", None, Some("2026-11-21T02:16:06.558Z")),
            ("2026-12-01T08:00:00+01:00", None, Some("2026-12-01T08:00:00+01:00")),
            ("2026-12-01T08:00:00", None, None),
            ("2026-12-01T08:00:00", Some("Europe/Rome"), Some("2026-12-01T07:00:00Z")),
            ("2026-12-01T08:00", Some("Europe/Rome"), Some("2026-12-01T07:00:00Z")),
            ("2026-12-01T08:00", Some("Nowhere/Atall"), None),
            ("2026-12-01", None, None),
            ("tomorrow", Some("Europe/Rome"), None),
        ] {
            assert_eq!(moment(at, zone, 1_795_226_166_558).ok().as_deref(), time, "{at} {zone:?}");
        }
    }

    #[test]
    fn parts_of_a_schedule_that_are_not_given_are_those_that_it_had() {
        let there = json!({"kind": "cron", "expr": "0 8 * * *", "tz": "Europe/Rome", "staggerMs": 5000});
        let flags = |cron: Option<&str>, tz: Option<&str>, exact| WhenFlags {
            cron: cron.map(str::to_owned),
            tz: tz.map(str::to_owned),
            exact,
            ..WhenFlags::default()
        };
        for (when, made) in [
            (flags(None, None, false), None),
            (
                flags(Some("0 9 * * *"), None, false),
                Some(json!({"kind": "cron", "expr": "0 9 * * *", "tz": "Europe/Rome"})),
            ),
            (
                flags(None, Some("UTC"), false),
                Some(json!({"kind": "cron", "expr": "0 8 * * *", "tz": "UTC", "staggerMs": 5000})),
            ),
            (
                flags(None, None, true),
                Some(json!({"kind": "cron", "expr": "0 8 * * *", "tz": "Europe/Rome", "staggerMs": 0})),
            ),
        ] {
            assert_eq!(when.schedule(&there, 0), Ok(made));
        }
        let every = json!({"kind": "every", "everyMs": 1000});
        assert!(flags(None, Some("UTC"), false).schedule(&every, 0).is_err());
    }
}
