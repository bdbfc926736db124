//! What comes from chat platforms and goes to them, and who may speak there.

use model::{Inbound, Outbound};

/// A message from a platform that is on disk and not yet part of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundRow {
    /// Counts up in order of arrival.
    pub id: i64,
    /// The message.
    pub inbound: Inbound,
}

/// What there is of a message that came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Where it was said.
    pub chat_id: String,
    /// What became of it.
    pub fate: Fate,
    /// Whether it says what the message says that was asked with; `None` where nobody knows any more.
    pub says_the_same: Option<bool>,
}

/// What became of a message from a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// An agent reads it, or has.
    Heard,
    /// It was not meant for an agent, and is told once somebody speaks to it.
    Overheard,
    /// Nobody reads it: it was a command, its sender may not speak, or it was taken out.
    Left,
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

/// A message that was given up.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The message, as it waited.
    pub row: OutboxRow,
    /// Why it was given up.
    pub error: String,
    /// When.
    pub given_up_at_ms: i64,
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
