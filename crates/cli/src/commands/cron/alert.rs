//! `--failure-alert…` of `cron edit`: when and where failures of a job are told.

use super::flags::texts;
use crate::failure::Failure;
use crate::input::duration;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Map, Value, json};

/// When failures are told, and where.
#[derive(Debug, Default, Args)]
#[group(skip)]
pub(super) struct AlertFlags {
    /// Tell of failures that come again and again
    #[arg(long, conflicts_with = "no_failure_alert")]
    failure_alert: bool,
    /// Tell of no failure
    #[arg(long, conflicts_with_all = ["failure_alert_after", "failure_alert_channel", "failure_alert_to", "failure_alert_account_id", "failure_alert_cooldown"])]
    no_failure_alert: bool,
    /// After so many failures in a row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    failure_alert_after: Option<u32>,
    /// On this channel
    #[arg(long, value_name = "CHANNEL", value_parser = NonEmptyStringValueParser::new())]
    failure_alert_channel: Option<String>,
    /// In this chat
    #[arg(long, value_name = "ID", allow_hyphen_values = true, value_parser = NonEmptyStringValueParser::new())]
    failure_alert_to: Option<String>,
    /// From this account of the channel
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    failure_alert_account_id: Option<String>,
    /// And not again for so long: 30m, 1h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    failure_alert_cooldown: Option<i64>,
    #[arg(long, hide = true)]
    failure_alert_mode: Option<String>,
    #[arg(long, hide = true)]
    failure_alert_include_skipped: bool,
    #[arg(long, hide = true)]
    failure_alert_exclude_skipped: bool,
}

impl AlertFlags {
    /// What the flags make of the policy that is there; `None` where they say nothing.
    ///
    /// # Errors
    /// Something is asked for that is not here.
    pub(super) fn policy(&self, there: &Value) -> Result<Option<Value>, Failure> {
        if self.failure_alert_mode.as_deref().is_some_and(|mode| mode != "announce") {
            return Err(Failure::usage("--failure-alert-mode is announce: failures are told in a chat"));
        }
        if self.failure_alert_include_skipped {
            let why =
                "--failure-alert-include-skipped is not supported: a run that was skipped is no failure";
            return Err(Failure::usage(why));
        }
        if self.no_failure_alert {
            return Ok(Some(json!(false)));
        }
        let mut given = texts([
            ("channel", &self.failure_alert_channel),
            ("to", &self.failure_alert_to),
            ("accountId", &self.failure_alert_account_id),
            ("mode", &self.failure_alert_mode),
        ]);
        if let Some(after) = self.failure_alert_after {
            given.insert("after".into(), after.into());
        }
        if let Some(ms) = self.failure_alert_cooldown {
            given.insert("cooldownMs".into(), ms.into());
        }
        if given.is_empty() && !self.failure_alert {
            return Ok(None);
        }
        let mut policy: Map<String, Value> = there.as_object().cloned().unwrap_or_default();
        policy.extend(given);
        Ok(Some(policy.into()))
    }
}
