//! The rows as the rest of the program sees them. All times are ms since the Unix epoch.

use model::{Directives, Inbound, Message, Outbound, SessionKey, Usage};
use serde_json::Value;

/// What a connecting device says of itself; none of it is trusted beyond showing it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceAsk {
    /// Hex SHA-256 of the raw public key; proven by signature before this is made.
    pub device_id: String,
    /// base64url of the raw 32 bytes.
    pub public_key: String,
    /// The name to show.
    pub display_name: Option<String>,
    /// Such as `linux`.
    pub platform: Option<String>,
    /// Such as `Linux`.
    pub device_family: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// `client.mode`.
    pub client_mode: String,
    /// `operator` or `node`.
    pub role: String,
    /// The scopes asked for, in the order asked.
    pub scopes: Vec<String>,
    /// Whether the device is paired already and asks for more.
    pub is_repair: bool,
}

/// A pairing request that waits for an operator. Its id stays the same for as long as the same is asked for; asking
/// for something else replaces it under a new id, so that nobody approves what they have not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// What `device.pair.approve` takes.
    pub request_id: String,
    /// What is asked.
    pub ask: DeviceAsk,
    /// When it was first asked.
    pub ts: i64,
}

/// How a device came to be approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovedVia {
    /// By itself: on direct loopback with a proven shared secret.
    Silent,
    /// By an operator.
    Owner,
}

/// A paired device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Hex SHA-256 of the raw public key.
    pub device_id: String,
    /// base64url of the raw 32 bytes.
    pub public_key: String,
    /// The name to show.
    pub display_name: Option<String>,
    /// The operator's own name for it, which no pairing changes.
    pub label: Option<String>,
    /// Such as `linux`.
    pub platform: Option<String>,
    /// Such as `Linux`.
    pub device_family: Option<String>,
    /// `client.id` at the last approval.
    pub client_id: String,
    /// `client.mode` at the last approval.
    pub client_mode: String,
    /// The roles approved, the latest first.
    pub roles: Vec<String>,
    /// The operator scopes approved.
    pub scopes: Vec<String>,
    /// How it was approved last.
    pub approved_via: ApprovedVia,
    /// First pairing.
    pub created_at_ms: i64,
    /// Last approval.
    pub approved_at_ms: i64,
    /// Last connect.
    pub last_seen_at_ms: Option<i64>,
    /// One per role.
    pub tokens: Vec<DeviceToken>,
}

/// The right to connect without the shared secret. The token itself is not kept: the gateway derives it from its own
/// secret, the device, the role and `generation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceToken {
    /// The role that it is good for.
    pub role: String,
    /// What it grants at most.
    pub scopes: Vec<String>,
    /// The newest one. Counts up when the token is rotated; never reused for a device and role, removal and new pairing
    /// included.
    pub generation: i64,
    /// The oldest generation that is still good: a rotated token is, until one that came after it was used.
    pub good_from: i64,
    /// When it was first issued.
    pub created_at_ms: i64,
    /// When it was last rotated.
    pub rotated_at_ms: Option<i64>,
    /// When it was revoked; it is good for nothing from then on.
    pub revoked_at_ms: Option<i64>,
}

impl Device {
    /// Whether an operator took the token of this role away, and nobody gave it back.
    pub fn has_revoked(&self, role: &str) -> bool {
        self.tokens.iter().any(|token| token.role == role && token.revoked_at_ms.is_some())
    }

    /// The roles that were approved and not taken away since.
    pub fn held_roles(&self) -> Vec<&str> {
        self.roles.iter().map(String::as_str).filter(|role| !self.has_revoked(role)).collect()
    }
}

impl DeviceToken {
    /// The generations that are good, the newest first. None where it was revoked.
    pub fn good(&self) -> impl Iterator<Item = i64> + use<> {
        let from = if self.revoked_at_ms.is_some() { i64::MAX } else { self.good_from };
        (from..=self.generation).rev()
    }
}

/// What became of a wish to rotate a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// It has a new generation.
    Done(DeviceToken),
    /// There is no such token, or it is of another generation by now.
    Changed,
    /// So many generations were made since its device came last that another would not reach it either.
    Unclaimed,
}

/// What a setup code lets a device in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupAccess {
    /// As a node, and as an operator with administration.
    Full,
    /// As a node, and as an operator without administration.
    Limited,
    /// As a node alone.
    Node,
}

