//! Jobs that run by themselves. The shapes are those of `cron.*` on the wire, which is also how they are stored.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A job: what people set, and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// A UUID.
    pub id: String,
    /// The same key declares the same job: at most one job has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declaration_key: Option<String>,
    /// The name to show, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The agent that does it; the default one where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The session that it was made in, which its answers go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether its times count.
    pub enabled: bool,
    /// Whether it goes once it has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_run: Option<bool>,
    /// In ms since the epoch.
    pub created_at_ms: i64,
    /// When what people set was changed last, in ms since the epoch.
    pub updated_at_ms: i64,
    /// When.
    pub schedule: Schedule,
    /// In which session: `main`, `isolated`, `current` or `session:<key>`.
    pub session_target: String,
    /// Whether a system event wakes the agent, or waits for the next heartbeat.
    pub wake_mode: WakeMode,
    /// What.
    pub payload: Payload,
    /// Where the answer goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// When and where repeated failures are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_alert: Option<FailureAlert>,
    /// How it stands.
    #[serde(default)]
    pub state: JobState,
}

/// When a job runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Schedule {
    /// Once.
    At {
        /// ISO 8601; UTC where it names no offset.
        at: String,
    },
    /// At equal distances.
    Every {
        /// The distance, in ms.
        every_ms: i64,
        /// One of the times, in ms since the epoch; all others lie whole distances away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        anchor_ms: Option<i64>,
    },
    /// As a cron expression says.
    Cron {
        /// Five fields, or six with seconds in front.
        expr: String,
        /// An IANA time zone; the host's where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tz: Option<String>,
        /// Runs are spread over this many ms, each job always by the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stagger_ms: Option<i64>,
    },
}

/// Whether a system event wakes the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WakeMode {
    /// At once.
    #[serde(rename = "now")]
    Now,
    /// It waits for the next heartbeat, or for whatever turn comes first.
    #[serde(rename = "next-heartbeat")]
    NextHeartbeat,
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Payload {
    /// Leaves a line for the next turn of the agent's main session.
    SystemEvent {
        /// The line.
        text: String,
    },
    /// Has the agent answer a message.
    AgentTurn {
        /// The message.
        message: String,
        /// `provider/model`, instead of the agent's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// The longest that it may take, in seconds; 0 is as long as any turn may.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_seconds: Option<f64>,
        /// Without the files of the workspace in the prompt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        light_context: Option<bool>,
        /// With these tools alone, of those that the agent has; `*` is all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tools_allow: Option<Vec<String>>,
    },
    /// The agent's heartbeat; made by the gateway alone.
    Heartbeat {},
}

impl Payload {
    /// As the wire says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Payload::SystemEvent { .. } => "systemEvent",
            Payload::AgentTurn { .. } => "agentTurn",
            Payload::Heartbeat {} => "heartbeat",
        }
    }
}

/// How an answer is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeliveryMode {
    /// Not at all.
    None,
    /// To a chat.
    Announce,
}

/// Where the answer of a job goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delivery {
    /// Whether at all.
    pub mode: DeliveryMode,
    /// The channel; `last` or nothing is where the job's session was last spoken to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The account of the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The thread or topic: a text or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<Value>,
    /// Whether a run counts as succeeded although its answer went nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_effort: Option<bool>,
    /// Where failures are told instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_destination: Option<Destination>,
}

/// A chat that failures are told in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Destination {
    /// The channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The account of the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// How; to a chat is the one way that there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<DeliveryMode>,
}

/// When and where repeated failures are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FailureAlert {
    /// `false`: never.
    Off(bool),
    /// In this way.
    On(AlertPolicy),
}

/// How failures are told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertPolicy {
    /// After so many failures in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
    /// And not again for so many ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown_ms: Option<i64>,
    /// The channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The account of the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// How; to a chat is the one way that there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<DeliveryMode>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunOutcome {
    /// Well.
    Ok,
    /// With an error.
    Error,
    /// It was not done, on purpose.
    Skipped,
}

impl RunOutcome {
    /// As the wire says it.
    pub fn as_str(self) -> &'static str {
        match self {
            RunOutcome::Ok => "ok",
            RunOutcome::Error => "error",
            RunOutcome::Skipped => "skipped",
        }
    }
}

/// How a job stands. Times are ms since the epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobState {
    /// When it runs next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_run_at_ms: Option<i64>,
    /// Since when it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_at_ms: Option<i64>,
    /// When its last run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run_at_ms: Option<i64>,
    /// How that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run_status: Option<RunOutcome>,
    /// The same, under its older name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<RunOutcome>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How long it took, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_duration_ms: Option<i64>,
    /// Failures in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_errors: Option<i64>,
    /// Times in a row that it was passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_skipped: Option<i64>,
    /// When failures were told last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure_alert_at_ms: Option<i64>,
}
