//! Sessions, their runs and what those cost.

use model::{Directives, Message, Outbound, SessionKey, Usage};
use serde::{Deserialize, Serialize};

/// A session. Names and routes are those of the last message; counters are since the last reset.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its key.
    pub key: SessionKey,
    /// The transcript that it has now; a reset begins a new one and keeps the old.
    pub session_id: String,
    /// When the key was first used.
    pub created_at_ms: i64,
    /// When the current transcript began.
    pub started_at_ms: i64,
    /// When anything about it changed last.
    pub updated_at_ms: i64,
    /// `channel`, `run` …
    pub created_via: String,
    /// The name to show, such as a sender or a group's title.
    pub title: Option<String>,
    /// `direct` or `group`, where it came from a chat.
    pub chat_type: Option<String>,
    /// Where answers go: channel, account, chat.
    pub route: Option<Route>,
    /// The provider of the last call.
    pub provider: Option<String>,
    /// The model of the last call.
    pub model: Option<String>,
    /// Everything that its model calls used.
    pub usage: Usage,
    /// The size of the context at the last call, in tokens.
    pub context_tokens: u64,
    /// Whether it has still that size: it has not been compacted since.
    pub context_is_fresh: bool,
    /// How many messages its transcript has.
    pub message_count: i64,
    /// How often it was compacted.
    pub compactions: i64,
    /// The beginning of its last visible text, at most 200 characters.
    pub preview: Option<String>,
    /// Its last run.
    pub last_run: Option<RunBrief>,
    /// The name that somebody gave it; unique within its agent.
    pub label: Option<String>,
    /// The model that somebody chose for it, `provider/model`; its agent's own where absent.
    pub model_choice: Option<String>,
    /// Which model answered last instead of the one that was chosen; `None` where that one did.
    pub fallback: Option<Fallback>,
    /// What was chosen for it by commands.
    pub chosen: crate::Chosen,
    /// The session from which it was begun.
    pub parent_key: Option<String>,
    /// When it was put away.
    pub archived_at_ms: Option<i64>,
    /// When it was pinned.
    pub pinned_at_ms: Option<i64>,
    /// When somebody read it last.
    pub read_at_ms: Option<i64>,
    /// When it was marked as unread.
    pub marked_unread_at_ms: Option<i64>,
}

/// What a list shows of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunBrief {
    /// Its id.
    pub run_id: String,
    /// How it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
}

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The channel's id.
    pub channel: String,
    /// The account of that channel.
    pub account: String,
    /// The chat's id.
    pub to: String,
    /// The message to answer.
    pub reply_to: Option<String>,
}

/// A message on a platform that shows a run's answer while it is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The platform's id of it.
    pub message_id: String,
    /// Whether it only says what the run is at, and goes when the answer comes.
    pub is_status: bool,
    /// The last outgoing message before it.
    pub outbox_id: i64,
    /// The last incoming message before it.
    pub inbound_id: i64,
    /// The messages of a long answer that stand above it, from the top.
    pub above: Vec<String>,
}

impl Draft {
    /// All its messages, from the top.
    pub fn messages(&self) -> impl Iterator<Item = &String> {
        self.above.iter().chain(std::iter::once(&self.message_id))
    }
}

/// How a chat stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChatState {
    /// Whether something is still to be said there.
    pub waits: bool,
    /// The last outgoing message of all.
    pub outbox_id: i64,
    /// The last incoming message of all.
    pub inbound_id: i64,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// Begun and not ended; after a restart that means cut.
    Running,
    /// Answered.
    Done,
    /// Ended by an error.
    Failed,
    /// Stopped by somebody.
    Aborted,
}

