//! State on SQLite: one writer that groups commits and answers after them, readers of their own. SQL never leaves
//! this crate.
//!
//! What a method has answered is on disk (WAL, `synchronous=FULL`): neither `kill -9` nor a power cut takes it back.
//! A method whose future is dropped may still have its effect, since its job is with the writer by then; whoever
//! needs to know asks again by id.

mod accept;
mod access;
mod adopt;
mod approvals;
mod audit;
mod check;
mod chosen;
mod cron;
mod cron_runs;
mod cron_types;
mod dead_letters;
mod devices;
mod drafts;
mod error;
mod handle;
mod inbound;
mod kept;
mod key_health;
mod ledger;
mod lock;
mod node_calls;
mod node_work;
mod nodes;
mod open;
mod outbox;
mod readers;
mod runs;
mod said;
mod schema;
mod search;
mod session_edits;
mod sessions;
mod settings;
mod setup;
mod sql;
mod stickers;
mod system_events;
mod tasks;
mod tokens;
mod tool_calls;
mod transcript;
mod types;
mod upkeep;
mod usage;
mod voice_wake;
mod writer;

pub use accept::{Accepted, Expected, Leaf, Unmet};
pub use access::{MAX_STRANGERS, STRANGER_LIFE_MS};
pub use approvals::{Approval, ApprovalEnd, ApprovalStatus, NewApproval};
pub use audit::{AuditEvent, AuditFilter};
pub use check::{Soundness, soundness, suspect};
pub use chosen::{Chosen, ChosenPatch, UsageLine};
pub use cron_types::*;
pub use error::StoreError;
pub use handle::Store;
pub use key_health::{KeyFailure, KeyHealth};
pub use lock::{LockError, LockInfo, StateLock};
pub use node_calls::{MAX_NODE_CALLS, NODE_CALL_LIFE_MS, NodeCallRow};
pub use node_work::{NodeWork, NodeWorkState};
pub use open::Opened;
pub use said::{Said, SaidPage};
pub use search::{SearchHit, TextSearch};
pub use session_edits::{Created, Deleted, MAX_SWEPT, NewSession, Patched, SessionGuard, SessionPatch};
pub use sessions::{Archived, HistoryPage, SessionFilter, SessionPage};
pub use system_events::MAX_SYSTEM_EVENTS;
pub use tasks::{Task, TaskFilter};
pub use tool_calls::ToolCallState;
pub use types::*;
pub use usage::{EntryCount, UsageFilter, UsedCell};
pub use voice_wake::VoiceWake;

/// What every method of [`Store`] gives.
type R<T> = Result<T, StoreError>;