impl SetupAccess {
    /// As the protocol spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            SetupAccess::Full => "full",
            SetupAccess::Limited => "limited",
            SetupAccess::Node => "node",
        }
    }

    /// The way back; what is unknown is the least.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "full" => SetupAccess::Full,
            "limited" => SetupAccess::Limited,
            _ => SetupAccess::Node,
        }
    }
}

/// A code that lets one device in. The credential itself is derived from its id and not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupCode {
    /// Its id; no secret.
    pub setup_id: String,
    /// What it lets a device in for.
    pub access: SetupAccess,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it is over.
    pub expires_at_ms: i64,
    /// Who came with it.
    pub used: Option<SetupUse>,
}

impl SetupCode {
    /// Whether it may still let somebody in.
    pub fn is_open(&self, now_ms: i64) -> bool {
        self.expires_at_ms > now_ms && self.used.as_ref().is_none_or(|used| used.claimed_at_ms.is_none())
    }
}

/// The device that came with a setup code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupUse {
    /// The device.
    pub device_id: String,
    /// Its name, where it gave one.
    pub device_name: Option<String>,
    /// When it came.
    pub at_ms: i64,
    /// When the answer with its tokens was written out to it.
    pub answered_at_ms: Option<i64>,
    /// When it came with one of these tokens.
    pub claimed_at_ms: Option<i64>,
}

/// What a node says that it can do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeDeclaration {
    /// The node's device id.
    pub node_id: String,
    /// `client.id`.
    pub client_id: String,
    /// `client.mode`.
    pub client_mode: String,
    /// The name to show.
    pub display_name: Option<String>,
    /// Such as `linux`.
    pub platform: Option<String>,
    /// The program's version.
    pub version: Option<String>,
    /// Such as `Linux`.
    pub device_family: Option<String>,
    /// Capabilities, as declared.
    pub caps: Vec<String>,
    /// Commands, as declared and allowed by policy.
    pub commands: Vec<String>,
    /// The node's PATH.
    pub path_env: Option<String>,
}

/// A node's wish to have its commands approved. Ids behave as those of [`DeviceRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRequest {
    /// What `node.pair.approve` takes.
    pub request_id: String,
    /// What is asked.
    pub declaration: NodeDeclaration,
    /// When it was first asked.
    pub ts: i64,
}

/// A node whose commands were approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSurface {
    /// The approved declaration: these commands may be called, no others.
    pub declaration: NodeDeclaration,
    /// First approval.
    pub created_at_ms: i64,
    /// Last approval.
    pub approved_at_ms: i64,
    /// Last connect.
    pub last_seen_at_ms: Option<i64>,
}

/// What became of a declaration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    /// What is approved, where anything is.
    pub approved: Option<NodeSurface>,
    /// What waits for approval, where the declaration goes beyond what is approved.
    pub pending: Option<NodeRequest>,
    /// Whether `pending` was made by this declaration rather than found.
    pub newly_pending: bool,
}

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
}

/// A message from a platform that is on disk and not yet part of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundRow {
    /// Counts up in order of arrival.
    pub id: i64,
    /// The message.
    pub inbound: Inbound,
}

/// A message to a platform that is on disk and not yet known to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxRow {
    /// Counts up in order of commit; rows of one chat are sent in this order.
    pub id: i64,
    /// The message.
    pub outbound: Outbound,
    /// How often it was tried.
    pub attempts: i64,
    /// Not before this time.
    pub not_before_ms: i64,
    /// When it was committed.
    pub created_at_ms: i64,
}

/// What became of an outbox row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxState {
    /// Waiting.
    Pending,
    /// Accepted by the platform under this id.
    Sent(String),
    /// Given up for this reason; kept for the operator to see.
    Dead(String),
}

/// A stranger who waits to be let in to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRequest {
    /// The channel's id.
    pub channel: String,
    /// The account of that channel.
    pub account: String,
    /// The platform's id of the sender.
    pub sender_id: String,
    /// What the owner types.
    pub code: String,
    /// The name to show.
    pub name: Option<String>,
    /// When it was first asked.
    pub created_at_ms: i64,
    /// When they wrote last.
    pub last_seen_at_ms: i64,
}

/// The answer to a stranger's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelOffer {
    /// The message's row; closed by this.
    pub row_id: i64,
    /// The platform's id of the sender.
    pub sender_id: String,
    /// The name to show.
    pub name: Option<String>,
    /// What the owner will type, where the request is new.
    pub code: String,
    /// What the sender is told then.
    pub reply: Outbound,
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

/// A named value of the gateway's own.
pub type Setting = Value;
