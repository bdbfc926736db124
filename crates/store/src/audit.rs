//! What agents did, without what was said: the begin and end of each run and of each call of a tool. Every row is written
//! in the transaction of what it tells of, so that neither is there without the other.

use crate::error::Sql;
use crate::{Entry, R, Run, RunStatus, Store, sql};
use model::{Message, ToolOutcome};
use rusqlite::{Connection, Row, params};

/// Rows that are kept; each new one takes the oldest beyond it away. With a dozen rows a turn that is some thousand turns.
const MAX_ROWS: i64 = 50_000;

/// Something that an agent did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Counts up over all events.
    pub sequence: i64,
    /// Counts up within the run.
    pub source_sequence: i64,
    /// Its own id.
    pub event_id: String,
    /// When, in ms since the epoch.
    pub at_ms: i64,
    /// The agent.
    pub agent_id: String,
    /// The session.
    pub session_key: String,
    /// The session's transcript.
    pub session_id: String,
    /// The run.
    pub run_id: String,
    /// `agent.run.started`, `agent.run.finished`, `tool.action.started` or `tool.action.finished`.
    pub action: String,
    /// `started`, `succeeded`, `failed`, `cancelled` or `unknown`.
    pub status: String,
    /// The call, where it is about a tool.
    pub tool_call_id: Option<String>,
    /// The tool.
    pub tool_name: Option<String>,
}

/// Which events to give; what is `None` matters not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Those of this agent.
    pub agent_id: Option<String>,
    /// Those of this session.
    pub session_key: Option<String>,
    /// Those of this run.
    pub run_id: Option<String>,
    /// Those whose action begins so: `agent.` or `tool.`.
    pub action_prefix: Option<String>,
    /// Those of this status.
    pub status: Option<String>,
    /// At this time or later, in ms since the epoch.
    pub after_ms: Option<i64>,
    /// At this time or earlier.
    pub before_ms: Option<i64>,
    /// Those with a smaller sequence.
    pub below: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Store {
    /// What agents did, the latest first.
    pub async fn audit(&self, filter: AuditFilter) -> R<Vec<AuditEvent>> {
        self.read(move |c| list(c, &filter)).await
    }
}

/// A run begins.
pub(crate) fn began(c: &Connection, run: &Run, now: i64) -> Sql<()> {
    write(c, run, ("agent.run.started", "started"), None, now)
}

/// A run has ended so.
pub(crate) fn ended(c: &Connection, run: &Run, status: RunStatus, now: i64) -> Sql<()> {
    let status = match status {
        RunStatus::Running => "started",
        RunStatus::Done => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::Aborted => "cancelled",
    };
    write(c, run, ("agent.run.finished", status), None, now)
}

/// What a run wrote into its transcript: calls of tools, which begin once they are there, and their results.
pub(crate) fn wrote(c: &Connection, run: &Run, entries: &[Entry], now: i64) -> Sql<()> {
    for entry in entries {
        match &entry.message {
            Message::Assistant(answer) => {
                for (id, name, _) in answer.tool_calls() {
                    write(c, run, ("tool.action.started", "started"), Some((id, name)), now)?;
                }
            }
            Message::ToolResult(result) => {
                let status = match result.outcome() {
                    ToolOutcome::Succeeded => "succeeded",
                    ToolOutcome::Failed => "failed",
                    ToolOutcome::NotBegun => "cancelled",
                    ToolOutcome::Unknown => "unknown",
                };
                let tool = (result.tool_call_id.as_str(), result.tool_name.as_str());
                write(c, run, ("tool.action.finished", status), Some(tool), now)?;
            }
            Message::User(_) | Message::Note(_) => {}
        }
    }
    Ok(())
}

fn write(
    c: &Connection,
    run: &Run,
    (action, status): (&str, &str),
    tool: Option<(&str, &str)>,
    now: i64,
) -> Sql<()> {
    let sql = "INSERT INTO audit_events (source_sequence, event_id, at_ms, agent_id, session_key, session_id, run_id,
                 action, status, tool_call_id, tool_name)
               VALUES ((SELECT coalesce(max(source_sequence), 0) + 1 FROM audit_events WHERE run_id = ?6),
                 ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let key = &run.session_key;
    let (call, name) = tool.unzip();
    let values = params![
        model::new_id(),
        now,
        key.agent_id(),
        key.as_str(),
        run.session_id,
        run.run_id,
        action,
        status,
        call,
        name
    ];
    sql::run(c, sql, values)?;
    let oldest = c.last_insert_rowid() - MAX_ROWS;
    sql::run(c, "DELETE FROM audit_events WHERE sequence <= ?1", [oldest])?;
    Ok(())
}

fn list(c: &Connection, f: &AuditFilter) -> Sql<Vec<AuditEvent>> {
    let sql = "SELECT sequence, source_sequence, event_id, at_ms, agent_id, session_key, session_id, run_id, action,
                 status, tool_call_id, tool_name
               FROM audit_events
               WHERE (?1 IS NULL OR agent_id = ?1) AND (?2 IS NULL OR session_key = ?2)
                 AND (?3 IS NULL OR run_id = ?3) AND (?4 IS NULL OR substr(action, 1, length(?4)) = ?4)
                 AND (?5 IS NULL OR status = ?5) AND (?6 IS NULL OR at_ms >= ?6) AND (?7 IS NULL OR at_ms <= ?7)
                 AND (?8 IS NULL OR sequence < ?8)
               ORDER BY sequence DESC LIMIT ?9";
    let values = params![
        f.agent_id,
        f.session_key,
        f.run_id,
        f.action_prefix,
        f.status,
        f.after_ms,
        f.before_ms,
        f.below,
        sql::int(f.limit as u64)
    ];
    sql::all(c, sql, values, read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<AuditEvent> {
    Ok(AuditEvent {
        sequence: row.get(0)?,
        source_sequence: row.get(1)?,
        event_id: row.get(2)?,
        at_ms: row.get(3)?,
        agent_id: row.get(4)?,
        session_key: row.get(5)?,
        session_id: row.get(6)?,
        run_id: row.get(7)?,
        action: row.get(8)?,
        status: row.get(9)?,
        tool_call_id: row.get(10)?,
        tool_name: row.get(11)?,
    })
}
