//! What model calls used and cost. Rows are never changed or deleted.

use crate::error::Sql;
use crate::sql::{self, int};
use crate::{LedgerCall, LedgerTotal, R, Run, Store};
use model::{SessionKey, Usage};
use rusqlite::{Connection, params};

impl Store {
    /// Calls, tokens and money since a time, by provider and model, the dearest first.
    pub async fn ledger_totals(&self, since_ms: i64) -> R<Vec<LedgerTotal>> {
        self.read(move |c| {
            let sql = "SELECT provider, model, count(*), sum(used_input), sum(used_output), sum(used_cache_read),
                         sum(used_cache_write), sum(used_cost) AS cost
                       FROM ledger WHERE at_ms >= ?1 GROUP BY provider, model ORDER BY cost DESC, provider, model";
            sql::all(c, sql, [since_ms], |row| {
                let (provider, model, calls) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(LedgerTotal { provider, model, calls, usage: sql::usage(row, 3)? })
            })
        })
        .await
    }
}

/// What a provider says it used, within bounds. A nonsensical answer must not break the sums: they are signed 64 bit,
/// and SQLite has no NaN. 2^40 tokens in one call are beyond any model.
pub(crate) fn sane(usage: &Usage) -> Usage {
    let bounded = |tokens: u64| tokens.min(1 << 40);
    Usage {
        input: bounded(usage.input),
        output: bounded(usage.output),
        cache_read: bounded(usage.cache_read),
        cache_write: bounded(usage.cache_write),
        cost: if usage.cost.is_finite() { usage.cost } else { 0.0 },
    }
}

/// What a model call was made for.
#[derive(Clone, Copy)]
pub(crate) struct Payer<'a> {
    /// The run, or the operation that is none (a compaction on demand).
    pub(crate) run_id: &'a str,
    pub(crate) session_key: &'a SessionKey,
    pub(crate) session_id: &'a str,
}

impl<'a> From<&'a Run> for Payer<'a> {
    fn from(run: &'a Run) -> Self {
        Self { run_id: &run.run_id, session_key: &run.session_key, session_id: &run.session_id }
    }
}

/// Books calls, and adds them to their run where there is one.
pub(crate) fn book(c: &Connection, payer: Payer<'_>, calls: &[LedgerCall], now: i64) -> Sql<()> {
    let insert =
        "INSERT INTO ledger (at_ms, run_id, session_key, session_id, provider, model, kind, used_input, used_output,
                    used_cache_read, used_cache_write, used_cost, cost_input, cost_output, cost_cache_read,
                    cost_cache_write, duration_ms, error)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    let add = "UPDATE runs SET used_input = used_input + ?2, used_output = used_output + ?3,
                 used_cache_read = used_cache_read + ?4, used_cache_write = used_cache_write + ?5,
                 used_cost = used_cost + ?6 WHERE run_id = ?1";
    for call in calls {
        let u = sane(&call.usage);
        let (input, output) = (int(u.input), int(u.output));
        let (cache_read, cache_write) = (int(u.cache_read), int(u.cache_write));
        let finite = |cost: f64| if cost.is_finite() { cost } else { 0.0 };
        let values = params![
            now,
            payer.run_id,
            payer.session_key.as_str(),
            payer.session_id,
            call.provider,
            call.model,
            call.kind,
            input,
            output,
            cache_read,
            cache_write,
            u.cost,
            finite(call.cost.input),
            finite(call.cost.output),
            finite(call.cost.cache_read),
            finite(call.cost.cache_write),
            call.duration_ms,
            call.error
        ];
        sql::run(c, insert, values)?;
        sql::run(c, add, params![payer.run_id, input, output, cache_read, cache_write, u.cost])?;
    }
    Ok(())
}