/// One run of the agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The idempotency key of the call that began it, or one derived from the inbound message.
    pub run_id: String,
    /// Its session.
    pub session_key: SessionKey,
    /// The transcript that it writes to.
    pub session_id: String,
    /// Where its answer goes; `None` answers the caller alone.
    pub route: Option<Route>,
    /// What the caller asked for beside the answer; it holds after a crash too.
    pub directives: Option<Directives>,
    /// The model that its session has chosen, as it was when this was read.
    pub model_choice: Option<String>,
    /// Which model answered in its session before it instead of the chosen one, as it was when this was read.
    pub fallback: Option<Fallback>,
    /// What was chosen for its session by commands, as it was when this was read.
    pub chosen: crate::Chosen,
    /// How it stands.
    pub status: RunStatus,
    /// When it was accepted.
    pub started_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// How often it was resumed after a crash.
    pub resumes: i64,
    /// The final visible text.
    pub reply: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// What it used.
    pub usage: Usage,
}

/// An entry of a transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Counts up over the transcript, from 1.
    pub seq: i64,
    /// A UUID.
    pub id: String,
    /// The run that wrote it.
    pub run_id: Option<String>,
    /// The message.
    pub message: Message,
    /// When it was committed.
    pub recorded_at_ms: i64,
}

/// The beginning of a run: session (made if absent), run row, user messages and consumed inbound rows, in one
/// transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct BeginRun {
    /// Its id.
    pub run_id: String,
    /// Its session.
    pub session_key: SessionKey,
    /// Where its answer goes.
    pub route: Option<Route>,
    /// What the caller asked for beside the answer.
    pub directives: Option<Directives>,
    /// What was said. May be empty when everything is in the transcript already.
    pub messages: Vec<Message>,
    /// The inbound rows that these messages are; closed by this.
    pub inbound_ids: Vec<i64>,
    /// The system events that the first of these messages tells of; taken out by this.
    pub system_events: Vec<i64>,
    /// For a session that this makes: `channel` or `run`.
    pub created_via: String,
    /// The name to show, where the message gives one.
    pub title: Option<String>,
    /// `direct` or `group`, where it came from a chat.
    pub chat_type: Option<String>,
}

/// What [`crate::Store::begin_run`] did.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It runs: the whole current transcript since the last compaction, the new messages at its end.
    Started {
        /// The run.
        run: Run,
        /// The transcript.
        transcript: Vec<Entry>,
    },
    /// This id was begun before; nothing was changed.
    Existing(Run),
    /// Some of its inbound rows were closed meanwhile, by whoever took out what waits; nothing was changed.
    Closed,
}

/// What the cost of a model call is made of, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CostParts {
    /// Read at full price.
    pub input: f64,
    /// Written.
    pub output: f64,
    /// Read from the cache.
    pub cache_read: f64,
    /// Written to the cache.
    pub cache_write: f64,
}

/// A model call, for the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerCall {
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// `turn`, `retry`, `compaction` …
    pub kind: String,
    /// What it used and cost.
    pub usage: Usage,
    /// What the cost is made of.
    pub cost: CostParts,
    /// How long it took, in ms.
    pub duration_ms: i64,
    /// What went wrong.
    pub error: Option<String>,
}

/// The end of a run: last messages, ledger, session counters, run status and outbox rows, in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishRun {
    /// Its id.
    pub run_id: String,
    /// How it ended; not `Running`.
    pub status: RunStatus,
    /// The messages not yet in the transcript.
    pub messages: Vec<Message>,
    /// The model calls not yet in the ledger.
    pub calls: Vec<LedgerCall>,
    /// The final visible text.
    pub reply: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// What goes out, in order.
    pub outbox: Vec<Outbound>,
    /// Which model answered instead of the chosen one, where that changed: the inner `None` takes the note away.
    pub fallback: Option<Option<Fallback>>,
}

/// Another model answered than the one that was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// The chosen one, `provider/model`.
    pub selected: String,
    /// The one that answered.
    pub active: String,
    /// Why, in a word.
    pub reason: String,
}

/// Money and tokens by provider and model.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerTotal {
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// How many calls.
    pub calls: i64,
    /// What they used and cost.
    pub usage: Usage,
}
