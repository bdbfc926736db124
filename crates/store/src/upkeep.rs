//! What is thrown away, and when.

use crate::{R, Store, access, cron_runs, node_calls, sql};
use rusqlite::params;

/// Sent messages and the keys against redelivery are kept so long.
const KEEP_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What was said in chats is kept so long, as text alone.
const KEEP_SAID_MS: i64 = 365 * 24 * 60 * 60 * 1000;

/// Rows of one kind that a call takes at most, so that upkeep never holds up the writer.
const STEP: i64 = 2000;

/// What goes by its age alone: each takes the time before which it goes, and how many at most.
const AGED: [&str; 4] = [
    "DELETE FROM outbox WHERE id IN
       (SELECT id FROM outbox WHERE state = 'sent' AND settled_at_ms < ?1 LIMIT ?2)",
    "DELETE FROM inbound WHERE id IN (SELECT id FROM inbound WHERE closed_at_ms < ?1 LIMIT ?2)",
    "DELETE FROM approvals WHERE seq IN
       (SELECT seq FROM approvals WHERE status <> 'pending' AND resolved_at_ms < ?1 LIMIT ?2)",
    "DELETE FROM tool_calls WHERE id IN (SELECT id FROM tool_calls WHERE begun_at_ms < ?1 LIMIT ?2)",
];

impl Store {
    /// Upkeep, to be called every hour or so: forgets sent outbox rows, closed inbound rows, ended approvals and keys of tool
    /// calls older than 30 days, expired channel requests, runs of jobs older than 7 days, and calls that waited in vain for a node.
    /// Each call is short; true: more is left over for another. What was given up stays for the operator to see.
    pub async fn prune(&self) -> R<bool> {
        // A crash in between costs nothing: the rows are found again.
        self.write(|c, now| {
            access::drop_expired(c, now)?;
            let mut most = cron_runs::prune(c, now, STEP)?;
            for sql in AGED {
                most = most.max(sql::run(c, sql, params![now - KEEP_MS, STEP])?);
            }
            let sql = "DELETE FROM said WHERE (channel, account, chat_id, message_id) IN
                         (SELECT channel, account, chat_id, message_id FROM said WHERE sent_at_ms < ?1 LIMIT ?2)";
            most = most.max(sql::run(c, sql, params![now - KEEP_SAID_MS, STEP])?);
            most = most.max(node_calls::prune(c, now, STEP)?);
            Ok(sql::int(most as u64) >= STEP)
        })
        .await
    }
}
