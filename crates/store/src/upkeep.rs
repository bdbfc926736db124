//! What is thrown away, and when.

use crate::{R, Store, access, cron_runs, node_calls, sql};
use rusqlite::params;

/// Sent messages and the keys against redelivery are kept so long.
const KEEP_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Rows of one kind that a call takes at most, so that upkeep never holds up the writer. Called hourly, that keeps up
/// with a message every two seconds.
const STEP: i64 = 2000;

impl Store {
    /// Upkeep, to be called every hour or so: forgets sent outbox rows, closed inbound rows, ended approvals and keys of tool
    /// calls older than 30 days, expired channel requests, runs of jobs older than 7 days, and calls that waited in vain for a node.
    /// Each call is short; what is left over waits for the next one. What was given up stays for the operator to see.
    pub async fn prune(&self) -> R<()> {
        // A crash in between costs nothing: the rows are found again.
        self.write(|c, now| {
            access::drop_expired(c, now)?;
            let sql = "DELETE FROM outbox WHERE id IN
                       (SELECT id FROM outbox WHERE state = 'sent' AND settled_at_ms < ?1 LIMIT ?2)";
            sql::run(c, sql, params![now - KEEP_MS, STEP])?;
            let sql = "DELETE FROM inbound WHERE id IN
                       (SELECT id FROM inbound WHERE closed_at_ms < ?1 LIMIT ?2)";
            sql::run(c, sql, params![now - KEEP_MS, STEP])?;
            cron_runs::prune(c, now)?;
            let sql = "DELETE FROM approvals WHERE seq IN
                       (SELECT seq FROM approvals WHERE status <> 'pending' AND resolved_at_ms < ?1 LIMIT ?2)";
            sql::run(c, sql, params![now - KEEP_MS, STEP])?;
            let sql = "DELETE FROM tool_calls WHERE id IN
                       (SELECT id FROM tool_calls WHERE begun_at_ms < ?1 LIMIT ?2)";
            sql::run(c, sql, params![now - KEEP_MS, STEP])?;
            node_calls::prune(c, now, STEP)
        })
        .await
    }
}
