//! What was used over a time, in cells small enough to be put together by days of any time zone.

use crate::error::Sql;
use crate::sql;
use crate::{CostParts, R, Store};
use model::{SessionKey, Usage};
use rusqlite::Connection;

/// Cells are a quarter of an hour: every offset of a time zone is a multiple of it.
const CELL_MS: i64 = 15 * 60 * 1000;

/// What to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageFilter {
    /// From this time on.
    pub from_ms: i64,
    /// Before this time.
    pub before_ms: i64,
    /// Of this agent alone.
    pub agent_id: Option<String>,
    /// Of this session alone.
    pub key: Option<SessionKey>,
}

/// Model calls of one session to one model in a quarter of an hour.
#[derive(Debug, Clone, PartialEq)]
pub struct UsedCell {
    /// When the quarter begins.
    pub at_ms: i64,
    /// The session.
    pub key: SessionKey,
    /// The transcript that it had; unknown for some calls that an older version booked.
    pub session_id: Option<String>,
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// How many calls.
    pub calls: u64,
    /// How many of them answered.
    pub answered: u64,
    /// What they used and cost.
    pub usage: Usage,
    /// What the cost is made of, as far as it is known.
    pub cost: CostParts,
}

/// Entries of one transcript of one kind in a quarter of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryCount {
    /// When the quarter begins.
    pub at_ms: i64,
    /// The session.
    pub key: SessionKey,
    /// The transcript.
    pub session_id: String,
    /// `user`, `assistant`, `toolResult` or `note`.
    pub role: String,
    /// The tool, of a result.
    pub tool: Option<String>,
    /// How many.
    pub count: u64,
    /// How many tool calls are in them.
    pub tool_calls: u64,
    /// How many failed.
    pub failed: u64,
    /// The first and the last of them, in ms.
    pub first_ms: i64,
    /// The last.
    pub last_ms: i64,
}

impl Store {
    /// The model calls of a time, and the entries that were written then; both as of one moment.
    pub async fn usage(&self, filter: UsageFilter) -> R<(Vec<UsedCell>, Vec<EntryCount>)> {
        self.read(move |c| Ok((used(c, &filter)?, entries(c, &filter)?))).await
    }

    /// The model calls of a time.
    pub async fn used(&self, filter: UsageFilter) -> R<Vec<UsedCell>> {
        self.read(move |c| used(c, &filter)).await
    }

    /// When the first model call was made.
    pub async fn first_call(&self) -> R<Option<i64>> {
        self.read(|c| Ok(c.query_row("SELECT min(at_ms) FROM ledger", [], |row| row.get(0))?)).await
    }
}

fn used(c: &Connection, filter: &UsageFilter) -> Sql<Vec<UsedCell>> {
    let sql = "SELECT at_ms / ?5 * ?5 AS cell, session_key, session_id, provider, model, count(*),
                 count(*) FILTER (WHERE error IS NULL), sum(used_input), sum(used_output), sum(used_cache_read),
                 sum(used_cache_write), sum(used_cost), total(cost_input), total(cost_output), total(cost_cache_read),
                 total(cost_cache_write)
               FROM ledger
               WHERE at_ms >= ?1 AND at_ms < ?2 AND (?3 IS NULL OR session_key = ?3)
                 AND (?4 IS NULL OR substr(session_key, 1, length(?4)) = ?4)
               GROUP BY cell, session_key, session_id, provider, model ORDER BY cell";
    sql::all(c, sql, filter.params(), |row| {
        Ok(UsedCell {
            at_ms: row.get(0)?,
            key: crate::sessions::read_key(row, 1)?,
            session_id: row.get(2)?,
            provider: row.get(3)?,
            model: row.get(4)?,
            calls: sql::count(row.get(5)?),
            answered: sql::count(row.get(6)?),
            usage: sql::usage(row, 7)?,
            cost: CostParts {
                input: row.get(12)?,
                output: row.get(13)?,
                cache_read: row.get(14)?,
                cache_write: row.get(15)?,
            },
        })
    })
}

fn entries(c: &Connection, filter: &UsageFilter) -> Sql<Vec<EntryCount>> {
    let sql = "SELECT recorded_at_ms / ?5 * ?5 AS cell, t.session_key, t.session_id, role, tool, count(*),
                 sum(tool_calls), sum(failed), min(recorded_at_ms), max(recorded_at_ms)
               FROM entries JOIN transcripts t USING (transcript)
               WHERE recorded_at_ms >= ?1 AND recorded_at_ms < ?2 AND role IS NOT NULL
                 AND (?3 IS NULL OR t.session_key = ?3)
                 AND (?4 IS NULL OR substr(t.session_key, 1, length(?4)) = ?4)
               GROUP BY cell, t.transcript, role, tool ORDER BY cell";
    sql::all(c, sql, filter.params(), |row| {
        Ok(EntryCount {
            at_ms: row.get(0)?,
            key: crate::sessions::read_key(row, 1)?,
            session_id: row.get(2)?,
            role: row.get(3)?,
            tool: row.get(4)?,
            count: sql::count(row.get(5)?),
            tool_calls: sql::count(row.get(6)?),
            failed: sql::count(row.get(7)?),
            first_ms: row.get(8)?,
            last_ms: row.get(9)?,
        })
    })
}

impl UsageFilter {
    fn params(&self) -> impl rusqlite::Params + use<> {
        let prefix = self.agent_id.as_ref().map(|id| format!("agent:{id}:"));
        let key = self.key.as_ref().map(|key| key.as_str().to_owned());
        (self.from_ms, self.before_ms, key, prefix, CELL_MS)
    }
}
